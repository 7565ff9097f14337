"""The Celery tasks: one for each job type, of its own name, and the bell. Each fetches and calls one verb."""

from typing import Any

from celery import Task, current_app, shared_task
from celery.exceptions import Ignore

from executions import claims, turn
from executions.executor import JobExecutor
from executions.ledger import Outcome
from jobs import registry
from jobs.enums import ExecutionStatus
from jobs.periodic import BELL_TASK


class JobFailed(Exception):
    """Tells Celery, its events and Flower that the run failed. The ledger has the whole story."""


class JobTask(Task):  # type: ignore[misc,type-arg]
    """A run. Its id is the execution's id; it goes ahead only if `task_prerun` claimed that row for this process."""

    throws = (JobFailed,)  # one line in the worker's log: where it happened is in the ledger

    def run(self) -> Any:
        claim = claims.held(str(self.request.id))
        if claim is None:
            raise Ignore
        _hard, soft = self.request.timelimit or (None, None)
        claim.outcome = JobExecutor(claim, timeout_seconds=soft).execute()
        return told_to_celery(claim.outcome)


def told_to_celery(outcome: Outcome) -> Any:
    """A completed outcome's result; any other raises, so that Celery's own eyes see it as a failure."""
    if outcome.status != ExecutionStatus.COMPLETED:
        raise JobFailed(outcome.error_message or outcome.reason)
    return outcome.result


@shared_task(name=BELL_TASK, ignore_result=True)
def fire_due() -> None:
    """What the mirrored PeriodicTasks and `scheduler-tick` ring when a stock DatabaseScheduler runs."""
    turn.take()


for _job_type in registry.types():
    current_app.register_task(type(_job_type.name, (JobTask,), {"name": _job_type.name, "__module__": __name__})())
