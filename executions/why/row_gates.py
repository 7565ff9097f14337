"""Pure: what the rows of a due time say of it, from the one that was written to the run's end."""

from datetime import timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

from executions.models import JobExecution
from executions.why.beat import beat
from executions.why.facts import Facts
from executions.why.verdicts import GateName, Verdict, stopped_at, verdict
from executions.why.wording import Text, Told, clock, error, label, run, say, span, state_at
from jobs.admin.display import duration
from jobs.enums import ExecutionStatus, MisfirePolicy, OverlapPolicy, Reason, Trigger


def fired(facts: Facts) -> Told:
    row, word = facts.first, verdict(facts)
    if row:
        late = row.queued_at - (facts.due or row.queued_at)
        text = _("Written down at {at}, {late} after the due time ({trigger}).")
        told = say(text, at=clock(facts, row.queued_at), late=duration(late), trigger=label(Trigger, row.trigger))
        known = {"executionId": row.id, "queuedAt": row.queued_at, "lateSeconds": late.total_seconds()}
        return Told(told, {**known, "trigger": row.trigger})
    if word == Verdict.REMOVED:
        text = _("The ledger reaches back to {begins}; older rows were removed.")
        return Told(say(text, begins=clock(facts, facts.ledger_begins)), {"ledgerBegins": facts.ledger_begins})
    next_due = {"nextExecutionAt": facts.job.next_execution_at}
    if facts.is_future:
        return Told(say(_("Still to come, in {span}."), span=span(facts.now, facts.due)), next_due)
    if word == Verdict.UNACCOUNTED:
        check = facts.last_check
        found = {"checkedUntil": check.checked_until, "unaccounted": check.unaccounted} if check else {}
        return Told(_("No row tells of it, though the schedule has gone past it."), next_due | found)
    told, about_beat = beat(facts)
    return Told(say(_("Not written down yet: {beat}."), beat=told), next_due | about_beat)


def misfire(facts: Facts) -> Told:
    policy, grace = facts.then.get("misfire_policy"), facts.then.get("misfire_grace_seconds") or 0
    known: dict[str, Any] = {"policy": policy, "graceSeconds": grace}
    named = {"policy": label(MisfirePolicy, policy), "grace": duration(timedelta(seconds=grace))}
    row = facts.first
    if row is None or facts.due is None:
        return Told(say(_("Should nothing be able to fire then: policy {policy}, grace {grace}."), **named), known)
    late = row.queued_at - facts.due
    known["lateSeconds"], named["late"] = late.total_seconds(), duration(late)
    if row.reason == Reason.MISFIRE:
        return Told(
            say(_("{late} late, past the grace of {grace}; by the policy {policy} not made up."), **named), known
        )
    if row.trigger == Trigger.CATCH_UP:
        return Told(say(_("{late} late, past the grace of {grace}; by the policy {policy} made up."), **named), known)
    return Told(say(_("{late} late, within the grace of {grace}."), **named), known)


def overlap(facts: Facts) -> Told:
    policy, row, other = facts.then.get("overlap_policy"), facts.first, facts.other
    is_stopped = stopped_at(facts) == GateName.OVERLAP
    known: dict[str, Any] = {"policy": policy}
    if other and row and is_stopped:
        at = row.queued_at if row.is_finished else facts.now
        state, since = state_at(other, at)
        known |= {"otherExecutionId": other.id, "otherStatus": state, "otherSince": since}
    return Told(say(_overlap_text(facts, is_stopped), **_overlap_named(facts, policy)), known)


def _overlap_text(facts: Facts, is_stopped: bool) -> Text:
    row = facts.first
    if row is None:
        return _("Should a run of the job be active then: policy {policy}.")
    if is_stopped and facts.last and facts.last.status == ExecutionStatus.CANCELLED:
        return _("It was cancelled to make way for {run} (policy {policy}).")
    if is_stopped and row.trigger == Trigger.CATCH_UP and facts.then.get("misfire_policy") == MisfirePolicy.RUN_ALL:
        return _("It waits for its turn: what was missed is made up one after another, oldest first.")
    if is_stopped:
        return _("In its way: {run} (policy {policy}).")
    if row.available_at and row.available_at > row.queued_at:
        return _("It waited until {at} for the end of an earlier run (policy {policy}).")
    return _("No run was in its way (policy {policy}).")


def _overlap_named(facts: Facts, policy: Any) -> dict[str, Any]:
    row = facts.first
    at = row.queued_at if row and row.is_finished else facts.now
    return {
        "policy": label(OverlapPolicy, policy),
        "run": run(facts, facts.other, at),
        "at": clock(facts, row.available_at if row else None),
    }


def deadline(facts: Facts) -> Told:
    row, limit = facts.last, facts.start_deadline
    known = {
        "startDeadlineSeconds": limit and limit.total_seconds(),
        "availableAt": row and row.available_at,
        "startedAt": row and row.started_at,
    }
    named = {"limit": duration(limit), "since": clock(facts, row.available_at if row else None)}
    if row and row.reason == Reason.START_DEADLINE:
        return Told(say(_("It waited longer than {limit}, from {since} on."), **named), known)
    if limit is None:
        return Told(_("It may wait for a worker without a limit."), known)
    if row and row.started_at:
        text = _("It began {wait} after it was free to start, within the limit of {limit}.")
        return Told(say(text, **named, wait=span(row.available_at, row.started_at)), known)
    return Told(say(_("It may wait for a worker for at most {limit}."), **named), known)


def worker(facts: Facts) -> Told:
    row = _began_last(facts) if facts.waits_for_delay else facts.last
    if row is None:
        return Told(say(_("A worker of the queue “{queue}” is to take it."), queue=facts.then.get("queue")))
    return _taken(facts, row) if row.started_at else _not_taken(facts, row)


def _taken(facts: Facts, row: JobExecution) -> Told:
    text = _("Taken by {worker} (process {process} on {machine}) at {at}, {wait} after it was free to start.")
    told = say(
        text, worker=row.worker_name, process=row.process_id, machine=row.machine_name,
        at=clock(facts, row.started_at), wait=span(row.available_at, row.started_at),
    )  # fmt: skip
    known = {
        "workerName": row.worker_name or None, "machineName": row.machine_name or None, "processId": row.process_id,
        "startedAt": row.started_at,
    }  # fmt: skip
    return Told(told, known)


def _not_taken(facts: Facts, row: JobExecution) -> Told:
    known = {
        "queue": row.queue, "availableAt": row.available_at, "livingWorkers": facts.living_workers,
        "rings": row.rings, "rungAt": row.rung_at,
    }  # fmt: skip
    if row.is_finished:
        del known["livingWorkers"]  # those of now say nothing about then
        return Told(say(_("No worker had taken it when it ended, at {at}."), at=clock(facts, row.completed_at)), known)
    if row.is_retry and row.rung_at is None:
        return Told(_("The next attempt waits until the job is not paused and no other run of it is active."), known)
    text = _(
        "Waiting since {since} for a worker of the queue “{queue}” ({workers} living); its message last went out at"
        " {rung} (ring {rings})."
    )
    named = {"since": clock(facts, row.available_at), "rung": clock(facts, row.rung_at)}
    return Told(say(text, **named, queue=row.queue, workers=facts.living_workers, rings=row.rings), known)


def result(facts: Facts) -> Told:
    row = facts.last
    if row is None:
        return Told(_("It has no result yet."))
    ended = _began_last(facts) if facts.waits_for_delay else row
    ended = ended or row
    known = {
        "executionId": ended.id, "status": ended.status, "reason": ended.reason or None,
        "errorMessage": ended.error_message, "startedAt": ended.started_at, "completedAt": ended.completed_at,
        "attempt": ended.retry_attempt + 1, "attemptsAllowed": facts.attempts_allowed,
        "nextAttemptAt": row.available_at if row is not ended else None,
    }  # fmt: skip
    return Told(say(_result_text(row, ended, facts), **_result_named(row, ended, facts)), known)


def _result_text(row: JobExecution, ended: JobExecution, facts: Facts) -> Text:
    if row is not ended:
        return _("Attempt {attempt} of {attempts} failed ({reason}), and the next is free to start at {next}: {error}")
    if row.status == ExecutionStatus.COMPLETED:
        return _("Completed at {at} after {duration}, at attempt {attempt} of {attempts}.")
    if row.status == ExecutionStatus.RUNNING:
        return _("Running since {since}, attempt {attempt} of {attempts}.")
    if row.status == ExecutionStatus.FAILED and row.retry_attempt + 1 < facts.attempts_allowed:
        return _(
            "Failed ({reason}) at attempt {attempt} of {attempts} and not tried again (the error is permanent, the job"
            " was off the schedule, or somebody had asked the run to stop): {error}"
        )
    if row.status == ExecutionStatus.FAILED:
        return _("Failed ({reason}) at attempt {attempt} of {attempts}: {error}")
    return _("{status} ({reason}) at {at}.")


def _result_named(row: JobExecution, ended: JobExecution, facts: Facts) -> dict[str, Any]:
    return {
        "status": label(ExecutionStatus, ended.status), "reason": label(Reason, ended.reason), "error": error(ended),
        "at": clock(facts, ended.completed_at), "since": clock(facts, ended.started_at),
        "duration": duration(ended.duration), "attempt": ended.retry_attempt + 1, "attempts": facts.attempts_allowed,
        "next": clock(facts, row.available_at),
    }  # fmt: skip


def _began_last(facts: Facts) -> JobExecution | None:
    """The latest attempt that a worker began."""
    return next((row for row in reversed(facts.attempts) if row.started_at), None)
