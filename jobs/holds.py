"""The hold: the whole schedule at once, for maintenance. Due times within it are Skipped (held), whenever written."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Q, UniqueConstraint
from django.db.models.functions import Coalesce, Now
from django.utils.translation import gettext_lazy as _

from jobs.clock import database_now
from jobs.deeds import Deed


@dataclass(frozen=True)
class Interval:
    """From `begin` (included) to `end` (excluded; None: no end yet)."""

    begin: datetime
    end: datetime | None

    def covers(self, due: datetime) -> bool:
        return self.begin <= due and (self.end is None or due < self.end)


class ScheduleHold(models.Model):
    """One hold, over at `ended_at` or by itself at `until`; kept, since due times may be written down late."""

    began_at = models.DateTimeField(_("began at"))
    until = models.DateTimeField(_("until"), null=True)
    ended_at = models.DateTimeField(_("ended at"), null=True)
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    held_by_user_id = models.UUIDField(_("held by"))
    released_by_user_id = models.UUIDField(null=True)

    class Meta:
        verbose_name = _("hold")
        verbose_name_plural = _("holds")
        ordering = ["-began_at"]
        constraints = [
            UniqueConstraint(models.Value(1), condition=Q(ended_at=None), name="hold_one_open"),
        ]

    def __str__(self) -> str:
        return f"{self.began_at:%Y-%m-%d %H:%M} {self.reason}"


def current() -> ScheduleHold | None:
    """The hold that the schedule is under at this moment, by the database's clock."""
    return ScheduleHold.objects.filter(Q(until=None) | Q(until__gt=Now()), ended_at=None).first()


def hold(*, by: uuid.UUID, reason: str = "", until: datetime | None = None) -> ScheduleHold:
    """Hold the schedule from now on; held already, with the new reason and end. Raises ValidationError on `until`."""
    with transaction.atomic():
        now = database_now()
        if until and until <= now:
            raise ValidationError({"until": _("This moment is past. Name one in the future, or none.")})
        before = _end(by=by, now=now)
        held = ScheduleHold.objects.create(began_at=now, until=until, reason=reason, held_by_user_id=by)
        _deed("ScheduleHeld", before, held, by=by, now=now).tell()
    return held


def release(*, by: uuid.UUID) -> None:
    """Let the schedule go on. Without a hold nothing changes."""
    with transaction.atomic():
        now = database_now()
        if before := _end(by=by, now=now):
            _deed("ScheduleReleased", before, None, by=by, now=now).tell()


def since(first: datetime) -> Sequence[Interval]:
    """The holds that may cover due times from `first` on, newest first."""
    over_at = Coalesce("ended_at", "until")
    rows = ScheduleHold.objects.annotate(over_at=over_at).filter(Q(over_at=None) | Q(over_at__gt=first))
    return [Interval(begin, end) for begin, end in rows.order_by("-began_at").values_list("began_at", "over_at")]


def _end(*, by: uuid.UUID, now: datetime) -> ScheduleHold | None:
    """Return the hold that ends now. What has ended by itself ended when it said, not now."""
    ends_now = None
    for row in ScheduleHold.objects.select_for_update().filter(ended_at=None):
        row.ended_at = min(now, row.until) if row.until else now
        row.released_by_user_id = by
        row.save()
        ends_now = row if row.ended_at == now else ends_now
    return ends_now


def _deed(
    action: str, before: ScheduleHold | None, after: ScheduleHold | None, *, by: uuid.UUID, now: datetime
) -> Deed:
    def fields(row: ScheduleHold | None) -> dict[str, object] | None:
        return {"reason": row.reason, "until": row.until} if row else None

    return Deed(action, "Schedule", "", "", before=fields(before), after=fields(after), by=by, at=now)
