"""Messages that are sent once each: what was claimed, sent, refused, or may have been sent.

They belong to a purpose, the job type's name, and not to one job: two jobs of one type, or one that is deleted and made
again, tell nobody twice.

A network gives no certainty. What is certain: a message is begun by one run only, its row says so before the request
leaves, and a row that was begun and never ended is counted as uncertain and never sent again.
"""

import uuid
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.db import models, transaction
from django.db.models import Q, UniqueConstraint
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from jobs.failpoints import failpoint

KEPT_FOR = timedelta(days=400)
SUBJECT_MAX_LENGTH = 200


@dataclass(frozen=True)
class Subject:
    """What a message is about. `episode` sets apart the occasions on which the same thing is told again."""

    id: str
    episode: str = ""


class MessageStatus(models.TextChoices):
    CLAIMED = "Claimed", _("Claimed")  # a run will send it
    SENDING = "Sending", _("Sending")  # the request may have left
    SENT = "Sent", _("Sent")
    FAILED = "Failed", _("Failed")  # certainly not sent; may be claimed again
    REFUSED = "Refused", _("Refused")  # certainly not sent, and never will be
    UNCERTAIN = "Uncertain", _("Uncertain")  # perhaps sent; never again


TOLD = (MessageStatus.SENDING, MessageStatus.SENT, MessageStatus.UNCERTAIN)


class SentMessage(models.Model):
    """One message about one subject. `run_id` is the execution that claimed it last."""

    purpose = models.CharField(max_length=200)
    subject_id = models.CharField(max_length=SUBJECT_MAX_LENGTH)
    episode = models.CharField(max_length=100, blank=True)
    status = models.CharField(max_length=9, choices=MessageStatus.choices)
    run_id = models.UUIDField()
    note = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            UniqueConstraint(fields=["purpose", "subject_id", "episode"], name="message_once_per_episode"),
        ]
        indexes = [
            models.Index(
                fields=["purpose", "status"],
                condition=Q(status__in=[MessageStatus.CLAIMED, MessageStatus.SENDING]),
                name="message_under_way",
            ),
            models.Index(fields=["purpose", "created_at"], name="message_age"),
        ]

    def __str__(self) -> str:
        return f"{self.subject_id} {self.episode} {self.status}"


class Messages:
    """The messages of one purpose, in the hands of one run. `running` tells which of some runs still hold a worker."""

    def __init__(
        self, purpose: str, run_id: uuid.UUID, running: Callable[[Collection[uuid.UUID]], set[uuid.UUID]]
    ) -> None:
        self._purpose, self._run_id, self._running = purpose, run_id, running
        self._rows = SentMessage.objects.filter(purpose=purpose)

    def claim(self, subjects: Collection[Subject]) -> set[Subject]:
        """Those that this run may send: new ones, failed ones, and ones whose run is over and had not begun them."""
        with transaction.atomic():
            new = [
                SentMessage(
                    purpose=self._purpose, subject_id=subject.id, episode=subject.episode, run_id=self._run_id,
                    status=MessageStatus.CLAIMED,
                )
                for subject in subjects
            ]  # fmt: skip
            SentMessage.objects.bulk_create(new, ignore_conflicts=True)
            about = self._rows.filter(subject_id__in={subject.id for subject in subjects})
            self._take_over(about.filter(status__in=[MessageStatus.CLAIMED, MessageStatus.FAILED]))
            claimed = self._mine(about) & set(subjects)
        failpoint("messages.after_claim")
        return claimed

    def abandoned(self) -> set[Subject]:
        """Take over what runs that are over had claimed and did not send; this run must send or release each."""
        with transaction.atomic():
            unsent = self._rows.filter(status__in=[MessageStatus.CLAIMED, MessageStatus.FAILED])
            return self._subjects(self._take_over(unsent))

    def settle_uncertain(self) -> int:
        """Give up on what runs that are over had begun and not ended; return how many."""
        begun = self._rows.filter(status=MessageStatus.SENDING)
        over = self._over(begun)
        return begun.filter(run_id__in=over).update(
            status=MessageStatus.UNCERTAIN, note="its run ended in the middle", changed_at=Now()
        )

    def settled(self, subjects: Collection[Subject]) -> set[Subject]:
        """Those that were begun by some run, or never will be: nobody is going to send them any more."""
        about = self._rows.filter(subject_id__in={subject.id for subject in subjects})
        return self._subjects(about.exclude(status__in=[MessageStatus.CLAIMED, MessageStatus.FAILED])) & set(subjects)

    def told(self, subjects: Collection[Subject]) -> set[Subject]:
        """Those of which somebody was told, or may have been, by whichever run."""
        about = self._rows.filter(subject_id__in={subject.id for subject in subjects})
        return self._subjects(about.filter(status__in=TOLD)) & set(subjects)

    def begin(self, subject: Subject) -> bool:
        """The request is about to leave. False: the message is not this run's any more, and must not be sent."""
        return self._change(subject, MessageStatus.CLAIMED, MessageStatus.SENDING)

    def end(self, subject: Subject, status: MessageStatus, note: str = "") -> None:
        """What became of a message that was begun."""
        self._change(subject, MessageStatus.SENDING, status, note)

    def release(self, subjects: Iterable[Subject]) -> set[Subject]:
        """Give back what this run claimed and has not begun; return what that was."""
        wanted = set(subjects)
        with transaction.atomic():
            mine = self._rows.filter(run_id=self._run_id, status=MessageStatus.CLAIMED)
            rows = [row for row in mine.select_for_update() if Subject(row.subject_id, row.episode) in wanted]
            self._rows.filter(pk__in=[row.pk for row in rows]).delete()
        return self._subjects(rows)

    def prune(self) -> None:
        """Forget what is older than KEPT_FOR: no episode lasts that long."""
        self._rows.filter(created_at__lt=Now() - KEPT_FOR).delete()

    # --- How ---------------------------------------------------------------------------------------------------------
    def _take_over(self, candidates: models.QuerySet[SentMessage]) -> list[SentMessage]:
        """Make those rows ours whose run is over. Nobody else takes them meanwhile."""
        rows = list(candidates.filter(run_id__in=self._over(candidates)).select_for_update(skip_locked=True))
        self._rows.filter(pk__in=[row.pk for row in rows]).update(
            run_id=self._run_id, status=MessageStatus.CLAIMED, note="", changed_at=Now()
        )
        return rows

    def _over(self, rows: models.QuerySet[SentMessage]) -> set[uuid.UUID]:
        """The other runs behind these rows that hold no worker any more. What this run failed at it leaves alone."""
        holders = set(rows.exclude(run_id=self._run_id).values_list("run_id", flat=True).distinct())
        return holders - self._running(holders)

    def _mine(self, rows: models.QuerySet[SentMessage]) -> set[Subject]:
        return self._subjects(rows.filter(run_id=self._run_id, status=MessageStatus.CLAIMED))

    def _subjects(self, rows: Iterable[SentMessage]) -> set[Subject]:
        return {Subject(row.subject_id, row.episode) for row in rows}

    def _change(self, subject: Subject, before: MessageStatus, after: MessageStatus, note: str = "") -> bool:
        mine = self._rows.filter(subject_id=subject.id, episode=subject.episode, run_id=self._run_id, status=before)
        return bool(mine.update(status=after, note=note[:500], changed_at=Now()))
