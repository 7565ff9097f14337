"""Parcels: the notices that one message tells, taken by one process at a time, and what became of each.

A notice that is taken waits until its claim is over, has a message's id and no error: `outbox.UNDER_WAY`. Of one whose
process has gone nobody knows whether it was told. An alert is rather told twice than never, and so is what a webhook
gets, which knows a repeat by its id; everything else is then told no more.
"""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Case, Count, F, Max, Min, Q, QuerySet, Value, When
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from executions.enums import Channel, NoticeKind, NoticeState, Severity
from executions.models import Alert, Notice
from executions.notices import outbox, rhythm
from executions.notices.outbox import UNDER_WAY
from executions.output import storable
from jobs import sessions
from jobs.clock import database_now

# Renewed while a message is on its way (`holding`): so long it is waited for whoever sends it and is not heard of.
CLAIM = timedelta(seconds=60)
MOST_IN_ONE = {Channel.WEBHOOK: 500, Channel.EMAIL: 10_000, Channel.ADMINISTRATORS: 10_000}
LOOK_BACK = 2 * rhythm.WITHIN
ERROR_MAX_LENGTH = 1_000


@dataclass(frozen=True)
class Parcel:
    """One message for one recipient. `notice_ids`: oldest first. `tries`: this one counted."""

    message_id: uuid.UUID
    channel: Channel
    recipient: str
    notice_ids: Sequence[int]
    kinds: Mapping[str, int]
    tries: int
    oldest_at: datetime

    @property
    def is_digest(self) -> bool:
        return len(self.notice_ids) > 1

    @property
    def rows(self) -> QuerySet[Notice]:
        """While they are in our hands."""
        between = (self.notice_ids[0], self.notice_ids[-1])  # as many ids as in a digest are a query of their own
        return Notice.objects.filter(id__range=between, message_id=self.message_id)


# --- Taking ----------------------------------------------------------------------------------------------------------
def are_any_due() -> bool:
    """Whether it is worth while to look more closely."""
    return Notice.objects.filter(state=NoticeState.WAITING, next_try_at__lte=Now()).exists()


def claim(channel: Channel) -> Parcel | None:
    """The next message of this channel that is due, for this process alone; None when none is."""
    for lead_id in _leads(channel, only_untried=_is_resting(channel)):
        if parcel := _claim(lead_id):
            return parcel
    return None


def claim_test(channel: Channel) -> Parcel | None:
    """A test: it waits for nothing, and tells by itself whether the channel works."""
    lead_id = _tests(channel).filter(next_try_at__lte=Now()).values_list("id", flat=True).first()
    return _claim(lead_id) if lead_id else None


def _leads(channel: Channel, *, only_untried: bool) -> list[int]:
    """The oldest notice of each recipient for whom nothing is under way and nothing rests.

    What is critical comes first, and last whom nobody could reach so far: ill mailboxes are in nobody's way.
    `only_untried`: while the channel rests, it is asked again for those alone whom it has not failed yet.
    """
    by_recipient = _ordinary(channel).values("recipient").annotate(
        lead=Min("id"), due_at=Max("next_try_at"), most_tries=Max("tries"),
        critical=Count("id", filter=_IS_CRITICAL), failed=Count("id", filter=~Q(last_error="")),
    )  # fmt: skip
    due = by_recipient.filter(due_at__lte=Now(), **({"failed": 0} if only_untried else {}))
    is_critical = Case(When(critical__gt=0, then=Value(0)), default=Value(1))
    return list(due.order_by("most_tries", is_critical, "lead").values_list("lead", flat=True))


def _is_resting(channel: Channel) -> bool:
    """What waits for the same instant for several recipients was put to rest by `rest`."""
    failed = _ordinary(channel).filter(next_try_at__gt=Now()).exclude(last_error="")
    by_instant = failed.values("next_try_at").annotate(recipients=Count("recipient", distinct=True))
    return by_instant.filter(recipients__gt=1).exists()


def _claim(lead_id: int) -> Parcel | None:
    """The message that the recipient of this notice, the oldest one, gets next; who holds it holds them all."""
    with transaction.atomic():
        sessions.end_if_frozen()
        due = Notice.objects.filter(id=lead_id, state=NoticeState.WAITING, next_try_at__lte=Now())
        lead = due.select_for_update(skip_locked=True).first()
        if lead is None:
            return None
        chosen = _chosen(lead)
        _give_up([row for row in chosen if _is_lost(row)])
        taken = [row for row in chosen if not _is_lost(row)]
        return _take(taken) if taken else None


def _chosen(lead: Notice) -> list[Notice]:
    if lead.kind == NoticeKind.TEST:
        return [lead]
    waiting, now = _ordinary(lead.channel).filter(recipient=lead.recipient), database_now()
    known = waiting.aggregate(
        count=Count("id"), oldest=Min("created_at"), newest=Max("created_at"), due_at=Max("next_try_at"),
        critical=Count("id", filter=_IS_CRITICAL),
    )  # fmt: skip
    if known["due_at"] > now:
        return []  # somebody has been quicker
    if begun := waiting.exclude(message_id=None).values_list("message_id", flat=True).first():
        return _locked(waiting.filter(message_id=begun))  # the same message again, and nothing else in it
    told = [] if lead.channel == Channel.WEBHOOK else _told(lead)  # a program does not mind how many it gets
    crowd = rhythm.Crowd(known["count"], known["oldest"], known["newest"])
    if count := rhythm.count_to_tell(crowd, told=told, now=now):
        return _locked(waiting, most=min(count, MOST_IN_ONE[Channel(lead.channel)]))
    # Nothing holds up what is critical: neither the limit for a recipient nor others that may be told with it.
    return _locked(waiting.filter(_IS_CRITICAL), most=MOST_IN_ONE[Channel(lead.channel)]) if known["critical"] else []


def _locked(rows: QuerySet[Notice], *, most: int | None = None) -> list[Notice]:
    """What is critical first, then the oldest; in the order of their ids.

    Nobody is waited for: whoever has locked one of them is about to settle it.
    """
    is_critical = Case(When(_IS_CRITICAL, then=Value(0)), default=Value(1))
    chosen = rows.order_by(is_critical, "id").select_for_update(skip_locked=True, of=("self",))[:most]
    return sorted(chosen, key=lambda row: row.id)


def _told(lead: Notice) -> list[datetime]:
    """When the last messages to the same recipient went, the newest first."""
    sent = Notice.objects.filter(
        state=NoticeState.SENT, channel=lead.channel, recipient=lead.recipient, sent_at__gt=Now() - LOOK_BACK
    )
    messages = sent.exclude(kind=NoticeKind.TEST).values("message_id").annotate(at=Max("sent_at"))
    return list(messages.order_by("-at").values_list("at", flat=True)[: rhythm.MOST_MESSAGES])


def _take(rows: Sequence[Notice]) -> Parcel:
    first, ids = rows[0], [row.id for row in rows]
    message_id = first.message_id or uuid.uuid4()
    Notice.objects.filter(id__in=ids).update(
        message_id=message_id, next_try_at=Now() + CLAIM, tries=F("tries") + 1, last_error=""
    )
    return Parcel(
        message_id, Channel(first.channel), first.recipient, ids, Counter(row.kind for row in rows),
        max(row.tries for row in rows) + 1, min(row.created_at for row in rows),
    )  # fmt: skip


def renew(parcel: Parcel) -> None:
    """Its sender lives."""
    parcel.rows.filter(UNDER_WAY, state=NoticeState.WAITING).update(next_try_at=Now() + CLAIM)


# --- What became of it -----------------------------------------------------------------------------------------------
def told(parcel: Parcel) -> None:
    """It went out, however late we hear of it."""
    with transaction.atomic():
        parcel.rows.exclude(state=NoticeState.SENT).update(state=NoticeState.SENT, sent_at=Now(), last_error="")
        of_alerts = parcel.rows.filter(alert__isnull=False).values("alert_id")
        Alert.objects.filter(id__in=of_alerts, told_at=None).update(told_at=Now())


def refused(parcel: Parcel, reason: str) -> None:
    """It can never be sent as it is. An alert that by that reaches nobody of its own is the administrators' to know."""
    with transaction.atomic():
        waiting = parcel.rows.filter(state=NoticeState.WAITING)
        alerts = list(waiting.filter(kind=NoticeKind.OPENED).values_list("alert_id", flat=True))
        waiting.update(state=NoticeState.REFUSED, last_error=_bounded(reason))
        if parcel.channel == Channel.EMAIL:
            outbox.fall_back(alerts)


def failed(parcel: Parcel, reason: str, *, may_be_told: bool, pause: timedelta) -> None:
    """It did not go out, or nobody knows: the recipient rests, with all that waits for the same."""
    reason = _bounded(reason)
    with transaction.atomic():
        ours = parcel.rows.filter(state=NoticeState.WAITING)
        if may_be_told:
            ours.exclude(_REPEATABLE).update(state=NoticeState.REFUSED, last_error=reason)
        if not may_be_told and parcel.channel != Channel.WEBHOOK:
            ours.update(message_id=None, last_error=reason)  # what has come meanwhile may join it
        else:
            ours.update(last_error=reason)
        resting = _ordinary(parcel.channel).filter(recipient=parcel.recipient).exclude(UNDER_WAY)
        resting.update(next_try_at=Now() + pause)


def rest(channel: Channel, reason: str, *, pause: timedelta) -> None:
    """The whole channel, for whomever: nobody asks it before that time."""
    waiting = _ordinary(channel).exclude(UNDER_WAY)
    waiting.update(next_try_at=Now() + pause, last_error=_bounded(reason))


def _is_lost(notice: Notice) -> bool:
    """It may have been told by a process that has gone, and is none that is told twice."""
    is_repeatable = notice.kind == NoticeKind.OPENED or notice.channel == Channel.WEBHOOK
    return bool(notice.message_id) and not notice.last_error and not is_repeatable


def _give_up(rows: Sequence[Notice]) -> None:
    if rows:
        reason = _("The process that was sending it ended. It may have been sent, and is not sent again by itself.")
        Notice.objects.filter(id__in=[row.id for row in rows]).update(state=NoticeState.REFUSED, last_error=reason)


def _ordinary(channel: str) -> QuerySet[Notice]:
    return Notice.objects.filter(state=NoticeState.WAITING, channel=channel).exclude(kind=NoticeKind.TEST)


def _tests(channel: str) -> QuerySet[Notice]:
    return Notice.objects.filter(state=NoticeState.WAITING, channel=channel, kind=NoticeKind.TEST)


def _bounded(reason: str) -> str:
    return storable(reason)[:ERROR_MAX_LENGTH] or "?"


_REPEATABLE = Q(kind=NoticeKind.OPENED) | Q(channel=Channel.WEBHOOK)
_IS_CRITICAL = Q(kind=NoticeKind.OPENED, alert__severity=Severity.CRITICAL)
