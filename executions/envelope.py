"""What a message of the broker must look like before anything of Celery touches it."""

import base64
import uuid
from typing import Annotated, Any, Literal

from celery.utils.time import maybe_iso8601, maybe_make_aware
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)

# Pickling, repr and logging fail on a nesting that the JSON reader still takes, and later, where they end the worker.
MOST_LEVELS = 64


class Unreadable(Exception):
    """Not a message, or none for whom it came to. Its text says what is wrong, and where."""


def check(message: Any) -> None:
    """Whether kombu can make a message of it. Raises Unreadable."""
    validate(_ENVELOPE, message)


def check_unacked(entry: Any) -> None:
    """Whether kombu can put it back, ours or not: a message with the exchange and the routing key that it came by."""
    validate(_UNACKED, entry)


def check_task(headers: Any, payload: Any, *, is_job: bool) -> None:
    """Whether Celery can hand it to a process. Raises Unreadable."""
    validate(_JOB_HEADERS if is_job else _TASK_HEADERS, headers)
    validate(_JOB_PAYLOAD if is_job else _TASK_PAYLOAD, payload)


def validate(shape: TypeAdapter[Any], value: Any) -> None:
    """Raises Unreadable, in one line."""
    try:
        shape.validate_python(value)
    except ValidationError as fault:
        error = fault.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(ascii(step).strip("'")[:100] for step in error["loc"])  # a key may be anything too
        raise Unreadable(f"{place}: {error['msg']}" if place else error["msg"]) from None
    if _levels(value) > MOST_LEVELS:
        raise Unreadable(f"Nested deeper than {MOST_LEVELS} levels")


def _levels(value: Any) -> int:
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list | tuple):
        return 0
    return 1 + max(map(_levels, value), default=0)


def _instant(value: str) -> str:
    """As Celery will read it."""
    moment = maybe_iso8601(value)
    if moment is None:
        raise ValueError("no instant")
    try:
        maybe_make_aware(moment).timestamp()
    except OverflowError as fault:
        raise ValueError(str(fault)) from fault
    return value


def _execution(value: str) -> str:
    return str(uuid.UUID(value))


Name = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Instant = Annotated[str, AfterValidator(_instant)]
Execution = Annotated[str, AfterValidator(_execution)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
JobSeconds = Annotated[float, Field(ge=1, allow_inf_nan=False)]


class Strict(BaseModel):
    """Exactly these types; further keys are somebody else's business."""

    model_config = ConfigDict(strict=True)


class DeliveryInfo(Strict):
    exchange: str
    routing_key: str


class Properties(Strict):
    delivery_tag: Name
    delivery_info: DeliveryInfo
    body_encoding: Literal["base64", "utf-8"] | None = None


class Headers(Strict):
    # A small message may unpack to a large one, and nobody here packs any.
    compression: None = None


class Envelope(Strict):
    body: str
    content_type: Literal["application/json"] = Field(alias="content-type")
    content_encoding: str | None = Field(None, alias="content-encoding")
    headers: Headers
    properties: Properties

    @model_validator(mode="after")
    def _check_body(self) -> "Envelope":
        """Kombu leaves out what is no base64, and reads the rest."""
        if self.properties.body_encoding == "base64":
            base64.b64decode(self.body.encode(), validate=True)
        return self


class TaskHeaders(Strict):
    """Of Celery's protocol 2."""

    task: Name
    id: Name
    retries: int | None = None
    timelimit: Annotated[list[Seconds | None], Field(min_length=2, max_length=2)] | None = None
    eta: Instant | None = None
    expires: Instant | None = None
    root_id: str | None = None
    parent_id: str | None = None
    group: str | None = None
    shadow: str | None = None
    argsrepr: str | None = None
    kwargsrepr: str | None = None
    ignore_result: bool | None = None
    stamped_headers: list[str] | None = None
    stamps: dict[str, Any] | None = None


class JobHeaders(TaskHeaders):
    """Of a run: as `executions.bell` sends it. What has expired, Celery would not let run again under its id."""

    id: Execution
    timelimit: Annotated[list[JobSeconds | None], Field(min_length=2, max_length=2)] | None = None
    eta: None = None
    expires: None = None


class Embedded(Strict):
    """What Celery's child process merges into the request; other keys would overwrite what it knows itself."""

    model_config = ConfigDict(extra="forbid")

    callbacks: list[Any] | None = None
    errbacks: list[Any] | None = None
    chain: list[Any] | None = None
    chord: dict[str, Any] | None = None


_ENVELOPE: TypeAdapter[Any] = TypeAdapter(Envelope)
_UNACKED: TypeAdapter[Any] = TypeAdapter(tuple[dict[str, Any], str, str])
_TASK_HEADERS: TypeAdapter[Any] = TypeAdapter(TaskHeaders)
_JOB_HEADERS: TypeAdapter[Any] = TypeAdapter(JobHeaders)
_TASK_PAYLOAD: TypeAdapter[Any] = TypeAdapter(tuple[list[Any], dict[str, Any], Embedded])
# A run's parameters are in the ledger.
_JOB_PAYLOAD: TypeAdapter[Any] = TypeAdapter(
    tuple[Annotated[list[Any], Field(max_length=0)], Annotated[dict[str, Any], Field(max_length=0)], Embedded]
)
