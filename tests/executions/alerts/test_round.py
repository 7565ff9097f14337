"""Who asks the rules: one at a time, at most every few seconds, and nothing holds them up for long."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from executions.alerts import round
from executions.alerts.failures import CONSECUTIVE_FAILURES
from executions.alerts.lateness import NOT_STARTED
from executions.alerts.rule import Rule
from executions.alerts.rules import RULES
from executions.enums import AlertRule
from executions.ledger import Outcome
from executions.models import Alert, AlertRound, BeatLease, JobExecution
from jobs.clock import database_now
from tests.database_clock import database_time
from tests.executions.alerts.rounds import FAILURE, SUCCESS, a_worker, ask, earlier, open_alerts, runs, the_alert
from tests.factories import a_job, a_run, fell_due, minutes_ago, settle

LEDGER = JobExecution._meta.db_table


def last_round(seconds_ago: float) -> None:
    AlertRound.objects.update_or_create(id=1, defaults={"asked_at": Now() - timedelta(seconds=seconds_ago)})


@contextmanager
def somebody_else() -> Iterator[BaseDatabaseWrapper]:
    """Another session, in a transaction that it does not end."""
    other = connection.copy()
    other.set_autocommit(False)
    try:
        yield other
    finally:
        other.close()


# --- Once ------------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_the_first_round_of_all_is_taken_and_the_next_one_waits_for_its_time() -> None:
    with database_time(minutes_ago(0)) as clock:
        asked = []
        for seconds in (0, 4, 2, 4, 2):
            clock.advance(seconds=seconds)
            asked.append(round.ask())
    assert asked == [True, False, True, False, True]
    assert AlertRound.objects.count() == 1


@pytest.mark.django_db
def test_a_clock_that_was_wrong_for_an_hour_and_is_put_right_silences_no_rule() -> None:
    runs(a_job(max_consecutive_failures=0), FAILURE)
    last_round(-3_600)
    assert round.ask()
    the_alert(AlertRule.CONSECUTIVE_FAILURES)


@pytest.mark.django_db(transaction=True)
def test_of_many_that_come_at_once_one_asks_and_the_others_go_on() -> None:
    last_round(6)
    runs(a_job(max_consecutive_failures=0), FAILURE)
    asked: list[bool] = []
    start = threading.Barrier(8)

    def come() -> None:
        start.wait()
        asked.append(round.ask())
        connection.close()

    threads = [threading.Thread(target=come) for _number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(asked) == [False] * 7 + [True]
    the_alert(AlertRule.CONSECUTIVE_FAILURES)


# --- Nothing holds them up -------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_a_process_that_is_frozen_in_a_round_does_not_hold_the_others_up_for_long() -> None:
    last_round(6)
    with transaction.atomic():
        assert round.ask()
        with connection.cursor() as cursor:
            cursor.execute("SHOW idle_in_transaction_session_timeout")
            assert cursor.fetchone() == (f"{round.FROZEN_AFTER_SECONDS}s",)
        with somebody_else() as other, other.cursor() as cursor:
            cursor.execute(round._TAKE, {"seconds": 0})
            assert cursor.fetchone() is None, "it did not wait"


@pytest.mark.django_db(transaction=True)
def test_a_rule_that_cannot_be_asked_keeps_no_other_from_being_asked(caplog: pytest.LogCaptureFixture) -> None:
    """Somebody holds one of its alerts: it is not waited for, and the next round does what this one could not."""
    worker = a_worker(silent=100)
    ask()
    type(worker).objects.update(last_seen_at=Now())
    runs(a_job(max_consecutive_failures=0), FAILURE)
    with somebody_else() as other:
        with other.cursor() as cursor:
            cursor.execute("SELECT FROM executions_alert WHERE rule = 'worker_lost' FOR UPDATE")
        began = time.monotonic()
        ask()
        assert time.monotonic() - began < round.LONGEST_QUESTION_SECONDS - 1
        the_alert(AlertRule.WORKER_LOST), the_alert(AlertRule.CONSECUTIVE_FAILURES)
    ask()
    assert open_alerts(AlertRule.WORKER_LOST) == []
    said = [record for record in caplog.records if "worker_lost" in record.getMessage()]
    assert len(said) == 1


# --- Nothing is passed over ------------------------------------------------------------------------------------------
def every_rule_has_looked(*, minutes_ago: float) -> None:
    ask()
    (looked,) = AlertRound.objects.all()
    at = database_now() - timedelta(minutes=minutes_ago)
    looked.looked_until = dict.fromkeys(looked.looked_until, at.isoformat())
    looked.save()


def a_missed_run(*, minutes_old: float, name: str = "job") -> JobExecution:
    """Written down so long ago; nothing can start it any more."""
    job = a_job(name, cron_expression="0 3 * * *", misfire_policy="Skip")
    fell_due(job, minutes_ago(1_440))
    (row,) = settle(job, database_now())
    earlier(row, minutes_old * 60, "completed_at")
    return row


@pytest.mark.django_db
def test_what_was_missed_while_silence_could_not_be_judged_is_told_of_when_it_can() -> None:
    """All was off at night; the schedule has caught up before anybody may say so, and each round moved on."""
    every_rule_has_looked(minutes_ago=600)
    a_missed_run(minutes_old=2)
    ask(watched_seconds=5), ask(watched_seconds=40)
    assert open_alerts(AlertRule.NOT_STARTED) == []
    ask(watched_seconds=80)
    the_alert(AlertRule.NOT_STARTED)


@pytest.mark.django_db(transaction=True)
def test_what_ended_while_a_rule_could_not_be_asked_is_looked_at_when_it_can() -> None:
    """Its alert stayed open until the job's next run ended."""
    job = a_job(max_consecutive_failures=0)
    runs(job, FAILURE)
    every_rule_has_looked(minutes_ago=5)
    JobExecution.objects.update(completed_at=minutes_ago(60))
    (success,) = runs(job, SUCCESS)
    earlier(success, 120, "completed_at")
    with somebody_else() as other:
        with other.cursor() as cursor:
            cursor.execute("SELECT FROM executions_alert FOR UPDATE")
        ask()
    the_alert(AlertRule.CONSECUTIVE_FAILURES)
    ask()
    assert open_alerts(AlertRule.CONSECUTIVE_FAILURES) == []


@pytest.mark.django_db
def test_no_rule_looks_back_for_longer_than_it_may_take_to_do_so() -> None:
    job = a_job(max_consecutive_failures=0)
    (run,) = runs(job, FAILURE)
    earlier(run, 4 * 86_400, "completed_at")
    every_rule_has_looked(minutes_ago=30 * 1_440)
    ask()
    assert open_alerts(AlertRule.CONSECUTIVE_FAILURES) == []
    earlier(run, -2 * 86_400, "completed_at")
    every_rule_has_looked(minutes_ago=30 * 1_440)
    ask()
    the_alert(AlertRule.CONSECUTIVE_FAILURES)


@pytest.mark.django_db(transaction=True)
def test_what_a_long_transaction_says_of_its_beginning_is_looked_at_when_it_commits() -> None:
    """A due time that nobody had fired ended as missed, in the long batch of a beat; it was told of as started."""
    job = a_job(cron_expression="0 3 * * *", grace_seconds=0)
    fell_due(job, minutes_ago(1_440))
    (row,) = settle(job, database_now())
    JobExecution.objects.update(status="Skipped", completed_at=minutes_ago(60))
    fell_due(job, minutes_ago(1_440))
    ask()
    alert = the_alert(AlertRule.NOT_STARTED)
    with somebody_else() as beat, beat.cursor() as cursor:
        cursor.execute("UPDATE jobs_scheduledjob SET next_execution_at = now() + interval '1 day'")
        cursor.execute("UPDATE executions_jobexecution SET status = 'Missed', completed_at = now()")
        for _round in range(2):
            ask(lag=timedelta())
        assert the_alert(AlertRule.NOT_STARTED).facts["why"] == "notFired"
        beat.commit()
    ask(lag=timedelta())
    late = the_alert(AlertRule.NOT_STARTED)
    assert (late.id, late.facts["why"], late.facts["executionId"]) == (alert.id, "missed", str(row.id))


# --- Outages ---------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_an_outage_of_the_database_raises_nothing() -> None:
    """Workers, beat and schedule look silent when it is back: nobody could be heard of."""
    a_worker(silent=600)
    BeatLease.objects.create(
        holder="00000000-0000-4000-8000-0000000000bb", term=1, machine_name="there", process_id=7, since=Now(),
        expires_at=Now() - timedelta(seconds=600),
    )  # fmt: skip
    fell_due(a_job("due", cron_expression="0 3 * * *"), minutes_ago(1_440))
    earlier(a_run(a_job("waits")), 100, "available_at", "queued_at")
    last_round(600)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO executions_watch (id, since, last_turn_at)"
            " VALUES (1, now() - interval '1 day', now() - interval '600 seconds')"
        )
    assert round.ask()
    assert not Alert.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_without_a_database_the_round_fails_as_a_whole_and_the_next_one_is_asked() -> None:
    there, connection.settings_dict = connection.settings_dict, {**connection.settings_dict, "PORT": "1"}
    connection.close()
    try:
        with pytest.raises(OperationalError):
            round.ask()
    finally:
        connection.close()
        connection.settings_dict = there
    assert round.ask()


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_breaks_in_a_round_undoes_it() -> None:
    runs(a_job(max_consecutive_failures=0), FAILURE)
    ask()
    Alert.objects.all().delete()
    last_round(600)
    with connection.execute_wrapper(cut_before("unfired AS")), pytest.raises(OperationalError):
        round.ask()
    connection.close()
    assert not Alert.objects.exists()
    ask()
    the_alert(AlertRule.CONSECUTIVE_FAILURES)


def cut_before(word: str) -> Any:
    """Ends the session when a statement with that word is about to be sent."""

    def wrapper(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if word in sql:
            pid = context["connection"].connection.info.backend_pid
            with somebody_else() as other, other.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        return execute(sql, params, many, context)

    return wrapper


# --- What it costs ---------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_round_asks_as_many_questions_for_many_jobs_as_for_one() -> None:
    def questions() -> int:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            ask()
        return len(asked)

    def trouble(number: int) -> None:
        for name in range(number):
            job = a_job(f"{number} {name}", max_consecutive_failures=0, cron_expression="0 3 * * *")
            runs(job, FAILURE)
            fell_due(job, minutes_ago(1_440))

    BeatLease.objects.create(
        holder="00000000-0000-4000-8000-0000000000bb", term=1, machine_name="there", process_id=7, since=Now(),
        expires_at=Now() + timedelta(hours=1),
    )  # fmt: skip
    ask()
    quiet = questions()
    trouble(1)
    one = questions()
    trouble(12)
    many = questions()
    assert len(open_alerts(AlertRule.CONSECUTIVE_FAILURES)) == len(open_alerts(AlertRule.NOT_STARTED)) == 13
    assert quiet < one == many < 60
    assert questions() == quiet, "what is open already costs nothing more"


@pytest.mark.django_db
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_no_rule_reads_the_whole_ledger(rule: Rule) -> None:
    """With scans of a table forbidden, PostgreSQL still makes one where it has no index that it can ask."""
    asked = {**round.LIMITS, "since": minutes_ago(1), "failures": 2, "waiting": 600}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexrelid::regclass::text FROM pg_index WHERE pg_get_expr(indpred, indrelid) ~ 'status'"
        )
        of_what_is_open = {name for (name,) in cursor.fetchall()}
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN (FORMAT JSON) " + rule.query, asked)
        ((answer,),) = cursor.fetchall()
    for node in nodes(answer[0]["Plan"]):
        if LEDGER in str(node.get("Relation Name")):
            is_narrow = "Index Cond" in node or node.get("Index Name") in of_what_is_open
            assert is_narrow or node["Node Type"] == "Bitmap Heap Scan", node
        if node.get("Join Type") == "Anti":  # whatever it is planned for now, it may read all of a job's history
            assert not [below for below in nodes(node) if LEDGER in str(below.get("Relation Name"))], node


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("rule", "newest"), [(CONSECUTIVE_FAILURES, [FAILURE] * 3), (NOT_STARTED, [])], ids=["failures", "not started"]
)
def test_of_a_job_that_has_moved_no_more_than_its_newest_runs_are_read(rule: Rule, newest: list[Outcome]) -> None:
    job = a_job(cron_expression="* * * * *", misfire_policy="Skip", misfire_grace_seconds=0)
    fell_due(job, minutes_ago(600))
    settle(job, minutes_ago(30))
    JobExecution.objects.update(status="Completed", started_at=F("queued_at"), completed_at=minutes_ago(20))
    settle(job, minutes_ago(28))
    runs(job, *newest)
    asked = {**round.LIMITS, "since": minutes_ago(1), "failures": 2, "waiting": 600}
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE executions_jobexecution")
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + rule.query, asked)
        ((answer,),) = cursor.fetchall()
    of_ledger = [node for node in nodes(answer[0]["Plan"]) if LEDGER in str(node.get("Relation Name"))]
    assert sum(rows_read(node) for node in of_ledger) < 100 < JobExecution.objects.count()


def rows_read(node: dict[str, Any]) -> float:
    return float(node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)))


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)
