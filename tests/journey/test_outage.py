"""NotificationService goes away while alerts open, and comes back: each is told then, and none twice."""

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from executions import dispatch
from executions.models import Alert, Notice
from jobs.models import SYSTEM_USER_ID, ScheduledJob
from scheduler_project.local.ports import LOCALHOST, free_port
from tests.journey.conftest import System, until

pytestmark = pytest.mark.journey

# Long enough for more than one try. OUTAGE_SECONDS=120 makes it the two minutes that were asked for.
OUTAGE_SECONDS = float(os.environ.get("OUTAGE_SECONDS", "12"))
JOBS = ("Archive", "Backup", "Clean-up", "Expiry", "Prices")


class NotificationService:
    """Its internal route at an address that stays: which subjects it was asked to send."""

    def __init__(self) -> None:
        self.server = HTTPServer(LOCALHOST, free_port())
        self.server.expect_request("/api/internal/notifications/email").respond_with_handler(self._answer)
        self.subjects: Counter[str] = Counter()

    @property
    def url(self) -> str:
        return f"http://{LOCALHOST}:{self.server.port}"

    def _answer(self, request: Request) -> Response:
        self.subjects[json.loads(request.data)["subject"]] += 1
        sent = {"notificationId": "1f1b0f7e-3f0a-4a6c-9d7a-000000000001", "status": "Sent", "message": "m"}
        return Response(json.dumps(sent), content_type="application/json")


@pytest.fixture
def notification_service() -> Iterator[NotificationService]:
    """One that is away."""
    service = NotificationService()
    yield service
    if service.server.is_running():
        service.server.stop()


def failing_job(name: str) -> ScheduledJob:
    """One whose first failure opens an alert."""
    about: dict[str, Any] = {"max_retries": 0, "max_consecutive_failures": 0, "notification_emails": ["a@okla.com.do"]}
    return ScheduledJob.define(
        by=SYSTEM_USER_ID, name=name, job_type="FailingJob", cron_expression="0 0 1 1 *", **about
    )


def test_what_opens_while_notification_service_is_away_is_told_after_its_return_and_once(
    system: System, notification_service: NotificationService
) -> None:
    system.environment |= {
        "ServiceUrls__NotificationService": notification_service.url,
        "Security__InternalApiKey": "a key of this test",
    }
    worker, beat = system.start_worker(), system.start_beat()
    began = time.monotonic()
    for job in map(failing_job, JOBS):
        dispatch.run_now(job, dispatch.RunRequest(by=SYSTEM_USER_ID))

    until(lambda: Alert.objects.filter(closed_at=None).count() == len(JOBS), worker, beat)
    until(lambda: Notice.objects.exclude(last_error="").exists(), worker, beat)
    until(lambda: time.monotonic() - began > OUTAGE_SECONDS, beat, seconds=OUTAGE_SECONDS + 60)
    assert not notification_service.subjects and not Alert.objects.exclude(told_at=None).exists()

    notification_service.server.start()
    until(lambda: Alert.objects.exclude(told_at=None).count() == len(JOBS), worker, beat, seconds=OUTAGE_SECONDS + 60)
    until(lambda: not Notice.objects.filter(state="Waiting").exists(), worker, beat)
    assert sorted(notification_service.subjects.values()) == [1] * len(JOBS)
    assert all(any(name in subject for subject in notification_service.subjects) for name in JOBS)
