"""What the overview, the jobs page and the timeline ask for, against rows that belong there and rows that do not."""

import uuid
from datetime import timedelta

import pytest
from django.db.models import F

from dashboard import coming, history, jobs, plant, running, timeline
from dashboard.charts.lanes import Span
from dashboard.metrics import Hold
from executions.models import BeatLease, JobExecution, Worker
from jobs.clock import database_now
from jobs.models import SYSTEM_USER_ID, JobFigures, ScheduledJob
from tests.factories import a_job, a_run, claimed, ended, started

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def a_worker(name: str, *, seconds_ago: float = 0, queues: tuple[str, ...] = ("default",), **more) -> Worker:
    now = database_now()
    return Worker.objects.create(
        id=uuid.uuid4(), name=name, machine_name="here", process_id=1, queues=list(queues), processes=2,
        started_at=now - DAY, last_seen_at=now - timedelta(seconds=seconds_ago), **more,
    )  # fmt: skip


def began(run: JobExecution, seconds_ago: float) -> None:
    JobExecution.objects.filter(pk=run.pk).update(started_at=F("started_at") - timedelta(seconds=seconds_ago))


def test_only_a_run_far_beyond_the_average_takes_longer_than_usual():
    job = a_job(overlap_policy="Allow")
    ended(started(job))
    JobFigures.objects.update(duration_total=timedelta(minutes=10))
    long, healthy = started(job), started(job)
    began(long, 21 * 60)
    began(healthy, 19 * 60)
    now = database_now()
    first, second = running.now_running(now, limit=5).runs
    assert (first.id, first.is_long, second.id, second.is_long) == (long.pk, True, healthy.pk, False)
    assert first.expected_end == first.started_at + timedelta(minutes=10)


def test_what_runs_costs_one_query_however_many_jobs_there_are(django_assert_num_queries):
    for number in range(5):
        job = a_job(f"job {number}", overlap_policy="Allow")
        ended(started(job))
        started(job)
    now = database_now()
    with django_assert_num_queries(1):
        shown = running.now_running(now, limit=4)
    assert (len(shown.runs), shown.number) == (4, 5)
    assert all(each.expected_end and each.expected_end > each.started_at for each in shown.runs)


def test_the_first_run_of_a_job_has_no_expected_end():
    started(a_job())
    (shown,) = running.now_running(database_now(), limit=5).runs
    assert shown.expected_end is None and not shown.is_long


def test_how_many_ran_in_each_step_of_the_last_minutes():
    job, now = a_job(overlap_policy="Allow"), database_now()
    steps = history.last_minutes([], now)
    moment = {name: (now - steps[place].start).total_seconds() for name, place in (("a", 9), ("b", 29), ("c", 49))}
    over, still, older = (started(job) for _number in range(3))
    ended(over)
    began(older, 3_600)
    began(still, moment["b"] - 1)
    JobExecution.objects.filter(pk=over.pk).update(
        started_at=now - timedelta(seconds=moment["a"] - 1), completed_at=now - timedelta(seconds=moment["c"] - 1)
    )
    now = database_now()
    found = running.now_running(now, limit=5).over_time(history.pieces(now - DAY, now), steps)
    # The older one; with it that which is over from the tenth step to the fiftieth, and the other one from the 30th on.
    assert [bucket.total for bucket in found] == [1] * 9 + [2] * 20 + [3] * 20 + [2] * 11


def ahead(*, hold: Hold | None = None, hours: float = 24, limit: int = 10) -> coming.Ahead:
    return coming.coming(database_now(), hold=hold, within=timedelta(hours=hours), limit=limit)


def test_what_comes_next_is_in_order_and_one_frequent_job_does_not_fill_it():
    minutely = a_job("minutely", cron_expression="* * * * *")
    a_job("hourly", cron_expression="0 * * * *")
    a_job("off", cron_expression="* * * * *", status="Disabled")
    shown = ahead(hours=2)
    assert [each.at for each in shown.times] == sorted(each.at for each in shown.times)
    assert sum(each.job == minutely for each in shown.times) == coming.SHOWN_OF_ONE_JOB
    assert {each.job.name for each in shown.times} == {"minutely", "hourly"}
    assert (ahead(hours=2, limit=1).jobs, shown.late) == (2, 0)


def test_a_due_time_within_a_pause_or_the_hold_is_said_to_be_skipped():
    job, other = a_job("paused", cron_expression="* * * * *"), a_job("other", cron_expression="* * * * *")
    job.pause(by=SYSTEM_USER_ID)
    assert {(each.job.name, each.will_be_skipped) for each in ahead().times} == {("paused", "paused"), ("other", "")}
    now, second = database_now(), other.next_execution_at + timedelta(minutes=1)
    held = [each for each in ahead(hold=Hold(now, second, "")).times if each.job == other]
    assert [each.will_be_skipped for each in held] == ["held", "", ""]
    assert all(each.will_be_skipped for each in ahead(hold=Hold(now, None, "")).times)


def test_what_nobody_has_fired_is_late_and_what_comes_right_now_is_not():
    late, now_due = a_job("late", cron_expression="*/5 * * * *"), a_job("now", cron_expression="*/5 * * * *")
    for job, seconds in ((late, 3_600), (now_due, 2)):
        ScheduledJob.objects.filter(pk=job.pk).update(next_execution_at=database_now() - timedelta(seconds=seconds))
    shown = ahead()
    assert [(each.job.name, each.is_late) for each in shown.times[:2]] == [("late", True), ("now", False)]
    assert shown.late == 1 and all(each.at > database_now() for each in shown.times[2:])


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


def test_a_killed_container_is_not_missed_once_another_serves_its_queues():
    a_worker("celery@3f2a", seconds_ago=600, queues=("default", "reports"))
    newer = a_worker("celery@9c1b", queues=("default",))
    Worker.objects.filter(pk=newer.pk).update(started_at=database_now() - timedelta(seconds=300))
    assert [worker.name for worker in plant.plant(database_now()).silent] == ["celery@3f2a"]
    Worker.objects.filter(pk=newer.pk).update(queues=["reports", "default"])
    assert plant.plant(database_now()).silent == []


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
