"""HttpRequestJob: one request to any service whose host is listed, and whether its answer was the expected one."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop
from pydantic import Field, StringConstraints, field_validator, model_validator

from jobs import gateways, wire
from jobs.base import ChangingJobParameters, Job, JobContext, JobError, JobStateStore
from jobs.gateways import http
from jobs.gateways.outgoing import MAY_BE_DONE, REPEATABLE, SECRET_PREFIX, OutgoingError, secret

BODY_SHOWN_BYTES = 10_240
ERROR_SHOWN_CHARACTERS = 500
HEADERS_SHOWN = (
    "Content-Type", "Content-Length", "Date", "Last-Modified", "ETag", "Location", "Retry-After", "X-Correlation-Id",
    "X-Request-Id",
)  # fmt: skip
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
HEADER_VALUE = re.compile(r"[!-~]([ -~]*[!-~])?|")
OURS = {
    "host", "content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection", "te", "trailer",
    "upgrade", "expect", "idempotency-key",
}  # fmt: skip
CREDENTIALS = {
    "authorization", "proxy-authorization", "cookie", "x-api-key", "x-internal-api-key", "x-internal-service-key",
}  # fmt: skip
# “Not now”: asking again later can help. All other 4xx say that the request is at fault.
NOT_NOW = (408, 425, 429)
# An intermediary speaks, and does not know what became of the request.
NOBODY_KNOWS = (502, 504)
UNANSWERED = "unanswered"  # in the job's state
UNANSWERED_KEPT = 50

SecretName = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9_]{1,100}$")]


class HttpRequestParameters(ChangingJobParameters):
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"] = Field(
        "GET", description=gettext_noop("The HTTP method.")
    )
    url: str = Field(
        max_length=2_000,
        description=gettext_noop("The whole address. Its host must be listed in SCHEDULER_OUTGOING_HOSTS."),
    )
    headers: dict[str, str] = Field(
        {}, max_length=50, description=gettext_noop("Further headers. No credentials: see secretHeaders.")
    )
    secret_headers: dict[str, SecretName] = Field(
        {},
        max_length=10,
        description=gettext_noop(
            "Headers whose values are secrets: header to NAME. The value, such as `Bearer ...`, is that of the"
            " environment variable SCHEDULER_SECRET_NAME where the job runs."
        ),
    )
    body: Any = Field(None, description=gettext_noop("Sent as JSON; null sends no body."))
    expected_status: list[int | str] = Field(
        ["2xx"],
        min_length=1,
        max_length=20,
        description=gettext_noop("What counts as success: 204, or 2xx for a range."),
    )
    timeout_seconds: float = Field(
        30.0, ge=1, le=600, description=gettext_noop("How long the whole answer may take, in seconds.")
    )

    @field_validator("url")
    @classmethod
    def _may_be_called(cls, url: str) -> str:
        if refusal := gateways.current().outgoing.refusal(url):
            raise ValueError(refusal)
        return url

    @field_validator("headers", "secret_headers")
    @classmethod
    def _are_headers(cls, headers: dict[str, str]) -> dict[str, str]:
        for name in headers:
            if not HEADER_NAME.fullmatch(name):
                raise ValueError(f"{name[:100]!r} is no name of a header")
            if name.lower() in OURS:
                raise ValueError(f"{name} is set by the service itself")
        if len({name.lower() for name in headers}) < len(headers):
            raise ValueError("names one header twice")
        return headers

    @field_validator("headers")
    @classmethod
    def _hold_no_secrets(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if name.lower() in CREDENTIALS:
                raise ValueError(f"{name} is a credential: give it in secretHeaders, by the name of a secret")
            if not HEADER_VALUE.fullmatch(value):
                raise ValueError(f"the value of {name} must be printable ASCII, without blanks around it")
        return headers

    @field_validator("expected_status")
    @classmethod
    def _are_statuses(cls, expected: list[int | str]) -> list[int | str]:
        for one in expected:
            if not re.fullmatch(r"[1-5](xx|[0-9]{2})", str(one)):
                raise ValueError(f"{str(one)[:20]!r} is no status: use 100 to 599, or 2xx for a range")
        return expected

    @model_validator(mode="after")
    def _agree(self) -> "HttpRequestParameters":
        if twice := {name.lower() for name in self.headers} & {name.lower() for name in self.secret_headers}:
            raise ValueError(f"secretHeaders: {min(twice)} stands in headers too")
        if self.body is not None and self.method in ("GET", "HEAD"):
            raise ValueError(f"body: a {self.method} request has none")
        return self

    def expects(self, status: int) -> bool:
        return any(str(one) in (str(status), f"{status // 100}xx") for one in self.expected_status)


class HttpRequestJob(Job[HttpRequestParameters]):
    description = _("Calls a service over HTTP and checks its answer.")
    parameters_model = HttpRequestParameters

    def execute(self, context: JobContext[HttpRequestParameters]) -> Mapping[str, Any]:
        wanted = context.parameters
        told = f"{wanted.method} {wanted.url}{_said_of(wanted.secret_headers)}"
        if context.dry_run:
            for name in wanted.secret_headers.values():
                secret(name)  # raises where it is not set
            context.log(f"Would ask {told}")
            return {"dryRun": True, "wouldAsk": wanted.model_dump(by_alias=True, exclude={"dry_run"})}
        context.check_cancelled()
        context.log(told)
        answer = self._asked(context)
        context.log(f"HTTP {answer.status} after {answer.milliseconds} ms, {len(answer.body)} bytes")
        context.progress(1, 1)
        if not wanted.expects(answer.status):
            raise _unexpected(wanted, answer)
        return _result(answer)

    def _asked(self, context: JobContext[HttpRequestParameters]) -> http.Answer:
        """Once, whatever comes of it: another try is another attempt of the run, for everybody to see."""
        wanted, outgoing = context.parameters, context.gateways.outgoing
        headers = {"User-Agent": "SchedulerService", **wanted.headers}
        request = http.Request(wanted.method, wanted.url, wanted.timeout_seconds, body=wanted.body, headers=headers)
        if wanted.method in REPEATABLE:
            return outgoing.call(request, secret_headers=wanted.secret_headers)
        unanswered = _Unanswered(context.state, moment=context.reference_time)
        request = replace(request, headers={**headers, "Idempotency-Key": unanswered.begin(context.run_id)})
        try:
            answer = outgoing.call(request, secret_headers=wanted.secret_headers)
        except OutgoingError as fault:
            if not fault.is_uncertain:
                unanswered.end()
            raise
        if answer.status not in NOBODY_KNOWS:
            unanswered.end()
        return answer


class _Unanswered:
    """The keys of requests that nobody saw answered, by the moment that their run stands for.

    A further attempt of such a run sends the same key again: the other side may have done what it asks.
    """

    def __init__(self, state: JobStateStore, *, moment: datetime) -> None:
        self._state, self._moment = state, moment.isoformat()

    def begin(self, run_id: UUID) -> str:
        """The key to send."""
        key = self._known().get(self._moment) or str(run_id)
        self._state.set(UNANSWERED, {**self._others(), self._moment: key})
        return key

    def end(self) -> None:
        """Everybody knows what became of it."""
        self._state.set(UNANSWERED, self._others() or None)

    def _others(self) -> dict[str, str]:
        others = {moment: key for moment, key in self._known().items() if moment != self._moment}
        return dict(sorted(others.items())[-UNANSWERED_KEPT:])

    def _known(self) -> dict[str, str]:
        return self._state.get(UNANSWERED) or {}


def _said_of(secret_headers: Mapping[str, str]) -> str:
    said = ", ".join(f"{header} from {SECRET_PREFIX}{name}" for header, name in secret_headers.items())
    return f" ({said})" if said else ""


def _unexpected(wanted: HttpRequestParameters, answer: http.Answer) -> JobError:
    expected = ", ".join(str(one) for one in wanted.expected_status)
    text = answer.text[:ERROR_SHOWN_CHARACTERS] or "(nothing)"
    harmful = answer.status in NOBODY_KNOWS and wanted.method not in REPEATABLE
    warning = f" {MAY_BE_DONE}" if harmful else ""
    return JobError(
        f"{wanted.method} {wanted.url} answered HTTP {answer.status} where {expected} was expected: {text}{warning}",
        permanent=harmful or (400 <= answer.status < 500 and answer.status not in NOT_NOW),
        result=_result(answer),
    )


def _result(answer: http.Answer) -> dict[str, Any]:
    return {
        "status": answer.status,
        "milliseconds": answer.milliseconds,
        "bytes": len(answer.body),
        "body": _shown(answer),
        "isBodyCut": answer.is_cut or len(answer.body) > BODY_SHOWN_BYTES,
        "headers": {name: answer.headers[name] for name in HEADERS_SHOWN if name in answer.headers},
    }


def _shown(answer: http.Answer) -> Any:
    """The value where the whole of it is JSON that can be kept; else the beginning as text."""
    if "json" in answer.headers.get("Content-Type", "").lower() and len(answer.body) <= BODY_SHOWN_BYTES:
        try:
            value = wire.parse_json(answer.text)
        except ValueError:
            return answer.text
        return answer.text if wire.unfit(value) else value
    return answer.body[:BODY_SHOWN_BYTES].decode(errors="replace")
