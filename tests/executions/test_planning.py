"""What becomes of due times that have come: the policies, as a table and as properties."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executions.planning import Activity, Planned, admit, plan
from jobs.enums import ExecutionStatus, JobStatus, MisfirePolicy, OverlapPolicy, Reason, Trigger
from jobs.models import ScheduledJob
from tests.factories import of_status

NOW = datetime(2026, 3, 10, 12, 0, 30, tzinfo=UTC)
QUEUED, SKIPPED, MISSED = ExecutionStatus.QUEUED, ExecutionStatus.SKIPPED, ExecutionStatus.MISSED


def a_job(**definition: Any) -> ScheduledJob:
    return ScheduledJob(**{"name": "job", "cron_expression": "* * * * *", "time_zone": "UTC", **definition})


def due_since(job: ScheduledJob, first: datetime, now: datetime = NOW) -> list[datetime]:
    return list(job.schedule.between(first - timedelta(microseconds=1), now))


def planned(job: ScheduledJob, minutes: int, **activity: bool) -> list[Planned]:
    """The plan for the last `minutes` due times of an every-minute job, at 30 s past the newest."""
    first = NOW.replace(second=0) - timedelta(minutes=minutes - 1)
    return plan(job, due_since(job, first), now=NOW, activity=Activity(**activity))


def words(rows: Sequence[Planned]) -> list[str]:
    return [f"{row.status} {row.trigger} {row.reason}".strip() + (" held" if row.is_held else "") for row in rows]


# --- Table -----------------------------------------------------------------------------------------------------------
def test_nothing_due_plans_nothing() -> None:
    assert plan(a_job(), [], now=NOW, activity=Activity()) == []


def test_a_due_time_within_its_grace_fires_as_usual() -> None:
    assert words(planned(a_job(), 1)) == ["Queued Schedule"]


@pytest.mark.parametrize(("late", "word"), [(60, "Queued Schedule"), (60.000001, "Missed Schedule misfire")])
def test_the_grace_includes_its_last_moment(late: float, word: str) -> None:
    job = a_job(cron_expression="0 12 * * *", misfire_policy=MisfirePolicy.SKIP)
    due = NOW.replace(second=0)
    assert words(plan(job, [due], now=due + timedelta(seconds=late), activity=Activity())) == [word]


def test_without_any_grace_a_due_time_of_this_very_moment_still_fires() -> None:
    job = a_job(misfire_grace_seconds=0, misfire_policy=MisfirePolicy.SKIP)
    due = NOW.replace(second=0)
    assert words(plan(job, [due], now=due, activity=Activity())) == ["Queued Schedule"]


def test_run_once_makes_up_the_latest_and_misses_the_others() -> None:
    job = a_job(cron_expression="*/10 * * * *")
    rows = plan(job, due_since(job, NOW - timedelta(hours=1), NOW + timedelta(minutes=5)),
                now=NOW + timedelta(minutes=5), activity=Activity())  # fmt: skip
    assert words(rows) == ["Missed Schedule misfire"] * 5 + ["Queued CatchUp"]


def test_run_once_makes_nothing_up_when_a_newer_one_fires_anyway() -> None:
    assert words(planned(a_job(), 5)) == ["Missed Schedule misfire"] * 4 + ["Queued Schedule"]


def test_run_all_holds_what_it_makes_up_and_fires_what_is_on_time() -> None:
    rows = planned(a_job(misfire_policy=MisfirePolicy.RUN_ALL, misfire_grace_seconds=40), 4)
    assert words(rows) == ["Queued CatchUp held"] * 3 + ["Queued Schedule"]


def test_run_all_makes_up_the_newest_hundred() -> None:
    rows = planned(a_job(misfire_policy=MisfirePolicy.RUN_ALL, misfire_grace_seconds=0), 150)
    assert words(rows) == ["Missed Schedule misfire"] * 50 + ["Queued CatchUp held"] * 100


def test_skip_makes_nothing_up() -> None:
    rows = planned(a_job(misfire_policy=MisfirePolicy.SKIP), 4)
    assert words(rows)[:2] == ["Missed Schedule misfire"] * 2
    assert Trigger.CATCH_UP not in [row.trigger for row in rows]


def test_paused_due_times_are_skipped_even_when_written_late() -> None:
    job = a_job(status=JobStatus.PAUSED)
    assert words(planned(job, 5)) == ["Skipped Schedule paused"] * 5


def test_a_pause_ends_by_itself_at_its_end() -> None:
    job = a_job(status=JobStatus.PAUSED, paused_until=NOW.replace(second=0))
    assert words(planned(job, 3)) == ["Skipped Schedule paused"] * 2 + ["Queued Schedule"]


def test_a_due_time_of_a_pause_is_not_what_is_made_up() -> None:
    pause_end = NOW - timedelta(minutes=30)
    job = a_job(cron_expression="*/10 * * * *", status=JobStatus.PAUSED, paused_until=pause_end)
    now = NOW + timedelta(minutes=5)
    rows = plan(job, due_since(job, NOW - timedelta(hours=1), now), now=now, activity=Activity())
    assert words(rows) == ["Skipped Schedule paused"] * 3 + ["Missed Schedule misfire"] * 2 + ["Queued CatchUp"]


@pytest.mark.parametrize(
    ("policy", "active", "held", "word"),
    [
        (OverlapPolicy.SKIP, False, False, "Queued Schedule"),
        (OverlapPolicy.SKIP, True, False, "Skipped Schedule overlap"),
        (OverlapPolicy.QUEUE, True, False, "Queued Schedule held"),
        (OverlapPolicy.QUEUE, True, True, "Skipped Schedule overlap"),
        (OverlapPolicy.ALLOW, True, True, "Queued Schedule"),
        (OverlapPolicy.CANCEL_RUNNING, True, False, "Queued Schedule held"),
    ],
)
def test_the_overlap_policy_decides_beside_an_active_run(
    policy: OverlapPolicy, active: bool, held: bool, word: str
) -> None:
    assert words(planned(a_job(overlap_policy=policy), 1, is_active=active, has_held=held)) == [word]


def test_of_two_due_times_at_once_queue_starts_one_holds_one_and_skips_the_third() -> None:
    job = a_job(overlap_policy=OverlapPolicy.QUEUE, misfire_grace_seconds=600)
    assert words(planned(job, 3)) == ["Queued Schedule", "Queued Schedule held", "Skipped Schedule overlap"]


@pytest.mark.parametrize("policy", OverlapPolicy)
def test_admitting_a_run_counts_it(policy: OverlapPolicy) -> None:
    activity = Activity()
    assert admit(policy, activity) is not None
    assert activity.is_active


# --- Properties ------------------------------------------------------------------------------------------------------
jobs = st.builds(
    a_job,
    cron_expression=st.sampled_from(["* * * * *", "*/7 * * * *", "0 * * * *", "0 3 * * *"]),
    overlap_policy=st.sampled_from(OverlapPolicy),
    misfire_policy=st.sampled_from(MisfirePolicy),
    misfire_grace_seconds=st.sampled_from([0, 59, 60, 600, 86_400]),
    status=st.sampled_from([JobStatus.ENABLED, JobStatus.PAUSED]),
).flatmap(
    lambda job: st.one_of(st.none(), st.integers(-400, 10)).map(
        lambda minutes: _paused_until(job, None if minutes is None else NOW + timedelta(minutes=minutes))
    )
)
spans = st.integers(0, 400).map(lambda minutes: timedelta(minutes=minutes))
activities = st.builds(Activity, st.booleans(), st.booleans())


def _paused_until(job: ScheduledJob, until: datetime | None) -> ScheduledJob:
    job.paused_until = until if job.status == JobStatus.PAUSED else None
    return job


def _copy(activity: Activity) -> Activity:
    return Activity(activity.is_active, activity.has_held)


@given(jobs, spans, activities)
def test_every_due_time_gets_exactly_one_row_oldest_first(
    job: ScheduledJob, span: timedelta, activity: Activity
) -> None:
    due = due_since(job, NOW - span)
    assert [row.due for row in plan(job, due, now=NOW, activity=activity)] == due


@given(jobs, spans, activities)
def test_no_policy_makes_up_more_than_it_may(job: ScheduledJob, span: timedelta, activity: Activity) -> None:
    rows = plan(job, due_since(job, NOW - span), now=NOW, activity=activity)
    made_up = [row for row in rows if row.trigger == Trigger.CATCH_UP]
    assert len(made_up) <= {"RunOnce": 1, "RunAll": 100, "Skip": 0}[job.misfire_policy]
    assert all(earlier.due < later.due for earlier, later in pairwise(rows))


@given(jobs, spans, activities)
def test_what_is_late_never_fires_as_usual_and_what_is_on_time_is_never_missed(
    job: ScheduledJob, span: timedelta, activity: Activity
) -> None:
    for row in plan(job, due_since(job, NOW - span), now=NOW, activity=activity):
        is_late = row.due < NOW - timedelta(seconds=job.misfire_grace_seconds)
        if job.was_paused_at(row.due):
            assert (row.status, row.reason) == (SKIPPED, Reason.PAUSED)
        elif is_late:
            assert row.status == MISSED or row.trigger == Trigger.CATCH_UP
        else:
            assert row.status != MISSED
            assert row.trigger == Trigger.SCHEDULE
        assert (row.reason == "") == (row.status == QUEUED)


@given(jobs, spans)
def test_run_once_leaves_an_idle_job_with_one_run_whenever_something_was_due(
    job: ScheduledJob, span: timedelta
) -> None:
    job.misfire_policy = MisfirePolicy.RUN_ONCE
    due = [at for at in due_since(job, NOW - span) if not job.was_paused_at(at)]
    rows = plan(job, due_since(job, NOW - span), now=NOW, activity=Activity())
    runs = of_status(rows, QUEUED)  # type: ignore[arg-type]
    assert bool(runs) == bool(due)
    late = [at for at in due if at < NOW - timedelta(seconds=job.misfire_grace_seconds)]
    if due and due == late:
        assert [(row.due, row.trigger) for row in runs] == [(due[-1], Trigger.CATCH_UP)]


@given(jobs, spans, activities, st.data())
def test_due_times_decided_in_pieces_are_decided_alike(
    job: ScheduledJob, span: timedelta, activity: Activity, data: st.DataObject
) -> None:
    due = due_since(job, NOW - span)
    carried, pieces, left = _copy(activity), [], due
    while left:
        size = data.draw(st.integers(1, len(left)))
        pieces += plan(job, left[:size], now=NOW, activity=carried)
        left = left[size:]
    assert pieces == plan(job, due, now=NOW, activity=_copy(activity))


@given(jobs, spans, activities)
def test_no_more_than_one_run_starts_at_once_unless_the_policy_allows_it(
    job: ScheduledJob, span: timedelta, activity: Activity
) -> None:
    before = _copy(activity)
    rows = plan(job, due_since(job, NOW - span), now=NOW, activity=activity)
    free = [row for row in rows if row.status == QUEUED and not row.is_held]
    if job.overlap_policy != OverlapPolicy.ALLOW:
        assert len(free) <= (0 if before.is_active else 1)
        held = [
            row for row in rows if row.is_held and not (row.trigger == "CatchUp" and job.misfire_policy == "RunAll")
        ]
        assert len(held) <= (0 if before.has_held else 1)
