"""What the overview, the jobs page and the timeline ask for, against rows that belong there and rows that do not."""

import uuid
from datetime import timedelta

import pytest
from django.db.models import F

from dashboard import coming, history, jobs, plant, recent, running, timeline
from dashboard.charts.lanes import Span
from executions.models import BeatLease, JobExecution, Worker
from jobs.clock import database_now
from jobs.models import SYSTEM_USER_ID
from tests.factories import FAILED, a_job, a_run, claimed, ended, started

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def a_worker(name: str, *, seconds_ago: float = 0, queues: tuple[str, ...] = ("default",), **more) -> Worker:
    now = database_now()
    return Worker.objects.create(
        id=uuid.uuid4(), name=name, machine_name="here", process_id=1, queues=list(queues), processes=2,
        started_at=now - DAY, last_seen_at=now - timedelta(seconds=seconds_ago), **more,
    )  # fmt: skip


def test_a_run_that_takes_longer_than_usual_is_said_to():
    job = a_job()
    ended(started(job))
    run = started(job)
    JobExecution.objects.filter(pk=run.pk).update(started_at=F("started_at") - timedelta(hours=1))
    (shown,) = running.now_running(database_now(), limit=5)
    assert shown.execution.pk == run.pk and shown.is_overdue


def test_what_runs_costs_one_query_however_many_jobs_there_are(django_assert_num_queries):
    for number in range(5):
        job = a_job(f"job {number}", overlap_policy="Allow")
        ended(started(job))
        started(job)
    now = database_now()
    with django_assert_num_queries(1):
        shown = running.now_running(now, limit=5)
    assert all(each.expected_end and each.expected_end > each.started_at for each in shown) and len(shown) == 5


def test_the_first_run_of_a_job_has_no_expected_end():
    started(a_job())
    (shown,) = running.now_running(database_now(), limit=5)
    assert shown.expected_end is None and not shown.is_overdue


def test_what_comes_next_is_in_order_and_one_frequent_job_does_not_fill_it():
    minutely = a_job("minutely", cron_expression="* * * * *")
    a_job("hourly", cron_expression="0 * * * *")
    a_job("off", cron_expression="* * * * *", status="Disabled")
    shown = coming.coming(database_now(), within=timedelta(hours=2), limit=10)
    assert [each.at for each in shown] == sorted(each.at for each in shown)
    assert sum(each.job == minutely for each in shown) == coming.SHOWN_OF_ONE_JOB
    assert {each.job.name for each in shown} == {"minutely", "hourly"}


def test_a_due_time_within_a_pause_is_said_to_be_skipped():
    job = a_job(cron_expression="* * * * *")
    job.pause(by=SYSTEM_USER_ID)
    assert all(each.will_be_skipped for each in coming.coming(database_now(), within=DAY, limit=5))


def test_a_queue_that_nobody_serves_is_stuck_and_one_that_is_served_is_not():
    a_worker("one@here")
    a_run(a_job("served"))
    a_run(a_job("alone", queue="reports"))
    shown = {queue.name: queue for queue in plant.plant(database_now()).queues}
    assert (shown["default"].waiting, shown["default"].is_stuck) == (1, False)
    assert (shown["reports"].waiting, shown["reports"].workers, shown["reports"].is_stuck) == (1, 0, True)
    assert shown["reports"].oldest is not None


def test_a_silent_worker_is_named_unless_it_said_goodbye_or_is_back():
    a_worker("lost@here", seconds_ago=60)
    a_worker("gone@here", seconds_ago=60, stopped_at=database_now())
    a_worker("back@here", seconds_ago=60)
    a_worker("back@here")
    found = plant.plant(database_now())
    assert [worker.name for worker in found.silent] == ["lost@here"]
    assert [worker.name for worker in found.workers] == ["back@here"]


def test_what_waits_and_runs_is_counted_by_one_query(django_assert_num_queries):
    job = a_job(overlap_policy="Allow", queue="reports")
    a_worker("one@here")
    started(job)
    free, held = a_run(job), a_run(job)
    JobExecution.objects.filter(pk=held.pk).update(available_at=None)
    now = database_now()
    with django_assert_num_queries(1):
        found = plant.plant(now)
    assert (found.running, found.queued) == (1, 2)
    waiting = next(queue for queue in found.queues if queue.name == "reports")
    assert (waiting.waiting, waiting.oldest) == (1, free.available_at)


def test_a_beat_whose_lease_is_over_does_not_lead():
    now = database_now()
    lease = BeatLease.objects.create(
        holder=uuid.uuid4(), term=1, machine_name="here", process_id=1, since=now, expires_at=now + timedelta(seconds=9)
    )
    leader = plant.plant(now).leader
    assert leader is not None and leader.term == 1
    BeatLease.objects.filter(pk=lease.pk).update(expires_at=now - timedelta(seconds=1))
    assert plant.plant(now).leader is None


def test_a_failure_that_is_tried_again_is_no_trouble_yet():
    ended(started(a_job("tried", max_retries=3)), FAILED)
    final = ended(started(a_job("final", max_retries=0)), FAILED)
    assert [run.pk for run in troubles()] == [final.pk]


def test_a_missed_due_time_is_a_trouble_for_a_day_and_what_went_well_is_none():
    job = a_job("missed", overlap_policy="Allow")
    old, missed, well = (ended(started(job)) for _number in range(3))
    now = database_now()
    for run, hours in ((old, 25), (missed, 23)):
        JobExecution.objects.filter(pk=run.pk).update(status="Missed", completed_at=now - timedelta(hours=hours))
    assert [run.pk for run in troubles()] == [missed.pk] != [well.pk]


def test_where_nothing_went_wrong_no_trouble_is_asked_for(django_assert_num_queries):
    ended(started(a_job()))
    now = database_now()
    found = history.pieces(now - DAY, now)
    with django_assert_num_queries(0):
        assert recent.troubles(found, now, within=DAY, limit=5) == []


def troubles() -> list[JobExecution]:
    now = database_now()
    return list(recent.troubles(history.pieces(now - DAY, now), now, within=DAY, limit=5))


def test_the_jobs_page_costs_one_query_however_many_jobs_there_are(django_assert_num_queries):
    several = [a_job(f"job {n}") for n in range(5)]
    for job in several:
        ended(started(job))
    with django_assert_num_queries(1):
        shown = jobs.lines(several)
    assert all(line.last and line.last.status == "Completed" and line.median is not None for line in shown)


def test_the_timeline_has_what_went_on_in_its_window_and_nothing_else():
    inside, outside, still = (started(a_job(name)) for name in ("inside", "outside", "still"))
    now = database_now()
    for run, minutes in ((inside, 30), (outside, 300)):
        ended(run)
        begin = now - timedelta(minutes=minutes)
        JobExecution.objects.filter(pk=run.pk).update(
            started_at=begin, completed_at=begin + timedelta(minutes=1), duration=timedelta(minutes=1)
        )
    spans = timeline.past(now - timedelta(hours=1), now, by_worker=False)
    assert {span.lane for span in spans} == {"inside", "still"}
    assert {span.lane for span in timeline.past(now - timedelta(hours=1), now, by_worker=True)} == {"test@here"}
    assert claimed(a_run(a_job("later"))).status == "Running" and still.status == "Running"


def test_of_very_many_lanes_the_busiest_are_shown_and_all_are_counted():
    now = database_now()
    spans = [
        Span(f"lane {number}", now, now + timedelta(seconds=number), "Completed", None) for number in range(1, 102)
    ]
    shown, number = timeline.busiest(spans)
    assert number == 101 and len(shown) == timeline.MOST_LANES
    assert {span.lane for span in shown} == {f"lane {number}" for number in range(52, 102)}
    assert timeline.busiest(spans[:5]) == (spans[:5], 5)


def test_two_jobs_of_one_minute_are_seen_unless_they_come_all_the_time():
    for name, expression in (("backup", "0 2 * * *"), ("prices", "0 2 * * 1"), ("health", "*/5 * * * *")):
        a_job(name, cron_expression=expression)
    now = database_now()
    spans = timeline.coming(now, now + timedelta(days=8))
    assert {span.lane for span in timeline.rare(spans)} == {"backup", "prices"}
