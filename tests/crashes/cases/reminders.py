"""SendReminderEmailsJob: at most one reminder for each of tomorrow's appointments, and nobody is forgotten."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

from jobs import business_days
from jobs.messages import MessageStatus
from tests.crashes import invariants
from tests.crashes.case import Case
from tests.crashes.cases import messages
from tests.crashes.invariants import Told
from tests.crashes.peers import NO_CONSENT, Peers
from tests.crashes.stage import Scene

REFUSED, ELSEWHERE = 4, 5


@dataclass(frozen=True)
class Reminders:
    told: Told
    marked: frozenset[str]  # who is marked over there as reminded

    @property
    def sums(self) -> Mapping[str, int]:
        return {**self.told.sums, "marked": len(self.marked)}


class SendReminderEmails(Case[Reminders]):
    name = job_type = "SendReminderEmailsJob"
    points = {**messages.POINTS, "reminders.after_mark": 3}

    def parameters(self, peers: Peers) -> Mapping[str, Any]:
        return {"batchSize": 5, "language": "en"}

    def fill(self, scene: Scene) -> Reminders:
        day = business_days.day_of(scene.now) + business_days.ONE_DAY
        wanted = [f"{number}@example.com" for number in range(self.size - REFUSED)]
        wanted += [f"{NO_CONSENT}-{number}@example.com" for number in range(REFUSED)]
        elsewhere = [f"not-{number}@example.com" for number in range(ELSEWHERE)]
        midnight = datetime.combine(day, time(), UTC)
        for day_of_these, emails in ((midnight, wanted), (midnight + timedelta(days=1), elsewhere)):
            for email in emails:
                scene.okla.add("appointments", email=email, date=day_of_these, time="15:30")
        return replace(self.look(scene), told=Told(frozenset(wanted), {}, {}))

    def look(self, scene: Scene) -> Reminders:
        table = scene.okla["appointments"]
        query = f"SELECT {table['id']}::text, {table['email']}, {scene.okla.is_reminded} FROM {table}"
        rows = scene.okla.execute(table.service, query)
        wanted = frozenset(email for _id, email, _mark in rows if not email.startswith("not-"))
        marked = frozenset(email for _id, email, mark in rows if mark)
        return Reminders(messages.told_now(scene, wanted, {key: email for key, email, _mark in rows}), marked)

    def broken(self, before: Reminders, after: Reminders) -> list[str]:
        told = after.told
        due = {one for one in told.recipients if told.status(one) in (MessageStatus.SENT, MessageStatus.UNCERTAIN)}
        return [
            *invariants.about("forgotten", before.told.recipients - told.recipients),
            *invariants.of_messages(told),
            *invariants.about("marked, and told nothing", after.marked - due),
            *invariants.about("told, and not marked", due - after.marked),
        ]

    def broken_next_day(self, after: Reminders, next_day: Reminders) -> list[str]:
        return invariants.of_messages_next_day(after.told, next_day.told)


class SendRemindersAsOklaKeepsThem(SendReminderEmails):
    """The mark is an instant there, and each change of a row is stamped."""

    name, schema = "SendReminderEmailsJob, okla", "okla"
