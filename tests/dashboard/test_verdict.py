"""The first sentence of the overview: "All is well." is said only when nothing that is known speaks against it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dashboard.coming import Ahead
from dashboard.metrics import Hold, LedgerAccount, Moment
from dashboard.plant import Leader, Plant, Queue, Worker
from dashboard.recent import Troubles
from dashboard.verdict import Verdict, verdict

NOW = datetime(2026, 1, 8, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
LEDGER = LedgerAccount(unaccounted=0, unplanned=0, checked_until=NOW - HOUR, finished_at=NOW)
WELL = Moment(NOW, 0, None, None, LEDGER)
WORKER = Worker("one@here", 2, NOW, ["default"], NOW - HOUR)
PLANT = Plant([WORKER], [], [Queue("default", 3, NOW, 1)], Leader("here", 1, NOW), 3, 0)
AHEAD = Ahead([], 8, 0)


def judged(moment: Moment = WELL, plant: Plant = PLANT, ahead: Ahead = AHEAD, **counts: int) -> Verdict:
    return verdict(moment, plant, ahead, Troubles([], False, counts))


def test_all_is_well_when_nothing_is_known_against_it():
    found = judged()
    assert (found.level, found.words, found.findings) == ("good", "All is well.", [])
    assert found.checked_until == NOW - HOUR and found.is_complete


@pytest.mark.parametrize(
    ("given", "told", "place"),
    [
        ({"moment": replace(WELL, open_alerts=2)}, "2 open alerts", "alerts"),
        ({"Failed": 1}, "1 job failed", "troubles"),
        ({"Missed": 2}, "2 due times were missed", "troubles"),
        ({"ahead": Ahead([], 8, 1)}, "1 job is late", "coming"),
        ({"plant": replace(PLANT, leader=None)}, "no beat leads: nothing is fired", "plant"),
        ({"plant": replace(PLANT, workers=[])}, "no worker: nothing is run", "plant"),
        ({"plant": replace(PLANT, queues=[Queue("reports", 1, NOW, 0)])}, "no worker for queue reports", "plant"),
        ({"moment": replace(WELL, ledger=replace(LEDGER, unaccounted=3))}, "3 due times unaccounted", "verdict"),
    ],
)
def test_what_is_wrong_is_said_with_where_it_is_to_be_seen(given: dict, told: str, place: str):
    found = judged(**given)
    assert (found.level, found.words) == ("bad", "Something needs a look.")
    assert [(each.text, each.place) for each in found.findings] == [(told, place)]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"moment": replace(WELL, hold=Hold(NOW, None, ""))}, "the whole schedule is held"),
        ({"plant": replace(PLANT, silent=[WORKER])}, "1 worker is silent"),
        ({"Disabled": 1, "Deleted": 1}, "2 jobs were taken off the schedule"),
        ({"moment": replace(WELL, ledger=replace(LEDGER, unplanned=1))}, "1 row of the ledger was never planned"),
        ({"moment": replace(WELL, ledger=replace(LEDGER, checked_until=NOW - 4 * HOUR))},
         "the ledger has not been checked for hours"),
    ],
)  # fmt: skip
def test_what_is_not_as_usual_is_no_fault_and_not_well(given: dict, told: str):
    found = judged(**given)
    assert found.level == "warn" and "well" not in found.words
    assert [each.text for each in found.findings] == [told]


def test_rows_that_were_never_planned_do_not_make_the_ledger_incomplete_and_missing_ones_do():
    unplanned, unaccounted = replace(LEDGER, unplanned=1), replace(LEDGER, unaccounted=1)
    assert judged(replace(WELL, ledger=unplanned)).is_complete
    assert not judged(replace(WELL, ledger=unaccounted)).is_complete


def test_before_the_first_check_of_the_ledger_nothing_is_claimed_of_it():
    found = judged(replace(WELL, ledger=None))
    assert (found.level, found.checked_until, found.is_complete) == ("good", None, False)


def test_what_was_skipped_on_purpose_is_told_but_is_no_fault():
    found = judged(Skipped=4, Cancelled=1)
    assert (found.level, found.words) == ("good", "Nothing is wrong.")
    assert [each.text for each in found.findings] == ["4 were skipped", "1 was cancelled"]


def test_the_worst_decides_and_stands_first():
    found = judged(replace(WELL, hold=Hold(NOW, None, "")), Skipped=1, Failed=1)
    assert found.level == "bad" and [each.level for each in found.findings] == ["bad", "warn", "good"]
