"""What did not go well in the last day: each job and reason once, with what it led to."""

from datetime import timedelta

import pytest

from dashboard import history, recent
from executions.models import JobExecution
from jobs.clock import database_now
from jobs.models import SYSTEM_USER_ID, ScheduledJob, ScheduleRevision
from tests.factories import FAILED, a_job, ended, started

pytestmark = pytest.mark.django_db
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def troubles(limit: int = 5) -> recent.Troubles:
    now = database_now()
    return recent.troubles(history.pieces(now - DAY, now), now, within=DAY, limit=limit)


def told(found: recent.Troubles) -> list[tuple[str, str, str, int]]:
    return [(" ".join(each.names), each.status, each.reason, each.count) for each in found.shown]


def a_row(job: ScheduledJob, status: str, reason: str = "", *, hours_ago: float = 1) -> JobExecution:
    run = ended(started(job))
    JobExecution.objects.filter(pk=run.pk).update(
        status=status, reason=reason, completed_at=database_now() - hours_ago * HOUR
    )
    return run


def off_since(job: ScheduledJob, hours: float) -> None:
    """As if it had been taken off the schedule so long ago."""
    then = database_now() - hours * HOUR
    ScheduleRevision.objects.filter(job=job, version=job.version + 1).update(effective_from=then)
    ScheduledJob.objects.filter(pk=job.pk).update(last_modified_at=then)
    ScheduledJob.objects.filter(pk=job.pk, deleted_at__isnull=False).update(deleted_at=then)


def test_a_failure_that_is_tried_again_is_no_trouble_yet():
    ended(started(a_job("tried", max_retries=3)), FAILED)
    final = ended(started(a_job("final", max_retries=0)), FAILED)
    found = troubles()
    assert [each.execution_id for each in found.shown] == [final.pk]
    assert (found.is_cut, found.counts) == (False, {"Failed": 1})
    assert (found.shown[0].reason, found.shown[0].error) == ("error", "it broke")


def test_what_ended_a_day_ago_and_what_went_well_is_no_trouble():
    job = a_job(overlap_policy="Allow")
    a_row(job, "Missed", hours_ago=25)
    missed = a_row(job, "Missed", hours_ago=23)
    ended(started(job))
    assert [each.execution_id for each in troubles().shown] == [missed.pk]


def test_a_job_that_is_skipped_all_night_hides_no_other_and_a_failure_stands_before_it():
    often, backup, prices = (a_job(name, overlap_policy="Allow") for name in ("health", "backup", "prices"))
    for number in range(8):
        newest = a_row(often, "Skipped", "overlap", hours_ago=9 - number)
    a_row(backup, "Skipped", "paused", hours_ago=12)
    a_row(prices, "Failed", "timeout", hours_ago=15)
    found = troubles(limit=3)
    assert told(found) == [
        ("prices", "Failed", "timeout", 1), ("health", "Skipped", "overlap", 8), ("backup", "Skipped", "paused", 1)
    ]  # fmt: skip
    assert found.shown[1].execution_id == newest.pk
    assert found.counts == {"Failed": 1, "Skipped": 9} and not found.is_cut
    assert (len(troubles(limit=1).shown), troubles(limit=1).is_cut) == (1, True)


def test_a_run_that_finally_failed_is_told_though_a_newer_one_is_still_tried():
    job = a_job(overlap_policy="Allow", max_retries=0)
    final = ended(started(job), FAILED)
    job = job.redefine(by=SYSTEM_USER_ID, max_retries=3)
    ended(started(job), FAILED)
    (line,) = troubles().shown
    assert (line.execution_id, line.count) == (final.pk, 2)


def test_failures_are_counted_by_jobs_as_far_as_they_are_shown():
    for number in range(3):
        for reason in ("error", "timeout"):
            a_row(a_job(f"job {number} {reason}", overlap_policy="Allow"), "Failed", reason)
    assert (troubles(limit=6).counts, troubles(limit=6).has_more_failed) == ({"Failed": 6}, False)
    assert (troubles(limit=5).counts, troubles(limit=5).has_more_failed) == ({"Failed": 5}, True)


def test_a_hold_is_one_line_for_all_jobs():
    for number in range(5):
        a_row(a_job(f"job {number}"), "Skipped", "held")
    (line,) = troubles().shown
    assert (line.status, line.reason, line.count, line.jobs, line.more_jobs, line.job_id) == (
        "Skipped", "held", 5, 5, 2, None
    )  # fmt: skip


@pytest.mark.parametrize(("verb", "status"), [("disable", "Disabled"), ("retire", "Deleted")])
def test_a_job_that_was_taken_off_the_schedule_is_told_once_a_due_time_has_passed(verb: str, status: str):
    job = a_job("backup", cron_expression="*/5 * * * *")
    getattr(job, verb)(by=SYSTEM_USER_ID)
    assert [each.status for each in troubles().shown if each.at > database_now() - timedelta(seconds=60)] == []
    off_since(job, 2)
    (line,) = troubles().shown
    assert (line.status, line.names, line.job_id, line.count) == (status, ["backup"], job.pk, 24)
    assert database_now() - timedelta(minutes=6) < line.at <= database_now()
    assert line.asked_at == f"{line.at - 4 * HOUR:%Y-%m-%dT%H:%M}"
    assert troubles().counts == {status: 1}


def test_of_a_job_that_has_been_off_for_long_or_came_back_or_never_was_on_nothing_is_told():
    def off(name: str, hours: float) -> None:
        job = a_job(name, cron_expression="*/5 * * * *")
        job.retire(by=SYSTEM_USER_ID)
        off_since(job, hours)

    off("long ago", 8 * 24)
    off("again", 3)
    a_job("again")
    a_job("never", status="Disabled", cron_expression="*/5 * * * *")
    assert troubles().shown == []


def test_it_costs_one_query_and_none_of_the_ledger_where_all_went_well(django_assert_num_queries):
    ended(started(a_job()))
    now = database_now()
    found = history.pieces(now - DAY, now)
    with django_assert_num_queries(1):
        assert recent.troubles(found, now, within=DAY, limit=5).shown == []
