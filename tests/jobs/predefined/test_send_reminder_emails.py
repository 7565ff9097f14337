"""SendReminderEmailsJob: real database, a NotificationService that does as it is told."""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.utils import timezone
from werkzeug import Response

from executions.claims import Claim
from executions.context import RunContext, running
from executions.executor import JobExecutor
from executions.output import RunOutput
from jobs import business_days, gateways
from jobs.base import JobCancelled
from jobs.gateways.appointments import _time
from jobs.messages import Messages, MessageStatus, SentMessage, Subject
from jobs.models import ScheduledJob
from jobs.predefined.send_reminder_emails import SendReminderEmailsParameters, _Reminders
from tests.factories import a_job, ended, started
from tests.jobs.conftest import Ran
from tests.jobs.predefined.conftest import NotificationPeer, saying
from tests.okla import Okla

TODAY = business_days.day_of(timezone.now())
TOMORROW = TODAY + timedelta(days=1)
JOB = "SendReminderEmailsJob"


def appointment(okla: Okla, email: str, day: date = TOMORROW, at: str = "15:30", **words: Any) -> str:
    midnight = datetime.combine(day, time(), UTC)
    return okla.add("appointments", **{"email": email, "date": midnight, "time": at, **words})


def reminded(okla: Okla) -> list[str]:
    table = okla["appointments"]
    query = f"SELECT {table['email']} FROM {table} WHERE {okla.is_reminded} ORDER BY 1"
    return [email for (email,) in okla.execute(table.service, query)]


def messages_of(ran: Ran) -> Messages:
    """The messages of a run of the same job that then dies."""
    dead = started(ScheduledJob.objects.get(pk=ran.execution.job_id))
    messages = Messages(JOB, dead.id, running)
    ended(dead)
    return messages


def subject_of(key: str, email: str, day: date = TOMORROW) -> Subject:
    return Subject(key, f"{day} {email}")


def test_each_of_tomorrows_appointments_is_reminded_of_once(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran]
) -> None:
    for name in ("ana", "ben", "eva"):
        appointment(okla, f"{name}@example.com")
    appointment(okla, "today@example.com", TODAY)
    appointment(okla, "later@example.com", TOMORROW + timedelta(days=1))
    appointment(okla, "done@example.com", reminded=True)
    ran = run_job(JOB, batchSize=2)
    assert ran.status == "Completed", ran.output
    assert (ran.result["sent"], ran.result["day"]) == (3, TOMORROW.isoformat())
    assert notifications.recipients == ["ana@example.com", "ben@example.com", "eva@example.com"]
    assert reminded(okla) == ["ana@example.com", "ben@example.com", "done@example.com", "eva@example.com"]
    again = run_job(JOB)
    assert again.result["sent"] == 0
    assert len(notifications.asked) == 3


def test_the_message_says_when_in_both_languages_or_in_one(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran]
) -> None:
    appointment(okla, "ana@example.com", at="09:05")
    run_job(JOB)
    (mail,) = notifications.sent
    assert mail["subject"] == "Reminder: Appointment Tomorrow / Recordatorio: su cita es mañana"
    assert "Your appointment is scheduled for 09:05</p>" in mail["body"]
    assert "Su cita está programada para: 09:05</p>" in mail["body"]
    assert str(TOMORROW.year) in mail["body"]
    assert mail["isHtml"] is True
    appointment(okla, "ben@example.com")
    run_job(JOB, language="es")
    assert notifications.sent[1]["subject"] == "Recordatorio: su cita es mañana"
    assert "scheduled" not in notifications.sent[1]["body"]


@pytest.mark.parametrize(
    ("moment", "is_tomorrow"),
    [
        (datetime.combine(TOMORROW, time(4), UTC), True),  # midnight in Santo Domingo, in summer in New York too
        (datetime.combine(TOMORROW, time(5), UTC), True),  # midnight in New York in winter: OKLA's pods are set to it
        (datetime.combine(TOMORROW, time(3, 59), UTC), False),  # the evening before
        (datetime.combine(TOMORROW + timedelta(days=1), time(3, 59), UTC), True),  # 23:59 tomorrow
        (datetime.combine(TOMORROW + timedelta(days=1), time(4), UTC), False),
        (datetime.combine(TOMORROW + timedelta(days=1), time(0), UTC), False),  # a date without a time: the day after
    ],
)
def test_tomorrow_is_a_day_of_santo_domingo(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran], moment: datetime, is_tomorrow: bool
) -> None:
    appointment(okla, "ana@example.com", date=moment)
    assert run_job(JOB).result["sent"] == int(is_tomorrow)


def test_a_late_run_reminds_nobody_of_what_is_past(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran]
) -> None:
    appointment(okla, "ana@example.com", TODAY - timedelta(days=2))
    appointment(okla, "ben@example.com", TODAY, at="00:00")
    for days in (3, 1):
        ran = run_job(JOB, at=timezone.now() - timedelta(days=days))
        assert (ran.result["sent"], ran.result["past"]) == (0, 1)
    assert notifications.asked == []
    assert reminded(okla) == []


def test_a_known_failure_takes_the_mark_away_and_the_next_run_sends(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran]
) -> None:
    appointment(okla, "ana@example.com")
    appointment(okla, "ben@example.com")
    notifications.answers["ana@example.com"] = lambda: saying("Failed")
    ran = run_job(JOB)
    assert ran.status == "Failed" and ran.outcome.can_retry
    assert (ran.result["sent"], ran.result["failed"]) == (1, 1)
    assert reminded(okla) == ["ben@example.com"]
    notifications.answers.clear()
    assert run_job(JOB).result["sent"] == 1
    assert notifications.recipients == ["ana@example.com", "ben@example.com"]
    assert reminded(okla) == ["ana@example.com", "ben@example.com"]


@pytest.mark.parametrize("words", ["no such\0mailbox", "half an emoji: \ud83d"], ids=["NUL", "half a character"])
def test_a_refusal_in_words_that_no_database_keeps_is_counted_and_the_others_are_sent(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran], words: str
) -> None:
    """The run broke at the first such answer: the message stayed in doubt, and all others waited."""
    for name in ("ana", "ben", "eva"):
        appointment(okla, f"{name}@example.com")
    refusal = json.dumps({"detail": words})
    notifications.answers["ben@example.com"] = lambda: Response(refusal, 422, content_type="application/problem+json")
    ran = run_job(JOB)
    assert (ran.status, ran.result["sent"], ran.result["refused"]) == ("Completed", 2, 1), ran.output
    assert "\ufffd" in SentMessage.objects.get(status=MessageStatus.REFUSED).note


def test_an_answer_that_does_not_say_sent_is_uncertain_and_never_sent_again(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran]
) -> None:
    appointment(okla, "ana@example.com")
    notifications.answers["ana@example.com"] = lambda: Response("upstream went away", 502)
    ran = run_job(JOB)
    assert (ran.status, ran.result["sent"], ran.result["uncertain"]) == ("Completed", 0, 1)
    assert reminded(okla) == ["ana@example.com"]
    assert run_job(JOB).result["sent"] == 0
    assert len(notifications.asked) == 1


def test_a_service_that_never_answers_for_what_it_took_is_left_alone_after_three(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran]
) -> None:
    for n in range(10):
        appointment(okla, f"c{n}@example.com")
        notifications.answers[f"c{n}@example.com"] = lambda: Response("upstream went away", 502)
    ran = run_job(JOB)
    assert ran.status == "Failed" and ran.outcome.can_retry
    assert ran.outcome.result["uncertain"] == len(notifications.asked) == 3
    assert len(reminded(okla)) == 3
    notifications.answers.clear()
    assert run_job(JOB).result["sent"] == 7


@pytest.mark.parametrize(("status", "count"), [("Skipped", "skipped"), ("ConsentBlocked", "blocked")])
def test_two_hundred_does_not_mean_sent(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran], status: str, count: str
) -> None:
    appointment(okla, "ana@example.com")
    notifications.answers["ana@example.com"] = lambda: saying(status)
    ran = run_job(JOB)
    assert (ran.status, ran.result["sent"], ran.result[count]) == ("Completed", 0, 1)
    assert reminded(okla) == []


def test_an_address_that_is_none_is_counted_once_and_stops_nobody_else(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran]
) -> None:
    key = appointment(okla, "no tiene")
    appointment(okla, "ana@example.com")
    ran = run_job(JOB)
    assert (ran.status, ran.result["sent"], ran.result["refused"]) == ("Completed", 1, 1)
    assert "no tiene" in ran.output
    assert reminded(okla) == ["ana@example.com"]
    again = run_job(JOB)
    assert (again.result["refused"], again.result["knownBefore"]) == (0, 1)
    # Corrected, it is told.
    okla.change("appointments", key, email="ok@example.com")
    assert run_job(JOB).result["sent"] == 1


def test_a_service_that_takes_nothing_is_left_alone_and_nothing_stays_marked(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran]
) -> None:
    for n in range(10):
        appointment(okla, f"c{n}@example.com")
        notifications.answers[f"c{n}@example.com"] = lambda: saying("Failed")
    ran = run_job(JOB, batchSize=4)
    assert ran.status == "Failed" and ran.outcome.can_retry
    assert len(notifications.asked) == 3
    assert reminded(okla) == []
    notifications.answers.clear()
    assert run_job(JOB).result["sent"] == 10


def test_an_appointment_that_somebody_holds_is_left_to_another_attempt_and_the_others_are_sent(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran]
) -> None:
    held, _free = appointment(okla, "ana@example.com"), appointment(okla, "luis@example.com")
    table = okla["appointments"]
    with okla.connect(table.service) as connection, connection.transaction():
        connection.execute(f"SELECT 1 FROM {table} WHERE {table['id']} = %s FOR UPDATE", [held])
        ran = run_job(JOB)
        assert (ran.status, ran.outcome.can_retry, ran.result["sent"]) == ("Failed", True, 1)
        assert "1 appointments were held by somebody" in str(ran.outcome.error_message)
    assert run_job(JOB).result["sent"] == 1
    assert sorted(each["to"] for each in notifications.asked) == ["ana@example.com", "luis@example.com"]


def test_without_a_way_to_send_nothing_is_marked_and_the_variable_is_named(
    okla: Okla, configured: Callable[..., None], run_job: Callable[..., Ran]
) -> None:
    configured(SCHEDULER_NOTIFICATION_SERVICE_URL="", SCHEDULER_SMTP_URL="")
    appointment(okla, "ana@example.com")
    ran = run_job(JOB)
    assert ran.status == "Failed" and not ran.outcome.can_retry
    assert "ServiceUrls__NotificationService" in str(ran.outcome.error_message)
    assert reminded(okla) == []


def test_a_dry_run_counts_and_touches_nothing(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran]
) -> None:
    appointment(okla, "ana@example.com")
    ran = run_job(JOB, dryRun=True)
    assert (ran.result["sent"], ran.result["wouldSend"]) == (0, 1)
    assert notifications.asked == []
    assert reminded(okla) == []
    assert not SentMessage.objects.exists()


# --- After a crash ---------------------------------------------------------------------------------------------------
def test_killed_between_claim_and_mark_the_next_run_sends(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran]
) -> None:
    ran = run_job(JOB)
    key = appointment(okla, "ana@example.com")
    messages_of(ran).claim([subject_of(key, "ana@example.com")])
    assert run_job(JOB).result["sent"] == 1


def test_killed_between_mark_and_send_the_next_run_sends(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran]
) -> None:
    ran = run_job(JOB)
    key = appointment(okla, "ana@example.com", reminded=True)
    messages_of(ran).claim([subject_of(key, "ana@example.com")])
    assert run_job(JOB).result["sent"] == 1
    assert run_job(JOB).result["sent"] == 0
    assert reminded(okla) == ["ana@example.com"]


def test_killed_while_sending_the_message_is_uncertain_and_never_sent_again(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran]
) -> None:
    ran = run_job(JOB)
    key = appointment(okla, "ana@example.com", reminded=True)
    subject, dead = subject_of(key, "ana@example.com"), messages_of(ran)
    dead.claim([subject])
    dead.begin(subject)
    assert run_job(JOB).result["uncertain"] == 1
    assert run_job(JOB).result["uncertain"] == 0
    assert notifications.asked == []


def test_killed_between_a_known_failure_and_taking_the_mark_away_the_next_run_sends(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran]
) -> None:
    ran = run_job(JOB)
    key = appointment(okla, "ana@example.com", reminded=True)
    subject, dead = subject_of(key, "ana@example.com"), messages_of(ran)
    dead.claim([subject])
    dead.begin(subject)
    dead.end(subject, MessageStatus.FAILED)
    assert run_job(JOB).result["sent"] == 1


@pytest.mark.parametrize("days", [-1, 0])
def test_what_a_dead_run_left_for_another_day_is_not_announced_as_tomorrows(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran], days: int
) -> None:
    ran = run_job(JOB)
    day = TODAY + timedelta(days=days)
    key = appointment(okla, "ana@example.com", day, at="23:59", reminded=True)
    messages_of(ran).claim([subject_of(key, "ana@example.com", day)])
    assert run_job(JOB).status == "Completed"
    assert notifications.asked == []
    assert reminded(okla) == []
    assert not SentMessage.objects.exists()


def test_a_run_that_stalled_before_it_marked_takes_its_mark_away_when_it_may_not_send(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran]
) -> None:
    """It claims and stalls, is given up, and what it claimed is taken over; then it wakes up and goes on."""
    ran = run_job(JOB)
    key = appointment(okla, "ana@example.com")
    stalled = started(ScheduledJob.objects.get(pk=ran.execution.job_id))
    with gateways.current().appointments.open() as book:
        context = RunContext(
            stalled, SendReminderEmailsParameters.model_validate({}), RunOutput(stalled), gateways.current()
        )
        reminders = _Reminders(context, book, TOMORROW, 1)
        batch = book.unreminded(TOMORROW, after=None, at_most=10)
        context.messages.claim([subject_of(key, "ana@example.com")])
        ended(stalled)
        heir = Messages(JOB, started(ScheduledJob.objects.get(pk=ran.execution.job_id)).id, running)
        heir.release(heir.abandoned())
        book.mark([key])
        with suppress(JobCancelled):  # if it notices first that it has been given up
            reminders._send(batch)
    assert notifications.asked == []
    assert reminded(okla) == []


def test_two_jobs_of_this_type_remind_nobody_twice(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran]
) -> None:
    key = appointment(okla, "ana@example.com")
    run_job(JOB)
    okla.change("appointments", key, reminded=None if okla.schema == "okla" else False)
    other = started(a_job("another one", job_type=JOB))
    assert JobExecutor(Claim(other, RunOutput(other))).execute().result["knownBefore"] == 1
    assert len(notifications.asked) == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("9:30", "09:30"), ("09:30:00", "09:30"), ("02:30 PM", "14:30"), ("12:05 am", "00:05"),
        ("12:00 p. m.", "12:00"),
    ],
)  # fmt: skip
def test_a_time_that_is_a_text_is_read_as_people_write_it(text: str, shown: str) -> None:
    assert f"{_time(text):%H:%M}" == shown


@pytest.mark.parametrize(
    "text", ["", None, "noon", "25:00", "9:75", "1 day, 9:30:00", "13:00 PM", "9:30 or 10:30", "-9:30"]
)
def test_a_time_that_says_something_else_is_none(text: str | None) -> None:
    assert _time(text) is None
