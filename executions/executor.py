"""JobExecutor: from a claimed execution to its outcome, step by step. Outcomes are data; nothing is raised."""

import traceback
from collections.abc import Mapping
from typing import Any

from billiard.exceptions import SoftTimeLimitExceeded
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from executions.claims import Claim
from executions.context import RunContext
from executions.ledger import Outcome
from jobs import gateways, registry
from jobs.base import JobCancelled, JobError
from jobs.enums import ExecutionStatus, Reason
from jobs.models import ScheduledJob


class JobExecutor:
    """Runs the job of one claim."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim

    def execute(self) -> Outcome:
        try:
            job_type = registry.get(self.claim.execution.job_type)
            context = self._context(job_type)
            with self.claim.output.capturing_logs():
                return self._completed(job_type().execute(context))
        except registry.UnknownJobType as fault:
            return self._failed(_("Job type “%(name)s” is not registered in this worker.") % {"name": fault.args[0]})
        except ValidationError as fault:
            return self._failed(_("The parameters do not suit the job type: ") + " ".join(fault.messages))
        except JobCancelled:
            return Outcome(ExecutionStatus.CANCELLED, Reason.CANCELLED)
        except SoftTimeLimitExceeded:
            return self._timed_out()
        except JobError as fault:
            return self._failed(str(fault), can_retry=not fault.permanent, stack_trace=traceback.format_exc())
        # SystemExit too: a job that calls sys.exit() must not take the worker's process with it.
        except (Exception, SystemExit) as fault:
            text = f"{type(fault).__name__}: {fault}" if str(fault) else type(fault).__name__
            return self._failed(text, can_retry=True, stack_trace=traceback.format_exc())

    def _context(self, job_type: Any) -> RunContext:
        execution = self.claim.execution
        parameters = registry.parse_parameters(job_type, execution.parameters)
        return RunContext(execution, parameters, self.claim.output, gateways.current())

    def _completed(self, result: Mapping[str, Any] | None) -> Outcome:
        return Outcome(ExecutionStatus.COMPLETED, result=None if result is None else dict(result))

    def _timed_out(self) -> Outcome:
        job_id = self.claim.execution.job_id
        seconds = ScheduledJob.objects.values_list("timeout_seconds", flat=True).get(pk=job_id)
        message = _("The run was stopped after its timeout of %(seconds)d seconds.") % {"seconds": seconds}
        return self._failed(message, reason=Reason.TIMEOUT, can_retry=True, stack_trace=traceback.format_exc())

    def _failed(
        self, message: str, *, reason: Reason = Reason.ERROR, can_retry: bool = False, stack_trace: str | None = None
    ) -> Outcome:
        self.claim.output.add(message, "ERROR")
        return Outcome(
            ExecutionStatus.FAILED,
            reason,
            error_message=message,
            stack_trace=stack_trace,
            can_retry=can_retry,
        )
