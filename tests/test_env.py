"""Settings from the environment: a wrong value names itself, and production refuses what is only for development."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOUND = {
    "SCHEDULER_ENVIRONMENT": "production",
    "SCHEDULER_SECRET_KEY": "q7" * 32,
    "SCHEDULER_ALLOWED_HOSTS": "scheduler.okla.com.do",
    "DATABASE_URL": "postgresql://scheduler:a-password-of-its-own@db:5432/schedulerservice",
    "CELERY_BROKER_URL": "redis://:another-one-of-its-own@broker:6379/0",
}

DEVELOPMENT = {name: SOUND[name] for name in ("DATABASE_URL", "CELERY_BROKER_URL")}


def said(*, start: str = "import scheduler_project.settings", **environment: str) -> str:
    """What a process says that reads the settings in exactly this environment; empty when it starts."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", start],
        env={"DJANGO_SETTINGS_MODULE": "scheduler_project.settings", "PYTHONPATH": str(ROOT), **kept, **environment},
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode == 0) == ("Error" not in done.stderr and "Improperly" not in done.stderr), done.stderr
    return "" if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SCHEDULER_ENVIRONMENT", "staging"),
        ("SCHEDULER_DEBUG", "perhaps"),
        ("SCHEDULER_HSTS_SECONDS", "soon"),
        ("SCHEDULER_LOG_LEVEL", "LOUD"),
        ("SCHEDULER_OUTPUT_MAX_BYTES", "10"),
        ("SCHEDULER_OUTPUT_MAX_BYTES", "many"),
        ("SCHEDULER_DATABASE_CONNECT_TIMEOUT", "long"),
        ("SCHEDULER_DATABASE_POOL", "2.5"),
        ("SCHEDULER_HEALTH_URLS", "gateway"),
        ("SCHEDULER_HEALTH_URLS", "gateway=http://a,=http://b"),
        ("DATABASE_URL", "mysql://u:p@h/d"),
        ("DATABASE_URL", "sqlite:///x.db"),
        ("DATABASE_URL", "garbage"),
        ("DATABASE_URL", ""),
        ("DATABASE_URL", "postgresql://u:p@h:port/d"),
        ("CELERY_BROKER_URL", ""),
        ("CELERY_BROKER_URL", "garbage"),
    ],
)
def test_a_wrong_value_stops_the_start_and_names_itself(name: str, value: str) -> None:
    assert name in said(**{**DEVELOPMENT, name: value})


def test_a_job_type_that_cannot_be_loaded_stops_the_start_and_names_itself() -> None:
    text = said(start="import django; django.setup()", **DEVELOPMENT, SCHEDULER_EXTRA_JOB_TYPES="no.such.Job")
    assert "JOB_TYPES" in text and "no.such.Job" in text


def test_development_needs_no_variable_but_the_servers() -> None:
    assert said(start="import django; django.setup()", **DEVELOPMENT) == ""


def test_production_starts_with_values_of_its_own() -> None:
    assert said(start="import django; django.setup()", **SOUND) == ""


@pytest.mark.parametrize(
    "name",
    [
        "AUTHSERVICE_DATABASE_CONNECTION_STRING",
        "ServiceUrls__PricingAgent",
        "SCHEDULER_ARCHIVE_URL",
        "SCHEDULER_SMTP_URL",
    ],
)
def test_the_address_of_a_neighbour_that_is_none_stops_the_start_and_names_itself(name: str) -> None:
    assert name in said(**SOUND, **{name: "nonsense"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SCHEDULER_SECRET_KEY", None),
        ("SCHEDULER_SECRET_KEY", "short"),
        ("SCHEDULER_DEBUG", "true"),
        ("SCHEDULER_ALLOWED_HOSTS", None),
        ("SCHEDULER_ALLOWED_HOSTS", "*"),
        ("DATABASE_URL", "postgresql://scheduler@db/schedulerservice"),
        ("DATABASE_URL", "postgresql://scheduler:development-only@db/schedulerservice"),
        ("DATABASE_URL", "postgresql://scheduler:postgres@db/schedulerservice"),
        ("DATABASE_URL", "postgresql://scheduler:development%2Donly@db/schedulerservice"),
        ("CELERY_BROKER_URL", None),
        ("CELERY_BROKER_URL", "redis://broker:6379/0"),
        ("CELERY_BROKER_URL", "redis://:development-only@broker:6379/0"),
        ("SCHEDULER_DEMO", "true"),
        ("Security__InternalApiKey", "development-only"),
        ("Jwt__Key", "development-only-key-of-at-least-32-characters"),
    ],
)
def test_production_refuses_each_development_value_by_its_name(name: str, value: str | None) -> None:
    environment = {key: text for key, text in {**SOUND, name: value}.items() if text is not None}
    text = said(**environment)
    assert name in text and "production" in text


def test_production_names_everything_at_fault_at_once() -> None:
    text = said(SCHEDULER_ENVIRONMENT="production", DATABASE_URL="postgresql://scheduler@db/schedulerservice",
                SCHEDULER_DEBUG="true")  # fmt: skip
    for name in ("SECRET_KEY", "DEBUG", "ALLOWED_HOSTS", "DATABASE_URL", "CELERY_BROKER_URL"):
        assert name in text


def test_what_is_refused_is_never_printed() -> None:
    for secret in ("development-only", "short"):
        environment = {**SOUND, "SCHEDULER_SECRET_KEY": "short", "DATABASE_URL": "postgresql://s:development-only@db/s"}
        assert secret not in said(**environment).replace("refuse", "")
