"""What is over for long is forgotten, and nothing else."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from executions.alerts import pruning
from executions.enums import AlertRule, Channel, NoticeKind, NoticeState
from executions.models import Alert, Notice, Worker
from tests.executions.alerts.rounds import a_worker

pytestmark = pytest.mark.django_db


def an_alert(subject: str, *, opened_days_ago: float, closed_days_ago: float | None) -> Alert:
    closed: Any = None if closed_days_ago is None else Now() - timedelta(days=closed_days_ago)
    alert = Alert.objects.create(
        rule=AlertRule.WORKER_LOST, subject=subject, opened_at=Now() - timedelta(days=opened_days_ago), closed_at=closed
    )
    Notice.objects.create(kind=NoticeKind.OPENED, alert=alert, channel=Channel.WEBHOOK, state=NoticeState.SENT)
    return alert


def test_alerts_are_forgotten_with_what_was_told_of_them_years_after_they_are_over() -> None:
    kept = pruning.ALERTS_KEPT.days
    an_alert("over", opened_days_ago=kept + 9, closed_days_ago=kept + 1)
    an_alert("over since", opened_days_ago=kept + 9, closed_days_ago=kept - 1)
    an_alert("open", opened_days_ago=kept + 9, closed_days_ago=None)
    assert pruning.prune() == 1
    assert set(Alert.objects.values_list("subject", flat=True)) == {"over since", "open"}
    assert Notice.objects.count() == 2
    assert pruning.prune() == 0


def test_workers_are_forgotten_once_nobody_misses_them() -> None:
    for name, days in (("celery@lost", 2), ("celery@gone", 8), ("celery@here", 0)):
        a_worker(name, silent=days * 86_400, up=9 * 86_400)
    a_worker("celery@stopped", silent=8 * 86_400, up=9 * 86_400, stopped_at=Now() - timedelta(days=8))
    assert pruning.prune() == 2
    assert set(Worker.objects.values_list("name", flat=True)) == {"celery@lost", "celery@here"}
