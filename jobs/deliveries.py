"""Sends the messages that a run has claimed, each at most once, and counts what became of them."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from jobs.base import JobContext, JobError
from jobs.failpoints import failpoint
from jobs.gateways.notifications import Delivery, Email, MessageRefused, NotificationError
from jobs.messages import MessageStatus, Subject

# After so many messages in a row that the service could not take, or never answered for, a run stops bothering it.
FAILURES_IN_A_ROW = 3
# The alert's subject, by which its episode is known: never translated. In the job's state: the last run that had any.
UNCERTAIN = "Uncertain messages"


class Deliveries:
    """The sending end of one run. `counts`: sent, refused, failed, uncertain; skipped and blocked by the service.

    `figures` are the run's own; its result, also when it is stopped, is those and the counts.
    """

    def __init__(self, context: JobContext[Any], figures: dict[str, Any]) -> None:
        self.figures = figures
        self.counts = Counter(sent=0, refused=0, failed=0, uncertain=0)
        self._context = context
        self._failures_in_a_row = 0
        self._fault: NotificationError | None = None

    def begin(self) -> None:
        """Before anything is claimed: that there is somebody to send it, and what earlier runs left in the middle."""
        self._context.gateways.notifications.check()
        with transaction.atomic():  # what is settled and not alerted would never be told of
            self.counts["uncertain"] = self._context.messages.settle_uncertain()
            if self.counts["uncertain"]:
                self._alert()
        failpoint("uncertain.after_settle")
        if self.counts["uncertain"]:
            self._context.log(
                f"{self.counts['uncertain']} messages were being sent when their run ended; whether they were sent is"
                " not known, and they are not sent again",
                level="WARNING",
            )

    def send(self, subject: Subject, email: Email) -> MessageStatus | None:
        """Send one claimed message; None when it is not this run's any more. Never raises for a message's own sake."""
        if not self._context.messages.begin(subject):
            return None
        failpoint("send.before")
        end = self._try(email)
        failpoint("send.after")
        if end.status != MessageStatus.SENT:
            self._context.log(f"To {email.to}: {end.note}", level="WARNING")
        self._end(subject, end)
        return end.status

    def refuse(self, subject: Subject, count: str, why: str) -> None:
        """A message that cannot be sent at all, counted under a name of its own."""
        if self._context.messages.begin(subject):
            self._end(subject, _End(MessageStatus.REFUSED, count, why))

    def stop_if_useless(self) -> None:
        """Raise JobError once the service takes no message at all, or lets nobody know whether it does."""
        fault = self._fault
        if fault and (fault.permanent or self._failures_in_a_row >= FAILURES_IN_A_ROW):
            raise JobError(f"Stopped sending: {fault}", permanent=fault.permanent, result=self._result)

    def finish(self) -> dict[str, Any]:
        """The result with the counts. Raises JobError when messages are left that another attempt may well send."""
        self._context.messages.prune()
        self._end_alert()
        told = ", ".join(f"{count} {name}" for name, count in self.counts.items() if count)
        self._context.log(f"Messages: {told or 'none to send'}")
        if self.counts["failed"]:
            text = f"{self.counts['failed']} messages could not be sent: {self._fault}"
            raise JobError(text, permanent=bool(self._fault and self._fault.permanent), result=self._result)
        return self._result

    @property
    def _result(self) -> dict[str, Any]:
        return {**self.figures, **self.counts}

    def _try(self, email: Email) -> "_End":
        try:
            delivery = self._context.gateways.notifications.send(email)
        except MessageRefused as fault:
            return _End(MessageStatus.REFUSED, "refused", str(fault))
        except NotificationError as fault:
            self._failures_in_a_row += 1
            self._fault = fault
            if fault.is_uncertain:
                return _End(MessageStatus.UNCERTAIN, "uncertain", str(fault))
            return _End(MessageStatus.FAILED, "failed", str(fault))
        self._failures_in_a_row = 0
        return ENDS[delivery]

    def _end(self, subject: Subject, end: "_End") -> None:
        if end.status == MessageStatus.UNCERTAIN:
            self._alert()  # first: a message that is settled is looked at by no later run
        self._context.messages.end(subject, end.status, end.note)
        self.counts[end.count] += 1

    # --- The alert about what nobody knows ---------------------------------------------------------------------------
    def _alert(self) -> None:
        text = _(
            "Of some messages nobody knows whether they were sent: their run ended in the middle, or the service did"
            " not say. They are not sent again."
        )
        self._context.alert(UNCERTAIN, open=True, message=text)
        self._context.state.set(UNCERTAIN, self._context.reference_time.isoformat())

    def _end_alert(self) -> None:
        """By the first run that comes after and has none: the attempts of one run are one."""
        known = self._context.state.get(UNCERTAIN)
        if known and datetime.fromisoformat(known) < self._context.reference_time:
            self._context.alert(UNCERTAIN, open=False)
            self._context.state.set(UNCERTAIN, None)


@dataclass(frozen=True)
class _End:
    """What became of a message: its row's status, the figure it counts in, and why."""

    status: MessageStatus
    count: str
    note: str = ""


ENDS = {
    Delivery.SENT: _End(MessageStatus.SENT, "sent"),
    # Switched off today, it may be on tomorrow; without consent there is nothing to wait for.
    Delivery.SKIPPED: _End(MessageStatus.FAILED, "skipped", "not sent: the service has e-mail switched off"),
    Delivery.BLOCKED: _End(MessageStatus.REFUSED, "blocked", "not sent: the recipient has not consented"),
}
