"""The messages. PostgreSQL is the truth and the broker only the bell: a message lost or doubled does no harm.

A Queued row is rung when it becomes free to start. It is rung again only when its last ring is old and the broker holds
fewer messages than there are rung rows: a queue that is merely long is left alone (SPEC §5.1).
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import cast

from celery import current_app
from django.db.models import Count, F, Q
from django.db.models.functions import Now
from kombu import Connection, Producer, pools
from kombu.exceptions import ChannelError, KombuError
from kombu.pools import ProducerPool
from redis.exceptions import RedisError

from executions import tracing
from executions.models import JobExecution
from jobs import log_context, registry
from jobs.enums import Trigger
from jobs.failpoints import failpoint
from jobs.models import ScheduledJob

logger = logging.getLogger(__name__)

# A batch that broke off halfway is a KombuError of its own; what it did publish is harmless when it comes again.
BROKER_ERRORS = (KombuError, RedisError, OSError)
HARD_KILL_GRACE_SECONDS = 30
HIGHEST_PRIORITY = 9
# Whoever makes a row publishes it himself, at once; after this time he must have died in between.
UNRUNG_AFTER = timedelta(seconds=5)
LOST_AFTER = timedelta(seconds=30)
LOST_AFTER_AT_MOST = timedelta(hours=1)
MOST_RINGS_PER_TURN = 1_000
MOST_TOLD_ONE_BY_ONE, MOST_TOLD_AT_ONCE = 20, 100
# Somebody waits for us, a caller or the next due time: try once, and give up soon on a broker that is silent.
HASTY = {"max_retries": 0, "socket_timeout": 2, "socket_connect_timeout": 1}


def ring(executions: Sequence[JobExecution]) -> int:
    """Publish these Queued rows' messages and note it; return how many. Never raises for the broker's sake.

    What could not be published stays unrung and is found by `relay`.
    """
    if not executions:
        return 0
    timeouts = _timeouts(executions)
    try:
        with _producers().acquire(block=True) as producer, producer.batch():  # type: ignore[attr-defined]
            for execution in executions:
                _publish(execution, timeouts.get(execution.job_id), producer)
    except BROKER_ERRORS as fault:
        logger.warning("The broker took none of %d messages, they will be published later: %s", len(executions), fault)
        return 0
    failpoint("ring.after_publish")
    tracing.fired(executions)
    _tell(executions)
    ids = [execution.id for execution in executions]
    return JobExecution.objects.filter(id__in=ids).update(rung_at=Now(), rings=F("rings") + 1)


def relay() -> int:
    """Publish what was never published, or was and got lost; return how many."""
    unrung = JobExecution.objects.waiting().filter(rung_at=None, queued_at__lt=Now() - UNRUNG_AFTER)
    # A retry has its turn given by `dispatch.admit_retries`.
    unrung = unrung.exclude(trigger=Trigger.RETRY).order_by("available_at", "id")
    return ring(list(unrung[:MOST_RINGS_PER_TURN]))


def relay_lost() -> int:
    """Publish again what the broker lost, queue by queue; return how many."""
    rung = JobExecution.objects.waiting().filter(rung_at__isnull=False)
    count = 0
    for queue, total, old in list(
        rung.values_list("queue").annotate(total=Count("id"), old=Count("id", filter=_is_overdue())).order_by("queue")
    ):
        if not old:
            continue
        missing = total - held_by_broker(queue)
        if missing > 0:
            lost = rung.filter(_is_overdue(), queue=queue).order_by("rung_at", "id")
            count += ring(list(lost[: min(missing, MOST_RINGS_PER_TURN - count)]))
    return count


def held_by_broker(queue: str) -> int:
    """How many messages wait in this queue of the broker. Raises BROKER_ERRORS when it cannot be asked."""
    with connection() as broker:
        try:
            return int(broker.default_channel.queue_declare(queue, passive=True).message_count)  # type: ignore[attr-defined]
        except ChannelError:
            return 0  # an empty queue does not exist for this transport


def _producers() -> ProducerPool:
    return cast(ProducerPool, pools.producers[connection()])


def connection() -> Connection:
    """To the broker, for somebody who cannot wait for it."""
    return current_app.connection_for_write(transport_options=HASTY)


def _is_overdue() -> Q:
    """Rung so long ago that the message may be lost; the wait doubles with each ring."""
    steps = range(1, (LOST_AFTER_AT_MOST // LOST_AFTER).bit_length() + 1)
    overdue = Q(rings__gte=len(steps), rung_at__lt=Now() - LOST_AFTER_AT_MOST)
    # A retry is marked as rung when it is admitted, and that ring may have come to nothing.
    overdue |= Q(rings=0, rung_at__lt=Now() - LOST_AFTER)
    for rings in steps:
        overdue |= Q(rings=rings, rung_at__lt=Now() - min(LOST_AFTER * 2 ** (rings - 1), LOST_AFTER_AT_MOST))
    return overdue


def _timeouts(executions: Iterable[JobExecution]) -> dict[object, int]:
    jobs = {execution.job_id for execution in executions}
    return dict(ScheduledJob.objects.filter(id__in=jobs).values_list("id", "timeout_seconds"))


def _tell(executions: Sequence[JobExecution]) -> None:
    """A line each; of many one line for all, which names them: the schedule does not wait for thousands of lines."""
    if len(executions) > MOST_TOLD_ONE_BY_ONE:
        for begin in range(0, len(executions), MOST_TOLD_AT_ONCE):
            _tell_together(executions[begin : begin + MOST_TOLD_AT_ONCE])
        return
    for execution in executions:
        with log_context.bound(**tracing.log_ids(execution)):
            logger.info("The message of a run of %s is published.", execution.job_name)


def _tell_together(executions: Sequence[JobExecution]) -> None:
    about = [tracing.log_ids(execution) for execution in executions]
    named = [{name: ids[name] for name in ("execution_id", "job_id", "trace_id")} for ids in about]
    with log_context.bound(runs=named):
        logger.info("The messages of %d runs are published.", len(executions))


def _publish(execution: JobExecution, timeout_seconds: int | None, producer: Producer) -> None:
    shown = {"job": execution.job_name, "scheduledFor": execution.scheduled_for and f"{execution.scheduled_for:%FT%TZ}"}
    with tracing.publishing(execution) as headers:
        current_app.send_task(
            _task_name(execution.job_type),
            task_id=str(execution.id),
            queue=execution.queue,
            # The Redis transport serves priority 0 first, SPEC's 9 is first.
            priority=HIGHEST_PRIORITY - execution.priority,
            soft_time_limit=timeout_seconds,
            time_limit=timeout_seconds and timeout_seconds + HARD_KILL_GRACE_SECONDS,
            kwargsrepr=repr(shown),  # for Flower's eyes: the run itself reads the ledger
            ignore_result=True,
            headers=headers,
            producer=producer,
            retry=False,
        )


def _task_name(job_type: str) -> str:
    """The task that runs this type. One that is not registered here (any more) rings by its own name: a worker that
    knows it may take it, and meanwhile it must not keep the other rows from being rung."""
    try:
        return registry.get(job_type).name
    except registry.UnknownJobType:
        return job_type
