"""Pure: the sentence about a due time that has its row, by how its latest attempt stands."""

from datetime import timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

from executions.models import JobExecution
from executions.why import wording
from executions.why.facts import Facts
from executions.why.wording import Text, clock, due_time, error, label, run, say, who
from jobs.admin.display import duration
from jobs.enums import ExecutionStatus, MisfirePolicy, OverlapPolicy, Reason, Trigger


def of_row(facts: Facts, row: JobExecution) -> Text:
    return say(_sentence(facts, row), **_named(facts, row))


def _sentence(facts: Facts, row: JobExecution) -> Text:
    if row.status == ExecutionStatus.COMPLETED:
        return _completed(facts, row)
    if row.status == ExecutionStatus.RUNNING:
        return _running(row)
    if row.status == ExecutionStatus.FAILED:
        return FAILED.get(row.reason, FAILED[Reason.ERROR])
    if row.is_retry:
        return _later_attempt(facts, row)
    if row.status == ExecutionStatus.QUEUED:
        return _waiting(facts, row)
    if row.status == ExecutionStatus.CANCELLED:
        return _cancelled(facts, row)
    return NOT_RUN.get(row.reason, _("{job} of {due}: {status} ({reason})."))


def _completed(facts: Facts, row: JobExecution) -> Text:
    if row.is_retry:
        return _(
            "{job} ran for {due} at attempt {attempt}, from {started} to {completed} on {worker}; the attempt before"
            " had failed: {error_before}"
        )
    if row.trigger == Trigger.CATCH_UP:
        return _(
            "{job} was made up for {due}, from {started} to {completed} on {worker}: it could be fired only {late} late"
            " (misfire policy {misfire})."
        )
    return _("{job} ran for {due}, from {started} to {completed} on {worker}.")


def _running(row: JobExecution) -> Text:
    if row.cancel_requested_at:
        return _("{job} of {due} is running since {started} on {worker}; it was asked to stop at {asked}.")
    return _("{job} of {due} is running since {started} on {worker}, at attempt {attempt} of {attempts}.")


FAILED = {
    Reason.ERROR.value: _("{job} ran for {due} and failed at attempt {attempt} of {attempts}: {error}"),
    Reason.TIMEOUT.value: _(
        "{job} ran for {due} and was stopped by its timeout, at attempt {attempt} of {attempts}: {error}"
    ),
    Reason.WORKER_LOST.value: _(
        "{job} ran for {due} and was lost with its worker {worker}, at attempt {attempt} of {attempts}: {error}"
    ),
    Reason.SHUTDOWN.value: _(
        "{job} ran for {due} and was cut off as its worker {worker} stopped, at attempt {attempt} of {attempts}:"
        " {error}"
    ),
}


def _later_attempt(facts: Facts, row: JobExecution) -> Text:
    """Of one that has not begun; the attempt before it failed."""
    if facts.waits_for_delay:
        return _(
            "{job} ran for {due} and failed ({error_before}); attempt {attempt} of {attempts} is free to start at"
            " {available}."
        )
    if row.status == ExecutionStatus.QUEUED and row.rung_at is None:
        return _(
            "{job} ran for {due} and failed ({error_before}); attempt {attempt} of {attempts} waits until the job is"
            " not paused and no other run of it is active."
        )
    if row.status == ExecutionStatus.QUEUED:
        return _(
            "{job} ran for {due} and failed ({error_before}); attempt {attempt} of {attempts} waits since {available}"
            " for a worker of the queue “{queue}” ({workers} living)."
        )
    return _(
        "{job} ran for {due} and failed ({error_before}); attempt {attempt} of {attempts} did not begin: {status}"
        " ({reason}) at {completed}."
    )


def _waiting(facts: Facts, row: JobExecution) -> Text:
    is_in_turn = row.trigger == Trigger.CATCH_UP and facts.then.get("misfire_policy") == MisfirePolicy.RUN_ALL
    if row.available_at is None and is_in_turn:
        return _("{job} of {due} waits for its turn: what was missed is made up one after another, oldest first.")
    if row.available_at is None and facts.other is None:
        return _("{job} of {due} had to wait for an earlier run, which has ended: it is free to start in a moment.")
    if row.available_at is None:
        return _("{job} of {due} waits for the end of {run} (overlap policy {overlap}).")
    if not facts.living_workers:
        return _("{job} of {due} waits since {available} for a worker: none that lives takes the queue “{queue}”.")
    if row.rung_at is None:
        return _("{job} of {due} waits since {available}: its message has not gone out to the queue “{queue}” yet.")
    return _(
        "{job} of {due} waits since {available} for a worker of the queue “{queue}” ({workers} living); its message"
        " last went out at {rung} (ring {rings})."
    )


def _cancelled(facts: Facts, row: JobExecution) -> Text:
    if row.started_at and row.reason == Reason.OVERLAP and facts.other:
        return _(
            "{job} of {due} ran from {started} on and was stopped at {completed} to make way for {run} (overlap policy"
            " {overlap})."
        )
    if row.started_at:
        return _("{job} of {due} ran from {started} on and was cancelled at {completed}: somebody had asked for it.")
    return CANCELLED.get(
        row.reason, _("{job} of {due} was cancelled at {completed}, before it began: somebody asked for it.")
    )


CANCELLED = {
    Reason.OVERLAP.value: _(
        "{job} of {due} was cancelled at {completed}, before it began, to make way for {run} (overlap policy"
        " {overlap})."
    ),
    Reason.DISABLED.value: _(
        "{job} of {due} was cancelled at {completed}, before it began: {changer} disabled the job."
    ),
    Reason.DELETED.value: _("{job} of {due} was cancelled at {completed}, before it began: {changer} deleted the job."),
}
NOT_RUN = {
    Reason.PAUSED.value: _("{job} was skipped at {due}: it was paused {pause}."),
    Reason.HELD.value: _("{job} was skipped at {due}: the whole schedule was held {hold}."),
    Reason.OVERLAP.value: _("{job} was skipped at {due}: {run} was active (overlap policy {overlap})."),
    Reason.MISFIRE.value: _(
        "{job} was missed at {due}: it could be fired only at {queued}, {late} late and past the grace of {grace}, and"
        " its misfire policy {misfire} did not make it up."
    ),
    Reason.START_DEADLINE.value: _(
        "{job} was missed at {due}: no worker took it within {limit} from {available} on, its start deadline."
    ),
}


def _named(facts: Facts, row: JobExecution) -> dict[str, Any]:
    """Everything that a sentence above may name."""
    then, before = facts.then, facts.attempts[-2] if row.is_retry and len(facts.attempts) > 1 else None
    return {
        "job": facts.job.name,
        "due": due_time(facts),
        "status": label(ExecutionStatus, row.status),
        "reason": label(Reason, row.reason),
        "attempt": row.retry_attempt + 1,
        "attempts": facts.attempts_allowed,
        "error": error(row),
        "error_before": error(before) if before else "",
        "queued": clock(facts, row.queued_at),
        "available": clock(facts, row.available_at),
        "started": clock(facts, row.started_at),
        "completed": clock(facts, row.completed_at),
        "asked": clock(facts, row.cancel_requested_at),
        "late": duration(row.queued_at - (facts.due or row.queued_at)),
        "grace": duration(timedelta(seconds=then.get("misfire_grace_seconds") or 0)),
        "limit": duration(facts.start_deadline),
        "misfire": label(MisfirePolicy, then.get("misfire_policy")),
        "overlap": label(OverlapPolicy, then.get("overlap_policy")),
        "run": run(facts, facts.other, row.queued_at if row.is_finished else facts.now),
        "queue": row.queue,
        "workers": facts.living_workers,
        "worker": row.worker_name or row.machine_name,
        "rings": row.rings,
        "rung": clock(facts, row.rung_at),
        "changer": who(facts, facts.changed_by),
        "pause": wording.pause(facts),
        "hold": wording.hold(facts),
    }
