"""Guardrails: what is far outside, for any history; and a job that has them, run as a worker runs it."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from hypothesis import assume, given
from hypothesis import strategies as some

from executions.models import Alert
from jobs import guardrails, registry
from jobs.base import Job, JobContext, JobError
from jobs.guardrails import BYTES, ROWS, Bounds, LimitedJobParameters
from jobs.models import JobState
from tests.jobs.conftest import Ran

Run = Callable[..., Ran]
NOW = datetime(2026, 11, 25, 7, 0, tzinfo=UTC)
DAY = timedelta(days=1)


# --- What is far outside ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("value", "earlier", "is_far"),
    [
        (5_000_001, [1_000_000] * 5, True),
        (5_000_000, [1_000_000] * 5, False),
        (199_999, [1_000_000] * 5, True),
        (200_000, [1_000_000] * 5, False),
        (0, [1_000_000] * 3, True),
        (5, [0] * 10, False),  # infinitely many times as much, and nothing to speak of
        (99, [0] * 10, False),
        (100, [0] * 10, True),
        (10**9, [1, 1], False),  # of two runs nothing is usual
        (10**9, [], False),
        (1_000, [1_000] * 6 + [10**9] * 4, False),  # the odd ones are the fewer
        (10**9, [1_000] * 6 + [10**9] * 4, True),
        (10**9, [1_000] * 4 + [10**9] * 6, False),  # and a new level is the usual one at last
        (10**9, [1_000] * 90 + [10**9] * 6, False),  # however long it was otherwise
    ],
)
def test_far_outside_is_many_times_the_median_and_not_only_a_few_rows(
    value: float, earlier: list[float], is_far: bool
) -> None:
    assert (ROWS.exceeded_from(value, earlier) is not None) == is_far


@pytest.mark.parametrize(("value", "is_far"), [(4, True), (5, False), (30, False), (31, True)])
def test_of_bytes_half_is_too_few_and_three_times_too_many(value: int, is_far: bool) -> None:
    assert (BYTES.exceeded_from(value * 2**20, [10 * 2**20] * 3) is not None) == is_far
    assert BYTES.exceeded_from(value * 2**10, [10 * 2**10] * 3) is None  # small ones vary by a table or two


some_values = some.floats(0, 1e12)
some_histories = some.lists(some_values, max_size=30)
some_bounds = some.builds(
    Bounds, low=some.sampled_from([0, 0.2, 0.5, 1]), high=some.floats(1, 10), floor=some.integers(0, 10**6)
)


@given(some_bounds, some_histories)
def test_the_usual_value_itself_is_never_far(bounds: Bounds, history: list[float]) -> None:
    usual = bounds.exceeded_from(float("inf"), history)
    assume(usual is not None)
    assert bounds.exceeded_from(usual, history) is None


@given(some_bounds, some_values, some_histories, some_values)
def test_what_is_further_away_is_far_too(bounds: Bounds, value: float, history: list[float], further: float) -> None:
    usual = bounds.exceeded_from(value, history)
    assume(usual is not None)
    away = value + further if value > usual else value - further
    assert bounds.exceeded_from(away, history) == usual


@given(some_bounds, some.integers(0, 10**12), some.lists(some.integers(0, 10**12), min_size=3, max_size=10))
def test_the_unit_does_not_matter(bounds: Bounds, value: int, history: list[int]) -> None:
    scaled = Bounds(bounds.low, bounds.high, bounds.floor * 1024)
    as_bytes = scaled.exceeded_from(value * 1024, [each * 1024 for each in history])
    assert (as_bytes is None) == (bounds.exceeded_from(value, history) is None)


@given(some_bounds, some_values, some_histories, some.randoms())
def test_one_odd_run_among_equals_changes_nothing(
    bounds: Bounds, value: float, history: list[float], random: Any
) -> None:
    steady = [1000.0] * 9
    odd = [*steady, value]
    random.shuffle(odd)
    for each in (value, 1000.0, 1e9):
        assert bounds.exceeded_from(each, odd) == bounds.exceeded_from(each, steady)


# --- A job with guardrails -------------------------------------------------------------------------------------------
class SweepParameters(LimitedJobParameters):
    found: int = 0
    fails: bool = False


class SweepJob(Job[SweepParameters]):
    description = "Sweeps what its parameters say was found."
    parameters_model = SweepParameters
    wrote: list[int] = []

    def execute(self, context: JobContext[SweepParameters]) -> Mapping[str, Any]:
        found = context.parameters.found
        guardrails.stop_if_too_many(context, found, "old things")
        if not context.dry_run:
            self.wrote.append(found)
        if context.parameters.fails:
            raise JobError("it broke")
        return guardrails.watch(context, {"swept": found}, guardrails.ROWS, old_things=found)


@pytest.fixture
def sweep(settings: Any, run_job: Run) -> Any:
    """Runs it on one day after the other."""
    settings.SCHEDULER_JOB_TYPES = [*settings.SCHEDULER_JOB_TYPES, "tests.jobs.test_guardrails.SweepJob"]
    registry._by_name.cache_clear()
    SweepJob.wrote.clear()
    days = iter(range(1_000))

    def run(found: int, *, at: datetime | None = None, attempt: int = 0, **parameters: Any) -> Ran:
        return run_job("SweepJob", at=at or NOW + next(days) * DAY, attempt=attempt, found=found, **parameters)

    yield run
    registry._by_name.cache_clear()


def alerts() -> list[str]:
    return [alert.subject for alert in Alert.objects.filter(closed_at=None)]


def kept() -> list[float]:
    values = JobState.objects.filter(key=guardrails.STATE).values_list("value", flat=True).first() or {}
    return [value for _at, value in values.get("old things", [])]


def test_a_run_unlike_the_last_ones_completes_warns_and_opens_an_alert_until_one_is_as_usual(sweep: Any) -> None:
    for found in (1_000, 1_100, 900):
        assert "warnings" not in sweep(found).result
    far = sweep(9_000)
    told = (
        "old things: 9,000, far from the usual 1,000 (the median of the last 3 good runs). Look whether that is right."
    )
    assert (far.status, far.result) == ("Completed", {"swept": 9_000, "warnings": [told]})
    assert f"WARNING {told}" in far.output
    (alert,) = Alert.objects.filter(closed_at=None)
    assert (alert.subject, alert.message) == ("Unusual: old things", told)
    assert "warnings" in sweep(8_000).result
    assert [each.id for each in Alert.objects.filter(closed_at=None)] == [alert.id]  # still the same episode
    assert "warnings" not in sweep(1_000).result
    assert alerts() == [] and Alert.objects.count() == 1


def test_nothing_left_to_do_is_told_of_too(sweep: Any) -> None:
    for _day in range(3):
        sweep(1_000)
    assert "old things: 0, far from the usual 1,000" in sweep(0).result["warnings"][0]


def test_a_new_level_is_usual_after_some_days(sweep: Any) -> None:
    for _day in range(10):
        sweep(1_000)
    warned = ["warnings" in sweep(10_000).result for _day in range(7)]
    assert warned == [True] * 5 + [False] * 2
    assert alerts() == []


def test_the_last_ten_are_kept(sweep: Any) -> None:
    for number in range(12):
        sweep(number)
    assert kept() == list(range(2, 12))


def test_neither_dry_runs_nor_failed_ones_count_as_good_or_are_told_of(sweep: Any) -> None:
    for _day in range(3):
        sweep(1_000)
    assert "warnings" not in sweep(10**6, dryRun=True).result
    assert sweep(10**6, fails=True).status == "Failed"
    assert kept() == [1_000] * 3 and alerts() == []


def test_a_further_attempt_of_a_run_counts_once(sweep: Any) -> None:
    for found in (5, 6, 7):
        sweep(found, at=NOW)
    assert kept() == [7]


def test_what_a_further_attempt_did_is_a_part_and_neither_told_of_nor_usual(sweep: Any) -> None:
    for _day in range(3):
        sweep(1_000)
    assert "warnings" not in sweep(0, attempt=1).result
    assert kept() == [1_000] * 3 and alerts() == []


# --- maxAffected -----------------------------------------------------------------------------------------------------
def test_more_than_max_affected_stops_before_the_first_write(sweep: Any) -> None:
    ran = sweep(11, maxAffected=10)
    assert (ran.status, ran.outcome.can_retry) == ("Failed", False)
    message = str(ran.outcome.error_message)
    assert "11 old things were found, and maxAffected allows 10: nothing was changed" in message
    assert "raise maxAffected" in message and ran.result == {"found": 11, "maxAffected": 10}
    assert SweepJob.wrote == [] and kept() == []


def test_just_as_many_as_max_affected_go_on(sweep: Any) -> None:
    assert sweep(10, maxAffected=10).status == "Completed"
    assert sweep(10**9, maxAffected=None).status == "Completed"
    assert SweepJob.wrote == [10, 10**9]


def test_a_dry_run_is_told_that_the_real_one_would_stop(sweep: Any) -> None:
    ran = sweep(11, maxAffected=10, dryRun=True)
    assert ran.status == "Completed" and "WARNING 11 old things were found, and maxAffected allows 10" in ran.output


@pytest.mark.parametrize("value", [0, -1, 1.5, "many"])
def test_a_limit_that_makes_no_sense_is_refused(sweep: Any, value: Any) -> None:
    with pytest.raises(ValidationError):
        sweep(1, maxAffected=value)


def test_the_limit_is_described_once_for_all_jobs() -> None:
    about = SweepParameters.model_json_schema()["properties"]["maxAffected"]
    assert "stops before the first" in about["description"] and about["default"] is None
