"""Rounds of the rules as tests need them: at once, by a process that has watched for long."""

import uuid
from datetime import timedelta
from typing import Any

from django.db.models import F
from django.db.models.functions import Now

from executions.alerts import round
from executions.enums import AlertRule
from executions.ledger import Outcome
from executions.models import Alert, AlertRound, JobExecution, Watch, Worker
from jobs.enums import ExecutionStatus
from jobs.models import ScheduledJob
from tests.factories import COMPLETED, a_run, claimed, ended

SUCCESS = COMPLETED
# Nothing is left to try: the run has finally failed.
FAILURE = Outcome(ExecutionStatus.FAILED, "error", error_message="it broke\nhere")


def ask(*, watched_seconds: int = 1_000, lag: timedelta = round.LATE_COMMITS) -> None:
    """As if the last round had been a while ago."""
    Watch.objects.update_or_create(
        id=1, defaults={"since": Now() - timedelta(seconds=watched_seconds), "last_turn_at": Now()}
    )
    AlertRound.objects.filter(id=1).update(asked_at=Now() - timedelta(seconds=6))
    assert round.ask(lag=lag)


def open_alerts(rule: AlertRule) -> list[Alert]:
    return list(Alert.objects.filter(rule=rule, closed_at=None).select_related("job").order_by("subject"))


def the_alert(rule: AlertRule) -> Alert:
    (alert,) = open_alerts(rule)
    return alert


def runs(job: ScheduledJob, *outcomes: Outcome) -> list[JobExecution]:
    """Runs of the job that ended like this, one after another."""
    return [ended(claimed(a_run(job)), outcome) for outcome in outcomes]


def earlier(row: Any, seconds: float, *names: str) -> None:
    """Move these instants of a row back."""
    moved = {name: F(name) - timedelta(seconds=seconds) for name in names}
    type(row).objects.filter(pk=row.pk).update(**moved)


def a_worker(name: str = "celery@there", *, silent: float = 0, up: float = 3_600, **about: Any) -> Worker:
    """One that was last heard of `silent` seconds ago and has been up for `up` seconds."""
    defaults = {
        "machine_name": "there", "process_id": 7, "queues": ["default"], "processes": 2,
        "started_at": Now() - timedelta(seconds=up), "last_seen_at": Now() - timedelta(seconds=silent),
    }  # fmt: skip
    return Worker.objects.create(id=uuid.uuid4(), name=name, **{**defaults, **about})
