"""A service in which something of everything has happened, and people of each role in front of its pages."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client

from dashboard import live
from executions.models import Alert, JobExecution
from jobs.models import SYSTEM_USER_ID
from scheduler_project.identity.models import User
from tests.admin_pages import client_of
from tests.factories import COMPLETED, FAILED, a_job, a_run, ended, started

NOWHERE = "00000000-0000-4000-8000-0000000000ff"
# The pages, and the parameters that each reads.
PAGES = {
    "/": ("span",),
    "/jobs": ("search", "status", "result", "order", "page"),
    "/jobs/{job}": ("at",),
    "/executions": ("search", "status", "trigger", "span", "newer", "older"),
    "/executions/{run}": (),
    "/timeline": ("window", "by"),
    "/alerts": ("state", "alert", "page"),
}


@pytest.fixture(autouse=True)
def nothing_shared() -> Iterator[None]:
    live.forget()
    yield
    live.forget()


@pytest.fixture
def service(db: None) -> dict[str, Any]:
    """`job` has a completed, a failed, a waiting and a running run; `paused` and the like are as they are called."""
    job = a_job("Sync Vehicle Prices", cron_expression="*/5 * * * *", overlap_policy="Allow", max_retries=0)
    ended(started(job), COMPLETED, output="it went well\n")
    failed = ended(started(job), FAILED, output="it did not go well\n")
    running, waiting = started(job), a_run(job)
    paused, disabled, deleted = a_job("paused"), a_job("disabled", status="Disabled"), a_job("deleted")
    paused.pause(by=SYSTEM_USER_ID, reason="the disk is being replaced")
    gone = ended(started(deleted))
    deleted.retire(by=SYSTEM_USER_ID)
    alert = Alert.objects.create(rule="job", job=job, subject="authservice is unhealthy", opened_at=Now())
    return {
        "job": job, "paused": paused, "disabled": disabled, "deleted": deleted, "gone": gone, "alert": alert,
        "failed": failed, "running": running, "waiting": JobExecution.objects.get(pk=waiting.pk),
    }  # fmt: skip


@pytest.fixture
def addresses(service: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """PAGES, of that service."""
    return {
        page.format(job=service["job"].id, run=service["failed"].id): parameters for page, parameters in PAGES.items()
    }


@pytest.fixture
def someone(db: None) -> Callable[[str], Client]:
    """A browser in which a person of that role is logged in; "nobody" has no role."""

    def log_in(role: str) -> Client:
        if role != "nobody":
            return client_of(role)
        client = Client()
        client.force_login(User.objects.create_user("nobody"))
        return client

    return log_in
