"""Celery's signals, translated to ledger verbs; nothing else (SPEC §5.2, §5.4).

Celery swallows what a receiver raises, so each one guards itself: a claim that failed is no claim, and an outcome that
could not be written is kept and tried again.
"""

import logging
import time
import uuid
from typing import Any

from billiard.exceptions import TimeLimitExceeded
from celery.signals import task_failure, task_postrun, task_prerun, task_revoked, task_success
from django.db import Error, InterfaceError, OperationalError, connection

from executions import children, claims, endings, interruptions, kept, ledger, orphans, tracing, workers
from executions.claims import Claim
from executions.ledger import Outcome
from executions.tasks import JobTask
from jobs import log_context
from jobs.enums import ExecutionStatus, Reason
from jobs.failpoints import failpoint

logger = logging.getLogger(__name__)

RECORD_AGAIN_AFTER_SECONDS = (0.1, 0.5, 1.0, 2.0, 5.0)  # the last one again and again


@task_prerun.connect
def on_prerun(task_id: str, task: Any, **_kwargs: Any) -> None:
    key = claims.execution_id(task_id)
    if key is None or not isinstance(task, JobTask):
        return
    hard_limit, soft_limit = task.request.timelimit or (None, None)
    children.hold(key, hard_limit_seconds=hard_limit)
    interruptions.listen()
    token, worker_name = uuid.uuid4(), task.request.hostname or ""
    log_context.begin_run(execution_id=str(key), worker=worker_name)
    try:
        execution = _once_more_after_a_broken_connection(
            lambda: ledger.claim(key, token=token, worker_name=worker_name, worker_id=workers.current_id())
        )
    except Error as fault:
        logger.warning("Execution %s could not be claimed, its message will come again: %s", task_id, fault)
        return
    if execution is None:
        logger.info("Execution %s is not free to start; this message is ignored.", task_id)
        return
    claims.take(execution)
    interruptions.limit(soft_limit)
    failpoint("claim.after_commit")
    tracing.begin(execution, vars(task.request), worker_name=worker_name)
    logger.info("A run of %s begins.", execution.job_name)


@task_success.connect
def on_success(sender: Any, result: Any, **_kwargs: Any) -> None:
    if claim := _claim_of(sender, sender.request.id):
        _record(claim, claim.outcome or Outcome(ExecutionStatus.COMPLETED, result=result))


@task_failure.connect
def on_failure(sender: Any, task_id: str, exception: BaseException, einfo: Any = None, **_kwargs: Any) -> None:
    if claim := _claim_of(sender, task_id):
        _record(claim, claim.outcome or endings.of_exception(exception, str(einfo.traceback) if einfo else None))
    elif isinstance(sender, JobTask) and workers.is_main_process() and (key := claims.execution_id(task_id)):
        orphans.hand_over(key, _outcome_for_child(exception), worker_id=workers.current_id())


@task_revoked.connect
def on_revoked(sender: Any, request: Any, **_kwargs: Any) -> None:
    """Its child was terminated on request."""
    key = claims.execution_id(request.id)
    if key and isinstance(sender, JobTask) and workers.is_main_process():
        outcome = Outcome(ExecutionStatus.CANCELLED, Reason.CANCELLED)
        orphans.hand_over(key, outcome, worker_id=workers.current_id())


@task_postrun.connect
def on_postrun(sender: Any, task_id: str, **_kwargs: Any) -> None:
    """Whatever happened, this process holds the claim no longer."""
    if isinstance(sender, JobTask):
        claim = claims.release(task_id)
        children.let_go()  # first: a limit that comes too late ends no process that holds nothing
        interruptions.stop_listening()
        status, reason = (claim.outcome.status, claim.outcome.reason) if claim and claim.outcome else (None, "")
        tracing.end(status, reason)


def _claim_of(task: Any, task_id: str) -> Claim | None:
    return claims.held(task_id) if isinstance(task, JobTask) else None


def _record(claim: Claim, outcome: Outcome) -> None:
    """Write the outcome; while the database is away, keep it and try again. No other run is taken meanwhile."""
    tries = 0
    while True:
        try:
            if tries:
                connection.close()
            output = "" if outcome.is_substitute else claim.output.close()
            if not ledger.close(claim.execution, outcome, output=output, progress=claim.output.last_progress):
                logger.warning("The late result of execution %s was refused.", claim.execution.id)
            if tries:
                kept.forget(claim.execution.id)
            return
        except (OperationalError, InterfaceError) as fault:
            kept.keep(claim, outcome)
            pause = RECORD_AGAIN_AFTER_SECONDS[min(tries, len(RECORD_AGAIN_AFTER_SECONDS) - 1)]
            logger.warning("Execution %s cannot be recorded yet (%s); again in %s s", claim.execution.id, fault, pause)
        except Exception as fault:
            # Not the database is away but what is to be written does not fit it: no further try would change that.
            logger.exception("Execution %s cannot be recorded as it ended.", claim.execution.id)
            pause = RECORD_AGAIN_AFTER_SECONDS[-1] if outcome.is_substitute else 0.0
            outcome = _substitute(fault)
        tries += 1
        time.sleep(pause)


def _substitute(fault: Exception) -> Outcome:
    """What is written in place of an outcome that cannot be: failed, but not tried again, for the work is done."""
    text = f"The end of this run could not be recorded: {type(fault).__name__}"
    return Outcome(ExecutionStatus.FAILED, Reason.ERROR, error_message=text, is_substitute=True)


def _outcome_for_child(exception: BaseException) -> Outcome:
    """The main process speaks for a child that it killed (hard time limit) or lost."""
    if isinstance(exception, TimeLimitExceeded):
        return endings.of_hard_limit(exception.args[0])
    return endings.of_lost_process(exception)


def _once_more_after_a_broken_connection(action: Any) -> Any:
    """The kept connection may have died since the last run: one fresh one is tried before giving up."""
    try:
        return action()
    except Error:
        connection.close()
        return action()
