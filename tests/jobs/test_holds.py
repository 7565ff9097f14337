"""The hold: the whole schedule at once, and that nothing due within it is run, whenever it is written down."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from executions.models import JobExecution
from jobs import holds
from jobs.clock import database_now
from jobs.enums import ExecutionStatus
from jobs.holds import ScheduleHold
from tests.conftest import Caller, assert_problem
from tests.factories import SOMEBODY, a_job, a_run, fell_due, minutes_ago, of_status, settle

pytestmark = pytest.mark.django_db

EVERY_MINUTE = "* * * * *"


def held(begin: float, end: float | None) -> ScheduleHold:
    """One that began and ended so many minutes ago."""
    return ScheduleHold.objects.create(
        began_at=minutes_ago(begin), ended_at=end if end is None else minutes_ago(end), held_by_user_id=SOMEBODY
    )


def reasons(**definition: Any) -> list[str]:
    """What became of the last twenty due times of an every-minute job, that nothing had fired; the oldest first."""
    job = a_job(cron_expression=EVERY_MINUTE, **definition)
    fell_due(job, minutes_ago(20))
    return [f"{row.status} {row.reason}".strip() for row in settle(job, database_now())]


def test_holding_and_releasing_by_the_api(api: Caller) -> None:
    answer = api.post("/hold", {"reason": "new cables", "until": "2999-01-01T00:00:00Z"})
    shown = answer.json()
    assert answer.status_code == 200
    assert (shown["isHeld"], shown["reason"], shown["until"]) == (True, "new cables", "2999-01-01T00:00:00Z")
    assert shown["heldByUserId"] == str(api.user.id)
    assert holds.current()
    for _twice in range(2):
        released = api.post("/release")
        assert (released.status_code, released.json()["isHeld"], released.json()["since"]) == (200, False, None)
    assert holds.current() is None


def test_holding_again_tells_the_new_reason_and_keeps_the_history(api: Caller) -> None:
    api.post("/hold", {"reason": "one"})
    assert api.post("/hold", {"reason": "two"}).json()["reason"] == "two"
    assert ScheduleHold.objects.count() == 2
    assert ScheduleHold.objects.filter(ended_at=None).count() == 1


@pytest.mark.parametrize(
    ("body", "field"), [({"until": "2020-01-01T00:00:00Z"}, "until"), ({"reasons": "x"}, "reasons")]
)
def test_a_hold_that_makes_no_sense_is_refused(api: Caller, body: Any, field: str) -> None:
    assert_problem(api.post("/hold", body), 400, "VALIDATION_ERROR", field)
    assert not ScheduleHold.objects.exists()


def test_a_hold_ends_by_itself_at_its_time() -> None:
    ScheduleHold.objects.create(began_at=minutes_ago(10), until=minutes_ago(5), held_by_user_id=SOMEBODY)
    assert holds.current() is None
    holds.hold(by=SOMEBODY, reason="another")
    ended = ScheduleHold.objects.get(reason="")
    assert ended.ended_at == ended.until


def test_due_times_within_it_are_skipped_and_those_around_it_are_not() -> None:
    held(15, 5)
    found = reasons(misfire_policy="RunAll", misfire_grace_seconds=0)
    assert found.count("Skipped held") == 10
    assert found[6:14] == ["Skipped held"] * 8
    assert set(found) == {"Queued", "Skipped held"}


def test_what_was_due_within_it_is_skipped_though_it_is_written_after_its_end() -> None:
    held(30, 0.01)
    assert set(reasons()) <= {"Skipped held", "Queued"}
    assert of_status(JobExecution.objects.all(), ExecutionStatus.MISSED) == []


def test_the_latest_due_time_outside_of_it_is_the_one_that_is_made_up() -> None:
    held(10, 0)
    found = reasons(misfire_grace_seconds=0)
    assert found.count("Queued") == 1
    assert "Skipped held" not in found[: found.index("Queued") + 1]
    assert set(found[found.index("Queued") + 1 :]) == {"Skipped held"}
    assert JobExecution.objects.get(status="Queued").trigger == "CatchUp"


def test_between_several_holds_all_are_found() -> None:
    held(18, 16)
    held(12, 10)
    held(6, 0)
    found = reasons(misfire_policy="RunAll", misfire_grace_seconds=0)
    assert found.count("Skipped held") >= 9
    assert found.count("Queued") == len(found) - found.count("Skipped held")


def test_run_now_stays_possible(api: Caller) -> None:
    holds.hold(by=SOMEBODY)
    assert a_run(a_job()).status == ExecutionStatus.QUEUED


def test_its_bounds_are_its_begin_included_and_its_end_excluded() -> None:
    begin = datetime(2026, 3, 1, 12, tzinfo=UTC)
    interval = holds.Interval(begin, begin + timedelta(hours=1))
    assert [interval.covers(begin + timedelta(minutes=minutes)) for minutes in (-1, 0, 59, 60)] == [
        False, True, True, False,
    ]  # fmt: skip
    assert holds.Interval(begin, None).covers(begin + timedelta(days=9_999))
