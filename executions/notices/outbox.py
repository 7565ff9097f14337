"""What is to be told to whom: rows that are written in the transaction of what they are about, and told afterwards."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from uuid import UUID

from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Now

from executions.enums import AlertRule, Channel, NoticeKind, NoticeState
from executions.models import Alert, JobExecution, Notice
from executions.notices import recipients
from executions.notices.recipients import Recipient
from jobs.models import ScheduledJob

ROWS_PER_STATEMENT = 1_000
KEPT_FOR = timedelta(days=90)
SETTLED = (NoticeState.SENT, NoticeState.REPLACED, NoticeState.REFUSED)
# In the hands of a process, or in those of one that is gone.
UNDER_WAY = Q(message_id__isnull=False, last_error="")


# --- Alerts ----------------------------------------------------------------------------------------------------------
def opened(alerts: Sequence[Alert]) -> None:
    """Have these new alerts told."""
    _add(row for alert in alerts for row in _of_alert(alert, NoticeKind.OPENED, recipients.of_alert(alert)))


def recovered(alerts: Sequence[Alert]) -> None:
    """Have it told that these are over, to whoever is told of them.

    Whom the alert itself has not reached yet is told of both by one message.
    """
    first = Notice.objects.filter(kind=NoticeKind.OPENED, alert__in=alerts)
    first.filter(~UNDER_WAY, state=NoticeState.WAITING).update(state=NoticeState.REPLACED)
    told: dict[object, list[Notice]] = {}
    for notice in first:
        told.setdefault(notice.alert_id, []).append(notice)
    whom = {alert: _heirs(alert, told.get(alert.id)) for alert in alerts}
    _add(row for alert in alerts for row in _of_alert(alert, NoticeKind.RECOVERED, whom[alert]))


def _of_alert(alert: Alert, kind: NoticeKind, whom: Iterable[Recipient]) -> list[Notice]:
    return [
        Notice(
            kind=kind, alert_id=alert.id, job_id=alert.job_id, channel=one.channel, recipient=one.address,
            state=NoticeState.WAITING,
        )
        for one in whom
    ]  # fmt: skip


def _heirs(alert: Alert, told: list[Notice] | None) -> list[Recipient]:
    """Whoever the job names by now: those who know of the alert are to know its end."""
    if told is None:
        return recipients.of_alert(alert)
    return [
        Recipient(Channel(notice.channel), notice.recipient) for notice in told if notice.state != NoticeState.REFUSED
    ]


def fall_back(alert_ids: Sequence[UUID | None]) -> None:
    """Those of these alerts of which no person will hear go to the administrators: none of their addresses works."""
    heard = Notice.objects.filter(kind=NoticeKind.OPENED, alert=OuterRef("pk"), channel=Channel.EMAIL)
    alone = Alert.objects.filter(~Exists(heard.exclude(state=NoticeState.REFUSED)), id__in=filter(None, alert_ids))
    administrators = [Recipient(Channel.ADMINISTRATORS)]
    _add(row for alert in alone for row in _of_alert(alert, NoticeKind.OPENED, administrators))


def pass_on(notices: Iterable[Notice], addresses: Sequence[str]) -> None:
    """Have these administrators told by themselves: the others have it."""
    _add(
        Notice(
            kind=notice.kind, alert_id=notice.alert_id, job_id=notice.job_id, execution_id=notice.execution_id,
            channel=Channel.EMAIL, recipient=address, state=NoticeState.WAITING,
        )
        for notice in notices for address in addresses
    )  # fmt: skip


# --- Runs that finally failed ----------------------------------------------------------------------------------------
def run_failed(execution: JobExecution, job: ScheduledJob) -> None:
    """Have it told that this run finally failed, unless an alert turns out to tell it."""
    rows = [
        Notice(
            kind=NoticeKind.RUN_FAILED, job_id=job.id, execution_id=execution.id, channel=one.channel,
            recipient=one.address, state=NoticeState.HELD,
        )
        for one in recipients.of_job(job)
    ]  # fmt: skip
    _add(rows)


def release_failed_runs() -> int:
    """Let those go that a call before this one has seen; called after the rules were asked. How many have gone.

    The rules that were asked between the two calls know those runs. Where one of them has an alert of consecutive
    failures open, or had when the run failed, that tells it: at most one message a run (SPEC §8).
    """
    held = Notice.objects.filter(state=NoticeState.HELD)
    streaks = Alert.objects.filter(rule=AlertRule.CONSECUTIVE_FAILURES, job=OuterRef("job_id"))
    is_told = Exists(streaks.filter(Q(closed_at=None) | Q(closed_at__gt=OuterRef("created_at"))))
    # Of a held one `tries` counts the calls that have seen it.
    gone = held.filter(tries__gt=0).update(
        state=Case(When(is_told, then=Value(NoticeState.REPLACED)), default=Value(NoticeState.WAITING)),
        tries=0,
        next_try_at=Now(),
    )
    held.update(tries=F("tries") + 1)
    return gone


# --- By hand ---------------------------------------------------------------------------------------------------------
def test(channel: Channel, recipient: str = "") -> Notice:
    """A message that says only that it arrives. It waits for no other and is tried once."""
    return Notice.objects.create(
        kind=NoticeKind.TEST, channel=channel, recipient=recipient.strip(), state=NoticeState.WAITING
    )


def try_again(notices: QuerySet[Notice]) -> int:
    """Now: those that were refused once more, and with those that wait all that their channels hold back; how many."""
    again = notices.filter(state=NoticeState.REFUSED).update(
        state=NoticeState.WAITING, tries=0, last_error="", message_id=None, next_try_at=Now()
    )
    waiting = notices.filter(state=NoticeState.WAITING, next_try_at__gt=Now())
    for channel in set(waiting.values_list("channel", flat=True)):
        again += wake(channel)
    return again


def wake(channel: str) -> int:
    """The channel is said to work: what waits for that is due now."""
    resting = Notice.objects.filter(state=NoticeState.WAITING, channel=channel, next_try_at__gt=Now())
    return resting.exclude(UNDER_WAY).update(next_try_at=Now())


def prune() -> int:
    """Forget what was settled long ago; how many notices."""
    old = Notice.objects.filter(state__in=SETTLED, created_at__lt=Now() - KEPT_FOR)
    return old.delete()[0]


def _add(notices: Iterable[Notice]) -> None:
    """Each once: what is there already stays as it is."""
    Notice.objects.bulk_create(notices, batch_size=ROWS_PER_STATEMENT, ignore_conflicts=True)
