"""OKLA's AuthService as the settings know it, and counts that begin at nothing."""

from typing import Any

import pytest
from django.conf import settings as django_settings
from redis import Redis

from scheduler_project.identity import counting
from tests.identity.okla import AUDIENCE, ISSUER, KEY


@pytest.fixture
def authservice(settings: Any, db: None) -> Any:
    """Returns the settings, to be changed further."""
    settings.SCHEDULER_JWT = {"key": KEY, "issuer": ISSUER, "audience": AUDIENCE}
    settings.SCHEDULER_JWT_SECOND_KEY = ""
    return settings


@pytest.fixture
def nothing_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this worker's own database of Valkey, which nobody has missed yet."""
    monkeypatch.setattr(counting, "_away_until", float("-inf"))
    with Redis.from_url(django_settings.CELERY_BROKER_URL) as store:
        for name in store.scan_iter(f"{counting.PREFIX}:*"):
            store.delete(name)
