"""The jobs that change rows stop before the first when they find too many, and warn of a run unlike the last ones."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from executions.models import Alert
from jobs import business_days
from jobs.models import JobState
from tests.jobs.conftest import Ran
from tests.jobs.predefined.conftest import NotificationPeer
from tests.okla import Okla

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
TOMORROW = business_days.day_of(timezone.now()) + timedelta(days=1)
Run = Callable[..., Ran]


def tokens(okla: Okla) -> Callable[[], int]:
    for room in ("refresh_tokens", "refresh_tokens", "verification_tokens"):
        okla.add(room, at=LONG_AGO)
    return lambda: okla.count_of("refresh_tokens") + okla.count_of("verification_tokens")


def listings(okla: Okla) -> Callable[[], int]:
    for _n in range(3):
        okla.add("vehicles", published_at=LONG_AGO, title="A car")
    return lambda: okla.count_of("vehicles", f"{okla['vehicles']['status']} = 'Active'")


def logs(okla: Okla) -> Callable[[], int]:
    for _n in range(3):
        okla.add("logs", at=LONG_AGO)
    return lambda: okla.count_of("logs")


def appointments(okla: Okla) -> Callable[[], int]:
    for n in range(3):
        okla.add("appointments", email=f"a{n}@example.com", date=datetime.combine(TOMORROW, time(), UTC), time="15:30")
    return lambda: okla.count_of("appointments", f"NOT ({okla.is_reminded})")


@pytest.mark.parametrize(
    ("job", "fill"),
    [
        ("CleanupExpiredTokensJob", tokens),
        ("UpdateVehicleListingStatusJob", listings),
        ("CleanupOldLogsJob", logs),
        ("SendReminderEmailsJob", appointments),
    ],
)
def test_more_than_allowed_stops_the_run_before_the_first_write(
    okla: Okla, notifications: NotificationPeer, run_job: Run, configured: Callable[..., None], tmp_path: Path,
    job: str, fill: Callable[[Okla], Callable[[], int]],
) -> None:  # fmt: skip
    configured(SCHEDULER_ARCHIVE_URL=(tmp_path / "cold").as_uri(), SCHEDULER_WORK_DIR=str(tmp_path / "work"))
    left = fill(okla)
    stopped = run_job(job, maxAffected=2)
    assert stopped.status == "Failed" and not stopped.outcome.can_retry
    assert stopped.result == {"found": 3, "maxAffected": 2}
    assert "raise maxAffected" in str(stopped.outcome.error_message)
    assert (left(), notifications.asked) == (3, [])
    assert run_job(job, maxAffected=2, dryRun=True).status == "Completed"
    assert run_job(job, maxAffected=3).status == "Completed"
    assert left() == 0


def test_a_run_unlike_the_last_good_ones_warns_until_one_is_as_usual(okla: Okla, run_job: Run) -> None:
    job = run_job("CleanupExpiredTokensJob", at=LONG_AGO).execution.job_id
    history = {"deleted tokens": [[f"run {n}", 1_000] for n in range(3)]}
    JobState.objects.update_or_create(job_id=job, key="guardrails", defaults={"value": history})
    odd = run_job("CleanupExpiredTokensJob", at=LONG_AGO + timedelta(days=1))
    assert odd.status == "Completed"
    [warning] = odd.result["warnings"]
    assert "deleted tokens: 0, far from the usual 1,000" in warning
    assert Alert.objects.get(closed_at=None).subject == "Unusual: deleted tokens"
    history = {"deleted tokens": [[f"run {n}", 50] for n in range(3)]}
    JobState.objects.update_or_create(job_id=job, key="guardrails", defaults={"value": history})
    usual = run_job("CleanupExpiredTokensJob", at=LONG_AGO + timedelta(days=2))
    assert "warnings" not in usual.result
    assert not Alert.objects.filter(closed_at=None).exists()
