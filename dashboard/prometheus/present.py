"""Families of this moment: jobs, what waits and runs, who does the work, alerts and notices, the ledger's account."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from math import inf

from django.db.models import Count, Min
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from dashboard import metrics
from dashboard.plant import plant
from executions.enums import AlertRule, Channel, NoticeState
from executions.lease import LEASE_SECONDS
from executions.models import Alert, BeatLease, Notice
from executions.rollups import totals
from jobs import holds
from jobs.models import ScheduledJob

A_DAY = timedelta(days=1)


def families(now: datetime) -> Iterator[Metric]:
    yield from _schedule(now)
    yield from _work(now)
    yield from _told(now)
    yield from _account(now)


def _schedule(now: datetime) -> Iterator[Metric]:
    yield _by("scheduler_jobs_total", "Live jobs by status.", "status", metrics.jobs_by_status())
    coming = metrics.next_execution()
    yield _one(
        "scheduler_next_execution_seconds", "Until the nearest due time that will run; absent when there is none.",
        (coming.scheduled_at - now).total_seconds() if coming else None,
    )  # fmt: skip
    yield _one(
        "scheduler_overdue_seconds", "For how long the oldest due time has waited to be fired; 0 when none does.",
        max(0.0, -(ScheduledJob.seconds_to_next() or 0.0)),
    )  # fmt: skip
    yield _one("scheduler_schedule_held", "1 while the whole schedule is held.", holds.current() is not None)


def _work(now: datetime) -> Iterator[Metric]:
    found = plant(now)
    open_ = metrics.open_executions_by_status()
    yield _by("scheduler_open_executions", "Executions that are Queued or Running.", "status", open_)
    yield _by(
        "scheduler_queue_depth", "Executions that wait in this queue and are free to start.", "queue",
        {queue.name: queue.waiting for queue in found.queues},
    )  # fmt: skip
    yield _by(
        "scheduler_queue_oldest_seconds", "For how long the oldest of them has waited.", "queue",
        {queue.name: _seconds(queue.oldest, now) for queue in found.queues},
    )  # fmt: skip
    yield _by(
        "scheduler_queue_workers", "Living workers that serve this queue.", "queue",
        {queue.name: queue.workers for queue in found.queues},
    )  # fmt: skip
    yield _one("scheduler_workers", "Workers that were heard of lately.", len(found.workers))
    processes = sum(worker.processes for worker in found.workers)
    yield _one("scheduler_worker_processes", "Executions that they can run at once.", processes)
    yield _one(
        "scheduler_beat_lease_age_seconds", "Since the beat that leads last said so; +Inf when none ever has.",
        _lease_age(now),
    )  # fmt: skip


def _told(now: datetime) -> Iterator[Metric]:
    alerts = Alert.objects.filter(closed_at=None).order_by().values_list("rule").annotate(Count("id"))
    open_alerts = dict.fromkeys(AlertRule.values, 0) | dict(alerts)
    yield _by("scheduler_alerts_open", "Open alerts by rule.", "rule", open_alerts)
    waiting = Notice.objects.filter(state=NoticeState.WAITING).order_by().values_list("channel")
    rows = list(waiting.annotate(Count("id"), Min("created_at")))
    yield _by(
        "scheduler_notices_waiting", "Notices that are still to be told.", "channel",
        dict.fromkeys(Channel.values, 0) | {channel: count for channel, count, _oldest in rows},
    )  # fmt: skip
    refused = Notice.objects.filter(state=NoticeState.REFUSED, created_at__gt=now - A_DAY).order_by()
    yield _by(
        "scheduler_notices_refused", "Notices of the last 24 hours that nobody would take.", "channel",
        dict.fromkeys(Channel.values, 0) | dict(refused.values_list("channel").annotate(Count("id"))),
    )  # fmt: skip
    yield _by(
        "scheduler_notices_oldest_seconds", "For how long the oldest of them has waited.", "channel",
        dict.fromkeys(Channel.values, 0.0) | {channel: _seconds(oldest, now) for channel, _count, oldest in rows},
    )  # fmt: skip


def _account(now: datetime) -> Iterator[Metric]:
    check = metrics.last_ledger_check()
    yield _one(
        "scheduler_ledger_unaccounted", "Due times that no row tells of, by the last check; absent before the first.",
        check.unaccounted if check else None,
    )  # fmt: skip
    yield _one(
        "scheduler_ledger_unplanned", "Rows that no revision planned, by the same check.",
        check.unplanned if check else None,
    )  # fmt: skip
    yield _one(
        "scheduler_ledger_check_age_seconds", "Since that check.", _seconds(check.finished_at, now) if check else None
    )
    yield _one(
        "scheduler_rollups_behind_seconds", "What ended since then is counted at each scrape.",
        _seconds(totals.folded_until(), now),
    )  # fmt: skip


def _one(name: str, text: str, value: float | None) -> Metric:
    """None: the family is there, without a sample."""
    return GaugeMetricFamily(name, text, labels=[]) if value is None else GaugeMetricFamily(name, text, value)


def _by(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _lease_age(now: datetime) -> float:
    lease = BeatLease.objects.first()
    return _seconds(lease.expires_at - timedelta(seconds=LEASE_SECONDS), now) if lease else inf


def _seconds(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0
