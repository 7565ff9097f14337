"""Sends the messages that a run has claimed, each at most once, and counts what became of them."""

from collections import Counter
from typing import Any

from jobs.base import JobContext, JobError
from jobs.gateways.notifications import Delivery, Email, MessageRefused, NotificationError
from jobs.messages import MessageStatus, Subject

# So many messages in a row that the service could not take, and this run stops bothering it.
FAILURES_IN_A_ROW = 3


class Deliveries:
    """The sending end of one run. `counts`: sent, refused, failed, uncertain; skipped and blocked by the service."""

    def __init__(self, context: JobContext[Any]) -> None:
        self.counts = Counter(sent=0, refused=0, failed=0, uncertain=0)
        self._context = context
        self._failures_in_a_row = 0
        self._fault: NotificationError | None = None

    def begin(self) -> None:
        """Before anything is claimed: that there is somebody to send it, and what earlier runs left in the middle."""
        self._context.gateways.notifications.check()
        self.counts["uncertain"] = self._context.messages.settle_uncertain()
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
        status, note = self._try(email)
        if status != MessageStatus.SENT:
            self._context.log(f"To {email.to}: {note}", level="WARNING")
        return self._ended(subject, status, note)

    def refuse(self, subject: Subject, why: str) -> None:
        """A message that cannot be sent at all: without an address, say."""
        if self._context.messages.begin(subject):
            self._ended(subject, MessageStatus.REFUSED, why)

    def stop_if_useless(self) -> None:
        """Raise what the service answered when it takes no message at all."""
        if self._fault and (self._fault.permanent or self._failures_in_a_row >= FAILURES_IN_A_ROW):
            raise self._fault

    def finish(self, result: dict[str, Any]) -> dict[str, Any]:
        """The result with the counts. Raises JobError when messages are left that another attempt may well send."""
        self._context.messages.prune()
        result = {**result, **self.counts}
        if self._fault:
            raise JobError(f"{self.counts['failed']} messages could not be sent: {self._fault}", result=result)
        return result

    def _try(self, email: Email) -> tuple[MessageStatus, str]:
        try:
            delivery = self._context.gateways.notifications.send(email)
        except MessageRefused as fault:
            return MessageStatus.REFUSED, str(fault)
        except NotificationError as fault:
            self._failures_in_a_row += 1
            if fault.is_uncertain:
                return MessageStatus.UNCERTAIN, str(fault)
            self._fault = fault
            return MessageStatus.FAILED, str(fault)
        self._failures_in_a_row = 0
        if delivery is Delivery.SENT:
            return MessageStatus.SENT, ""
        self.counts[delivery.value] += 1
        # Switched off today, it may be on tomorrow; without consent there is nothing to wait for.
        status = MessageStatus.FAILED if delivery is Delivery.SKIPPED else MessageStatus.REFUSED
        return status, f"not sent, says the service: {delivery.value}"

    def _ended(self, subject: Subject, status: MessageStatus, note: str) -> MessageStatus:
        self._context.messages.end(subject, status, note)
        self.counts[status.value.lower()] += 1
        return status
