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
from django.db.models import Count, F, Max, Min, Q, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from executions import sessions
from executions.enums import Channel, NoticeKind, NoticeState
from executions.models import Alert, Notice
from executions.notices import rhythm
from executions.notices.outbox import UNDER_WAY
from executions.output import storable
from jobs.clock import database_now

# Renewed while a message is on its way (`holding`): so long it is waited for whoever sends it and is not heard of.
CLAIM = timedelta(seconds=60)
MOST_IN_ONE = {Channel.WEBHOOK: 500}
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
        return Notice.objects.filter(id__in=self.notice_ids, message_id=self.message_id)


# --- Taking ----------------------------------------------------------------------------------------------------------
def are_any_due() -> bool:
    """Whether it is worth while to look more closely."""
    return Notice.objects.filter(state=NoticeState.WAITING, next_try_at__lte=Now()).exists()


def claim(channel: Channel) -> Parcel | None:
    """The next message of this channel that is due, for this process alone; None when none is."""
    if not _is_resting(channel):
        for lead_id in _leads(channel):
            if parcel := _claim(lead_id):
                return parcel
    return None


def claim_test(channel: Channel) -> Parcel | None:
    """A test: it waits for nothing, and tells by itself whether the channel works."""
    lead_id = _tests(channel).filter(next_try_at__lte=Now()).values_list("id", flat=True).first()
    return _claim(lead_id) if lead_id else None


def _leads(channel: Channel) -> list[int]:
    """The oldest notice of each recipient for whom nothing is under way and nothing rests."""
    by_recipient = _ordinary(channel).values("recipient").annotate(lead=Min("id"), due_at=Max("next_try_at"))
    return list(by_recipient.filter(due_at__lte=Now()).order_by("lead").values_list("lead", flat=True))


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
    # Nobody is waited for: whoever has locked one of them is about to settle it.
    rows = _ordinary(lead.channel).filter(recipient=lead.recipient).select_for_update(skip_locked=True)
    waiting, now = list(rows.order_by("id")), database_now()
    if any(row.next_try_at > now for row in waiting):
        return []  # somebody has been quicker
    if begun := next((row.message_id for row in waiting if row.message_id), None):
        return [row for row in waiting if row.message_id == begun]  # the same message again, and nothing else in it
    count = rhythm.count_to_tell([row.created_at for row in waiting], told=_told(lead), now=now)
    return waiting[: min(count, MOST_IN_ONE.get(Channel(lead.channel), count))]


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
    """It can never be sent as it is."""
    waiting = parcel.rows.filter(state=NoticeState.WAITING)
    waiting.update(state=NoticeState.REFUSED, last_error=_bounded(reason))


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
