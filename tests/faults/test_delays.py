"""The delays are measured from the fault, or from the database's return where that came later."""

from datetime import UTC, datetime

import pytest

from executions.models import JobExecution
from jobs.enums import Reason
from tests.faults import delays
from tests.faults.delays import Course
from tests.faults.members import Freeze, Life
from tests.faults.watcher import Outage

WORKER = "w1@here"


def a_course(*lives: Life, **facts: object) -> Course:
    given = {"freezes": [], "outages": [], "pulses": [], "leaders": [(0.0, 1)], "deaths_of_children": {}, **facts}
    return Course(lives=lives, workers={WORKER: "w1"}, **given)


def a_life(member: str, pid: int, began: float, ended: float | None) -> Life:
    return Life(member, pid, began, cause="kill -9" if ended else "", ended=ended)


def a_lost_row(started: float, closed: float) -> JobExecution:
    return JobExecution(
        worker_name=WORKER, process_id=77, reason=Reason.WORKER_LOST,
        started_at=datetime.fromtimestamp(started, UTC), completed_at=datetime.fromtimestamp(closed, UTC),
    )  # fmt: skip


def seconds(course: Course, row: JobExecution) -> float | None:
    [(_row, taken)] = delays.rescues(course, [row])
    return taken


def after_leaders(course: Course) -> list[float | None]:
    return [taken for _what, taken in delays.after_leaders(course)]


def test_a_rescue_is_measured_from_the_workers_death() -> None:
    course = a_course(a_life("w1", 5, 0, 100), a_life("w2", 6, 0, 90))
    assert seconds(course, a_lost_row(80, 148)) == pytest.approx(48)


def test_a_rescue_is_measured_from_the_databases_return_when_that_came_later() -> None:
    course = a_course(a_life("w1", 5, 0, 100), outages=[Outage(95, 96), Outage(110, 140)])
    assert seconds(course, a_lost_row(80, 190)) == pytest.approx(50)


def test_a_rescue_is_measured_from_the_childs_death_or_the_freeze() -> None:
    assert seconds(a_course(deaths_of_children={77: 90.0}), a_lost_row(80, 91)) == pytest.approx(1)
    frozen = a_course(freezes=[Freeze("w1", 5, 85, 140)])
    assert seconds(frozen, a_lost_row(80, 135)) == pytest.approx(50)


def test_the_freeze_of_a_worker_that_was_killed_meanwhile_is_not_its_successors() -> None:
    lives = a_life("w1", 5, 0, 60), a_life("w1", 6, 62, 100)
    freezes = delays.while_alive([Freeze("w1", 5, 50, 110)], lives)
    assert seconds(a_course(*lives, freezes=freezes), a_lost_row(80, 147)) == pytest.approx(47)


def test_a_run_closed_as_lost_whose_worker_lived_has_no_cause() -> None:
    course = a_course(a_life("w1", 5, 0, 70), a_life("w1", 8, 72, None))
    assert seconds(course, a_lost_row(80, 135)) is None


def test_the_loss_of_a_leader_is_measured_to_what_fired_after_it() -> None:
    beats = a_life("b1", 1, 0, 100), a_life("b2", 2, 0, None)
    course = a_course(*beats, pulses=[(99.5, 100.1), (100.2, 111.0)])
    assert after_leaders(course) == [pytest.approx(11)]


def test_what_was_due_before_the_loss_counts_when_it_fires_after_it() -> None:
    course = a_course(a_life("b1", 1, 0, 100), a_life("b2", 2, 0, None), pulses=[(99.5, 110.0), (110.1, 121.0)])
    assert after_leaders(course) == [pytest.approx(10)]


def test_the_death_of_a_beat_that_waits_is_no_loss_of_a_leader() -> None:
    course = a_course(a_life("b1", 1, 0, None), a_life("b2", 2, 0, 100), pulses=[(101, 102)])
    assert after_leaders(course) == []


def test_where_no_beat_is_left_it_is_measured_from_the_start_of_the_next() -> None:
    course = a_course(
        a_life("b1", 1, 0, 100), a_life("b2", 2, 0, 100), a_life("b1", 3, 103, None), pulses=[(100.2, 101), (104, 115)]
    )
    assert after_leaders(course) == [pytest.approx(12)]


def test_a_schedule_that_never_went_on_is_no_number() -> None:
    course = a_course(a_life("b1", 1, 0, 100), a_life("b2", 2, 0, None), pulses=[(99, 99.5)])
    assert after_leaders(course) == [None]


def test_the_databases_return_is_measured_where_no_leader_was_lost_meanwhile() -> None:
    pulses = [(39.9, 42.5), (42.6, 43.4)]
    assert delays.after_outages(a_course(outages=[Outage(10, 40)], pulses=pulses)) == [pytest.approx(2.5)]
    lost = a_course(a_life("b1", 1, 0, 35), outages=[Outage(10, 40)], pulses=pulses)
    assert delays.after_outages(lost) == []


def test_a_standstill_is_a_pulse_that_nothing_excuses() -> None:
    beat = a_life("b1", 1, 0, None)
    pulses = [(50, 51), (100, 130)]
    assert delays.standstills(a_course(beat, pulses=pulses)) == [1, 30]
    assert delays.standstills(a_course(beat, pulses=pulses, outages=[Outage(95, 110)])) == [1]
    assert delays.standstills(a_course(beat, pulses=pulses, freezes=[Freeze("b1", 1, 90, 105)])) == [1]
    assert delays.standstills(a_course(beat, a_life("b2", 2, 0, 105), pulses=pulses)) == [1]
