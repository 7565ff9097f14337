"""JobExecutor: from a claimed execution to its outcome, step by step. Outcomes are data; nothing is raised."""

import json
import traceback
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from billiard.exceptions import SoftTimeLimitExceeded
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db import connection
from django.utils.translation import gettext as _

from executions import endings, interruptions, ledger
from executions.claims import Claim
from executions.context import RunContext
from executions.interruptions import ShutdownRequested
from executions.ledger import Outcome
from executions.output import storable
from jobs import gateways, registry
from jobs.base import Job, JobCancelled, JobError
from jobs.enums import ExecutionStatus, Reason


class JobExecutor:
    """Runs the job of one claim."""

    def __init__(self, claim: Claim, *, timeout_seconds: float | None = None) -> None:
        self.claim = claim
        self.timeout_seconds = timeout_seconds

    def execute(self) -> Outcome:
        try:
            job_type = registry.get(self.claim.execution.job_type)
            parameters = registry.parse_parameters(job_type, self.claim.execution.parameters)
        except registry.UnknownJobType as fault:
            return self._failed(_("Job type “%(name)s” is not registered in this worker.") % {"name": fault.args[0]})
        except ValidationError as fault:
            return self._failed(_("The parameters do not suit the job type: ") + " ".join(fault.messages))
        try:
            outside = gateways.current()
        except ImproperlyConfigured as fault:  # this process would say the same of every further attempt
            return self._failed(str(fault))
        return self._run(job_type, RunContext(self.claim.execution, parameters, self.claim.output, outside))

    def _run(self, job_type: type[Job[Any]], context: RunContext) -> Outcome:
        try:
            with self.claim.output.capturing_logs(), interruptions.interrupting():
                return self._completed(job_type().execute(context))
        except JobCancelled:
            return Outcome(ExecutionStatus.CANCELLED, Reason.CANCELLED)
        # SystemExit too: a job that calls sys.exit() must not take the worker's process with it.
        except (Exception, SystemExit, ShutdownRequested) as fault:
            return self._ended_by(fault)

    def _ended_by(self, fault: BaseException) -> Outcome:
        cause = interruptions.cause() or type(fault)
        if issubclass(cause, SoftTimeLimitExceeded | ShutdownRequested):
            return self._cut_off(cause)
        if isinstance(fault, JobError):
            text = str(fault) or type(fault).__name__
            failed = self._failed(text, can_retry=not fault.permanent, stack_trace=traceback.format_exc())
            return replace(failed, result=self._completed(fault.result).result)
        text = f"{type(fault).__name__}: {fault}" if str(fault) else type(fault).__name__
        return self._failed(text, can_retry=True, stack_trace=traceback.format_exc())

    def _completed(self, result: Mapping[str, Any] | None) -> Outcome:
        """The result as the ledger keeps it, which is also what Celery is told.

        One that is no JSON object is the job's mistake, and not one to do all the work again for.
        """
        try:
            kept = None if result is None else json.loads(ledger.json_text(dict(result)))
        except (TypeError, ValueError, RecursionError) as fault:
            text = _("The job returned something that is no JSON object: %(fault)s") % {"fault": fault}
            return self._failed(text, stack_trace=traceback.format_exc())
        return Outcome(ExecutionStatus.COMPLETED, result=kept)

    def _cut_off(self, cause: type[BaseException]) -> Outcome:
        # The signal may have cut a question to the database in two: what follows begins with a fresh connection.
        if not connection.in_atomic_block:
            connection.close()
        if issubclass(cause, ShutdownRequested):
            ended = endings.of_shutdown()
            self.claim.output.add(str(ended.error_message), "ERROR")
            return ended
        message = _("The run was stopped after its timeout of %(seconds)s seconds.") % {"seconds": self.timeout_seconds}
        return self._failed(message, reason=Reason.TIMEOUT, can_retry=True, stack_trace=traceback.format_exc())

    def _failed(
        self, message: str, *, reason: Reason = Reason.ERROR, can_retry: bool = False, stack_trace: str | None = None
    ) -> Outcome:
        # Clean here already: Celery logs the message, and no terminal takes half a surrogate pair either.
        message = storable(message)
        self.claim.output.add(message, "ERROR")
        return Outcome(
            ExecutionStatus.FAILED, reason, error_message=message, stack_trace=stack_trace, can_retry=can_retry
        )
