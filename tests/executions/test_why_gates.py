"""The pure part of why: which revision was in force, and what the gates make of any facts."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from django.utils import translation

from executions import ids, why
from executions.models import JobExecution
from executions.why import Facts, GateName, State, Verdict, moment
from jobs.enums import ExecutionStatus, Reason, Trigger
from jobs.holds import ScheduleHold
from jobs.models import SYSTEM_USER_ID, ScheduledJob, ScheduleRevision

MINUTE = datetime(2026, 3, 3, 6, tzinfo=UTC)
TWO_AT_NIGHT = "0 2 * * *"


def revision(version: int, at: float, expression: str = TWO_AT_NIGHT, status: str = "Enabled") -> ScheduleRevision:
    """One that was made so many seconds after the minute began."""
    return ScheduleRevision(
        version=version, effective_from=MINUTE + timedelta(seconds=at), status=status,
        changed_by_user_id=SYSTEM_USER_ID,
        definition={"cron_expression": expression, "time_zone": "America/Santo_Domingo"},
    )  # fmt: skip


# --- Which revision --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("revisions", "version", "is_planned"),
    [
        ([revision(1, -100)], 1, True),
        ([revision(1, -100, "5 5 * * *")], 1, False),
        ([revision(1, -100), revision(2, 0, "5 5 * * *")], 1, True),  # a change settles what is due at its instant
        ([revision(1, -100), revision(2, 30, "5 5 * * *")], 1, True),
        ([revision(1, -100, "5 5 * * *"), revision(2, 0)], 1, False),  # and holds for what comes after it
        ([revision(1, -100, status="Disabled"), revision(2, 30)], 1, False),
        ([revision(1, 0)], 1, False),
        ([revision(1, 5_000)], 1, False),
        ([revision(1, -100, "x"), revision(2, 30)], 1, False),
    ],
)
def test_the_revision_in_force_at_the_due_time_decides(
    revisions: list[ScheduleRevision], version: int, is_planned: bool
) -> None:
    found = moment.find(revisions, MINUTE)
    assert (found.revision.version, found.is_planned) == (version, is_planned)


def test_a_due_time_that_a_later_revision_of_the_same_minute_planned_is_found() -> None:
    """Liberia's clocks were 44 and a half minutes behind: the due time is not the minute's first second."""
    at = datetime(1971, 1, 1, 2, 44, 30, tzinfo=UTC)
    old, new = revision(1, 0, "5 5 * * *"), revision(2, 0)
    new.definition["time_zone"] = "Africa/Monrovia"
    old.effective_from, new.effective_from = at - timedelta(days=1), at - timedelta(seconds=20)
    found = moment.find([old, new], moment.minute_of(at))
    assert (found.revision.version, found.due, found.is_planned) == (2, at, True)


# --- The gates -------------------------------------------------------------------------------------------------------
JOB = ScheduledJob(
    id=uuid.UUID(int=1), name="Backup", cron_expression=TWO_AT_NIGHT, time_zone="America/Santo_Domingo",
    next_execution_at=MINUTE + timedelta(days=1),
)  # fmt: skip
FIRST = ids.of_due_time(JOB.id, MINUTE)


def facts(*rows: JobExecution, **known: Any) -> Facts:
    made = revision(1, -100_000)
    found = moment.find([made], MINUTE)
    return Facts(MINUTE + timedelta(hours=1), JOB, found, made, attempts=rows, **known)


def row(status: str, reason: str = "", *, attempt: int = 0, began: bool = False, **fields: Any) -> JobExecution:
    return JobExecution(
        **{
            "id": ids.of_retry(FIRST, attempt) if attempt else FIRST, "retry_of": FIRST if attempt else None,
            "retry_attempt": attempt, "trigger": Trigger.RETRY if attempt else Trigger.SCHEDULE, "status": status,
            "reason": reason, "scheduled_for": MINUTE, "queued_at": MINUTE, "available_at": MINUTE, "queue": "default",
            "started_at": MINUTE if began else None,
            "completed_at": None if status in ("Queued", "Running") else MINUTE, **fields,
        }
    )  # fmt: skip


FAILED = row("Failed", "error", began=True)
LATER = MINUTE + timedelta(hours=2)


@pytest.mark.parametrize(
    ("rows", "verdict", "gate"),
    [
        ([row("Completed", began=True)], "Ran", None),
        ([row("Running", began=True)], "Running", None),
        ([row("Queued")], "Waiting", "worker"),
        ([row("Queued", available_at=None)], "Waiting", "overlap"),
        ([FAILED], "Failed", "result"),
        ([FAILED, row("Queued", attempt=1, available_at=LATER)], "Waiting", "result"),
        ([FAILED, row("Queued", attempt=1)], "Waiting", "worker"),
        ([FAILED, row("Running", attempt=1, began=True)], "Running", None),
        ([FAILED, row("Completed", attempt=1, began=True)], "Ran", None),
        ([FAILED, row("Missed", "start_deadline", attempt=1)], "Missed", "deadline"),
        ([FAILED, row("Cancelled", "disabled", attempt=1)], "Cancelled", "worker"),
        ([row("Skipped", "paused")], "Skipped", "status"),
        ([row("Skipped", "held")], "Skipped", "hold"),
        ([row("Skipped", "overlap")], "Skipped", "overlap"),
        ([row("Missed", "misfire")], "Missed", "misfire"),
        ([row("Missed", "start_deadline")], "Missed", "deadline"),
        ([row("Cancelled", "overlap")], "Cancelled", "overlap"),
        ([row("Cancelled", "disabled")], "Cancelled", "worker"),
        ([row("Cancelled", "deleted")], "Cancelled", "worker"),
        ([row("Cancelled", "cancelled")], "Cancelled", "worker"),
        ([row("Cancelled", "cancelled", began=True)], "Cancelled", "result"),
        ([], "Unaccounted", "fired"),
    ],
    ids=lambda each: " ".join(f"{one.status}-{one.reason}" for one in each) if isinstance(each, list) else each,
)
def test_each_row_has_its_verdict_and_its_first_no(
    rows: list[JobExecution], verdict: Verdict, gate: GateName | None
) -> None:
    explained = why.judge_all(facts(*rows))
    assert explained.verdict == verdict
    assert [each.gate for each in explained.gates if each.is_decisive] == ([gate] if gate else [])


def test_whatever_the_rows_hold_there_is_a_sentence_in_both_languages_and_one_first_no() -> None:
    hold = ScheduleHold(began_at=MINUTE, reason="{braces}", held_by_user_id=SYSTEM_USER_ID)
    for status, reason, began, available_at, attempts, held in product(
        ExecutionStatus.values,
        [*Reason.values, "", "unheard"],
        [False, True],
        [None, MINUTE, LATER],
        [1, 2],
        [None, hold],
    ):
        last = row(status, reason, attempt=attempts - 1, began=began, available_at=available_at)
        known = facts(*[FAILED][: attempts - 1], last, hold=held, other=row("Completed"))
        assert_sound(why.judge_all(known))


@pytest.mark.parametrize("status", ["Enabled", "Disabled", "Paused", "Deleted", "Unheard"])
@pytest.mark.parametrize("expression", [TWO_AT_NIGHT, "5 5 * * *", "no expression", ""])
@pytest.mark.parametrize("now", [MINUTE - timedelta(hours=1), MINUTE + timedelta(hours=1)])
@pytest.mark.parametrize("next_due", [None, MINUTE, MINUTE + timedelta(days=1)])
@pytest.mark.parametrize("at", [-100_000, 100_000])
def test_without_a_row_there_is_a_sentence_too(
    status: str, expression: str, now: datetime, next_due: datetime | None, at: float
) -> None:
    made = revision(1, at, expression, status)
    job = ScheduledJob(name="Backup {}", cron_expression=expression, time_zone="UTC", next_execution_at=next_due)
    known = Facts(now, job, moment.find([made], MINUTE), made)
    assert_sound(why.judge_all(known))
    assert_sound(why.judge_all(replace(known, ledger_begins=MINUTE + timedelta(days=2))))


def assert_sound(explained: why.Explanation) -> None:
    decisive = [gate for gate in explained.gates if gate.is_decisive]
    assert [gate.gate for gate in explained.gates] == GateName.values
    assert len(decisive) <= 1 and all(gate.state == State.STOPPED for gate in decisive)
    if decisive:
        place = explained.gates.index(decisive[0])
        assert all(gate.state != State.NOT_REACHED for gate in explained.gates[:place])
        assert all(gate.state == State.NOT_REACHED for gate in explained.gates[place + 1 :])
    for language in ("en", "es"):
        with translation.override(language):
            assert str(explained.answer)
            assert all(str(gate.text) for gate in explained.gates)
