"""SendReminderEmailsJob: one reminder for each of tomorrow's appointments that has none."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop
from pydantic import Field

from jobs import business_days, guardrails, letters
from jobs.base import Job, JobContext, JobError
from jobs.deliveries import Deliveries
from jobs.failpoints import failpoint
from jobs.gateways.appointments import Appointment, AppointmentBook
from jobs.gateways.notifications import Email
from jobs.letters import Language
from jobs.messages import MessageStatus, Subject


class SendReminderEmailsParameters(guardrails.LimitedJobParameters):
    batch_size: int = Field(
        100, ge=1, le=1_000, description=gettext_noop("How many appointments are marked at a time.")
    )
    language: Language = Field(Language.BOTH, description=gettext_noop("Of the message: en, es or both."))


class SendReminderEmailsJob(Job[SendReminderEmailsParameters]):
    description = gettext_lazy("Sends one reminder for each of tomorrow's appointments that has none.")
    parameters_model = SendReminderEmailsParameters

    def execute(self, context: JobContext[SendReminderEmailsParameters]) -> Mapping[str, Any]:
        day = business_days.day_of(context.reference_time) + business_days.ONE_DAY
        with context.gateways.appointments.open() as book:
            total = book.count_unreminded(day)
            context.log(f"{total} appointments on {day} have no reminder yet")
            guardrails.stop_if_too_many(context, total, "appointments without a reminder")
            if context.dry_run:
                return {"day": day.isoformat(), "sent": 0, "wouldSend": total}
            result = _Reminders(context, book, day, total).send_all()
        return guardrails.watch(context, result, guardrails.ROWS, sent_reminders=result["sent"])


class _Reminders:
    """The sending of one run.

    An appointment is claimed here, then marked there, then sent, and unmarked when it certainly was not sent. Whatever
    a crash cuts short, the two rows together say what is left to do.
    """

    def __init__(
        self, context: JobContext[SendReminderEmailsParameters], book: AppointmentBook, day: date, total: int
    ) -> None:
        self.context, self.book, self.day, self.total = context, book, day, total
        self.figures: dict[str, Any] = {"day": day.isoformat(), "past": 0, "knownBefore": 0, "held": 0}
        self.deliveries = Deliveries(context, self.figures)
        self.now: datetime = timezone.now()
        self.handled = 0

    def send_all(self) -> dict[str, Any]:
        self.deliveries.begin()
        self._finish_what_others_began()
        after: str | None = None
        size = self.context.parameters.batch_size
        while batch := self.book.unreminded(self.day, after=after, at_most=size):
            after = batch[-1].id
            self._remind(batch)
        if known := self.figures["knownBefore"]:
            self.context.log(f"{known} were refused before, or are in the hands of another run")
        result = self.deliveries.finish()
        if held := self.figures["held"]:  # tomorrow is too late for them
            raise JobError(f"{held} appointments were held by somebody: another attempt reminds of them", result=result)
        return result

    def _finish_what_others_began(self) -> None:
        """Marked by a run that is over, and not sent: sent now, if it is about this day.

        What is not marked any more is a candidate like any other. For another day the words would be wrong: it is as
        if nobody had claimed it.
        """
        left = {subject.id: subject for subject in self.context.messages.abandoned()}
        marked = [each for each in self.book.reminded(left) if _subject(each) == left[each.id]]
        timely = self._upcoming([each for each in marked if each.day == self.day])
        given_back = self.context.messages.release(set(left.values()) - {_subject(each) for each in timely})
        self.book.unmark({each.id for each in marked if _subject(each) in given_back})
        self._send(timely)
        # Whoever stalled between claim and mark may have taken the mark away meanwhile.
        self.book.mark([subject.id for subject in self.context.messages.told([_subject(each) for each in timely])])

    def _remind(self, batch: list[Appointment]) -> None:
        self.context.check_cancelled()
        upcoming = self._upcoming(batch)
        claimed = self.context.messages.claim([_subject(each) for each in upcoming])
        ours = [each for each in upcoming if _subject(each) in claimed]
        self.figures["knownBefore"] += len(upcoming) - len(ours)
        marked = self.book.mark([each.id for each in ours])
        self.figures["held"] += len(ours) - len(marked)
        failpoint("reminders.after_mark")
        self.context.messages.release(_subject(each) for each in ours if each.id not in marked)
        self._handled(len(batch) - len(marked))
        self._send([each for each in ours if each.id in marked])

    def _handled(self, count: int) -> None:
        self.handled += count
        sent = _("%(count)d sent") % {"count": self.deliveries.counts["sent"]}
        self.context.progress(min(self.handled, self.total), self.total, sent)

    def _upcoming(self, appointments: list[Appointment]) -> list[Appointment]:
        upcoming = [each for each in appointments if not each.is_over(self.now)]
        self.figures["past"] += len(appointments) - len(upcoming)
        return upcoming

    def _send(self, marked: list[Appointment]) -> None:
        """Send for appointments that are claimed and marked; what is not reached is given back."""
        left = list(marked)
        try:
            while left:
                self.context.check_cancelled()
                letter = self._letter(left[0])  # if it cannot be written, this one too is given back
                appointment = left.pop(0)
                subject = _subject(appointment)
                status = self.deliveries.send(subject, letter)
                # Not ours any more: the mark set here goes, unless somebody else has sent for it.
                is_taken = status is None and bool(self.context.messages.settled([subject]))
                if status not in (MessageStatus.SENT, MessageStatus.UNCERTAIN) and not is_taken:
                    self.book.unmark([appointment.id])
                self._handled(1)
                self.deliveries.stop_if_useless()
        finally:
            self._give_back({_subject(each) for each in left})

    def _give_back(self, left: set[Subject]) -> None:
        """Claims and marks of this run that are not reached; a claim that is not ours any more has no mark of ours."""
        self.context.messages.release(left)
        self.book.unmark([subject.id for subject in left - self.context.messages.settled(left)])

    def _letter(self, appointment: Appointment) -> Email:
        return letters.write(
            "notice",
            to=appointment.email,
            subject=lambda: _("Reminder: Appointment Tomorrow"),
            language=self.context.parameters.language,
            context=lambda: {"sentences": _sentences(appointment)},
        )


def _subject(appointment: Appointment) -> Subject:
    """A moved appointment, or one with another address, is told again."""
    return Subject(appointment.id, f"{appointment.day} {appointment.email}"[:100])


def _sentences(appointment: Appointment) -> list[str]:
    day = f"{date_format(appointment.day, 'l')}, {date_format(appointment.day, 'DATE_FORMAT')}"
    time = f"{appointment.at:%H:%M}" if appointment.at else day
    return [_("Your appointment is scheduled for %(time)s") % {"time": time}, day]
