"""This installation: the verbs of the jobs and the ledger, asked as the API's doors ask them."""

import difflib
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError as ModelValidationError
from django.db import Error as DatabaseError
from django.utils.translation import gettext as _
from pydantic.alias_generators import to_camel
from rest_framework.exceptions import ValidationError

from executions import dispatch
from executions.command_line.place import Exit, Json, Refusal
from executions.models import JobExecution
from executions.serializers import (
    ExecutionRowSerializer,
    ExecutionSerializer,
    HistoryQuery,
    RunNowSerializer,
)
from executions.serializers import narrowed as executions_narrowed
from jobs import cron
from jobs.api import narrowed as jobs_narrowed
from jobs.as_code.exporting import definition_of
from jobs.as_code.faults import FaultyFile
from jobs.as_code.planning import Choices
from jobs.as_code.schedule_file import Disturbed, Edited, ScheduleFile
from jobs.as_code.telling import told
from jobs.clock import database_now
from jobs.models import SYSTEM_USER_ID, ScheduledJob, WrongStatus
from jobs.registry import UnknownJobType
from jobs.serializers import DueTimeSerializer, JobQuery, JobSerializer, PauseSerializer

CONFLICTS = (WrongStatus, dispatch.JobNotEnabled, dispatch.AlreadyRunning, dispatch.KeyReused, Disturbed)
JOBS_AT_ONCE = 500


class Here:
    name = ""

    def __init__(self, username: str = "") -> None:
        self.by = _user_id(username) if username else SYSTEM_USER_ID

    def jobs(self, filters: Mapping[str, str]) -> Iterator[Json]:
        with _refusals():
            query = JobQuery(data=dict(filters))
            query.is_valid(raise_exception=True)
            chosen = jobs_narrowed(ScheduledJob.objects.live().with_figures(), dict(query.validated_data))
            shown = JobSerializer()
            for job in chosen.iterator(chunk_size=JOBS_AT_ONCE):
                yield shown.to_representation(job)

    def job(self, name: str) -> Json:
        with _refusals():
            return dict(JobSerializer(self._find(name)).data)

    def due_times(self, job: Json, count: int) -> list[Json]:
        with _refusals():
            stored = self._find(job["id"])
            times = cron.preview(stored.schedule, count, database_now()) if stored.is_on_schedule else []
            return [DueTimeSerializer().to_representation(each) for each in times]

    def change(self, job: Json, verb: str, answers: Json) -> Json:
        with _refusals():
            if verb == "pause":
                pause = PauseSerializer(data=answers, context={"now": database_now()})
                pause.is_valid(raise_exception=True)
                answers = {
                    "reason": pause.validated_data.get("reason") or "",
                    "until": pause.validated_data.get("until"),
                }
            changed = getattr(self._find(job["id"]), verb)(by=self.by, **answers)
            return dict(JobSerializer(changed).data)

    def run(self, job: Json, request: Json, *, idempotency_key: str) -> Json:
        with _refusals():
            asked = RunNowSerializer(data=request)
            asked.is_valid(raise_exception=True)
            wanted = dispatch.RunRequest(by=self.by, idempotency_key=idempotency_key, **asked.validated_data)
            return dict(ExecutionSerializer(dispatch.run_now(self._find(job["id"]), wanted)).data)

    def execution(self, execution_id: str) -> Json | None:
        with _refusals():
            found = JobExecution.objects.filter(id=execution_id).first()
            return dict(ExecutionSerializer(found).data) if found else None

    def history(self, job: Json | None, filters: Mapping[str, str], *, limit: int) -> list[Json]:
        with _refusals():
            query = HistoryQuery(data={**filters, **({"jobId": job["id"]} if job else {})})
            query.is_valid(raise_exception=True)
            rows = JobExecution.objects.defer("output", "stack_trace").order_by("-id")
            chosen = executions_narrowed(rows, dict(query.validated_data))[:limit]
            return list(ExecutionRowSerializer(chosen, many=True).data)

    def definitions(self) -> Iterator[Json]:
        with _refusals():
            for job in ScheduledJob.objects.live().order_by("key").iterator():
                yield definition_of(job)

    def plan(self, text: str, *, file: str, choices: Json) -> Json:
        with _refusals(file):
            return told(ScheduleFile(text, self.by).plan(_choices(choices)))

    def apply(self, text: str, *, file: str, choices: Json) -> Json:
        with _refusals(file):
            return told(ScheduleFile(text, self.by).apply(_choices(choices)), is_applied=True)

    def _find(self, name: str) -> ScheduledJob:
        """By id, by key, by name, in this order."""
        live = ScheduledJob.objects.live().with_figures()
        try:
            found = live.filter(id=uuid.UUID(name)).first()
        except ValueError:
            found = None
        found = found or live.filter(key=name).first() or live.filter(name=name).first()
        if found is None:
            keys = list(live.values_list("key", flat=True))
            raise Refusal(no_such_job(name, keys), Exit.NOT_FOUND)
        return found


def no_such_job(name: str, keys: list[str]) -> str:
    text = _("There is no job “%(name)s”.") % {"name": name}
    near = difflib.get_close_matches(name, keys, n=1)
    return " ".join([text, _("Did you mean “%(near)s”?") % {"near": near[0]}] if near else [text])


def _user_id(username: str) -> uuid.UUID:
    with _refusals():
        user = get_user_model()._default_manager.filter(username=username).first()
    if user is None:
        raise Refusal(_("There is no user “%(name)s”.") % {"name": username}, Exit.NOT_FOUND)
    found: uuid.UUID = user.pk
    return found


def _choices(choices: Json) -> Choices:
    return Choices(frozenset(choices["takeOver"]), choices["takeOverAll"], choices["keepEdits"])


# --- What the verbs raise --------------------------------------------------------------------------------------------
@contextmanager
def _refusals(file: str = "") -> Iterator[None]:
    try:
        yield
    except FaultyFile as fault:
        lines = [each.sentence(file) for each in fault.faults]
        facts = {"applied": False, "faults": [each.told(file) for each in fault.faults]}
        raise Refusal(_("Nothing was written: correct the file."), lines=lines, told=facts) from None
    except Edited as fault:
        raise Refusal(str(fault), Exit.CONFLICT, told=told(fault.plan)) from None
    except ScheduledJob.DoesNotExist:
        raise Refusal(_("The job was deleted meanwhile."), Exit.NOT_FOUND) from None
    except CONFLICTS as fault:
        raise Refusal(str(fault) or _("The same Idempotency-Key came with another request."), Exit.CONFLICT) from None
    except UnknownJobType:
        raise Refusal(_("The job's type is not registered in this installation."), Exit.CONFLICT) from None
    except (ValidationError, ModelValidationError) as fault:
        raise Refusal("; ".join(_sentences(fault))) from None
    except (cron.CronError, dispatch.NotADueTime) as fault:
        raise Refusal(str(fault)) from None
    except DatabaseError as fault:
        raise Refusal(_("The database cannot be used: %(why)s") % {"why": str(fault).strip()}) from None


def _sentences(fault: Any) -> Iterator[str]:
    if isinstance(fault, ModelValidationError):
        named = fault.message_dict if hasattr(fault, "error_dict") else {"": fault.messages}
    else:
        named = fault.detail if isinstance(fault.detail, dict) else {"": fault.detail}
    for name, texts in named.items():
        for text in texts if isinstance(texts, list) else [texts]:
            yield f"{to_camel(name)}: {text}" if name else str(text)
