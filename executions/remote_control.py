"""What may be asked of a worker through the broker: to tell about itself, and to end the processes of runs it holds.

Celery's other commands do harm that the ledger knows nothing of. One broadcast of `shutdown` would end all workers.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from celery.utils.serialization import jsonify
from celery.worker import state as worker_state
from django.db import Error, connection
from kombu import pidbox
from kombu.utils.encoding import safe_repr
from kombu.utils.url import maybe_sanitize_url
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from executions import envelope
from executions.claims import execution_id
from executions.models import JobExecution
from jobs.enums import ExecutionStatus

logger = logging.getLogger(__name__)

LARGEST_CLOCK = 2**53
# A child that is sent SIGTERM takes it for the worker's shutdown; one that was only stopped would be missing for good.
ENDING_SIGNAL = "SIGKILL"

_asking = threading.Lock()


def revoke(state: Any, task_id: Any, terminate: bool = False, signal: Any = None) -> Any:
    """End the processes of runs that this worker holds and the ledger was asked to cancel: the broker is only the bell.

    Celery would also remember every id, and drop its messages for three hours while its row waits.
    """
    if not terminate or signal != ENDING_SIGNAL:
        return _refusal(f"revoke, other than to end a process by {ENDING_SIGNAL}; the service cancels what waits")
    wanted = {execution_id(key) for key in ([task_id] if isinstance(task_id, str) else task_id)} - {None}
    held = {key: run for run in list(worker_state.active_requests) if (key := execution_id(run.id)) in wanted}
    if not held or not _asking.acquire(blocking=False):
        return {"ok": "terminate: none of them is here, or the ledger is being asked; it asks again"}
    threading.Thread(target=_end_cancelled, args=[state.consumer, held], name="revoke", daemon=True).start()
    return {"ok": f"terminate: those to be cancelled of {', '.join(map(str, held))}"}


def _end_cancelled(consumer: Any, held: Mapping[Any, Any]) -> None:
    """In a thread of its own: the worker's loop never waits for the database."""
    try:
        running = JobExecution.objects.filter(id__in=list(held), status=ExecutionStatus.RUNNING)
        for key in running.filter(cancel_requested_at__isnull=False).values_list("id", flat=True):
            consumer.call_soon(_end, held[key], consumer.pool)
    except Error as fault:
        logger.warning("No process was ended, for the ledger could not be asked: %s", fault)
    finally:
        connection.close()
        _asking.release()


def _end(run: Any, pool: Any) -> None:
    """In the loop, which gives a process its next run only once it has heard that this one is over."""
    if run in worker_state.active_requests:
        logger.warning("The process of %s is ended on request", run.id)
        run.terminate(pool, ENDING_SIGNAL)


def hello(state: Any, from_node: str, revoked: Any = None) -> Any:
    """Greet a worker that starts. What it calls revoked is not taken over."""
    return None if from_node == state.hostname else {"revoked": [], "clock": state.app.clock.forward()}


def stats(state: Any) -> Any:
    """As Celery's, but where the broker is at a socket, its address is a URL, with the password."""
    told = state.consumer.controller.stats()
    if isinstance(told.get("broker"), dict):
        told["broker"]["hostname"] = maybe_sanitize_url(told["broker"].get("hostname"))
    return told


def conf(state: Any, with_defaults: bool = False) -> Any:
    """Celery's part of the settings. Celery would show all of Django's, passwords in URLs included."""
    shown = {key: value for key, value in state.app.conf.table().items() if key.startswith("CELERY_")}
    return jsonify({key: value for key, value in shown.items() if "URL" not in key}, unknown_type_filter=safe_repr)


@dataclass(frozen=True)
class Command:
    """The arguments that it takes; one with others is refused. `run` is Celery's own unless given."""

    takes: tuple[str, ...] = ()
    run: Callable[..., Any] | None = None


# Everything that a worker does when asked; Celery knows two dozen more.
COMMANDS: Mapping[str, Command] = {
    "revoke": Command(("task_id", "terminate", "signal"), revoke),  # executions.control
    "ping": Command(),  # bin/up
    "hello": Command(("from_node", "revoked"), hello),  # another worker, at its start
    "registered": Command(("taskinfoitems", "builtins")),  # people; Flower, as all that follow
    "enable_events": Command(),
    "heartbeat": Command(),
    "stats": Command(run=stats),
    "active": Command(("safe",)),
    "active_queues": Command(),
    "reserved": Command(),
    "scheduled": Command(),
    "revoked": Command(),
    "query_task": Command(("ids",)),
    "conf": Command(("with_defaults",), conf),
    "clock": Command(),
}


class ReplyTo(BaseModel):
    exchange: str
    routing_key: str


class Request(BaseModel):
    """A broadcast as `celery.app.control` sends it. No pattern of names: one can be made that is matched for hours."""

    model_config = ConfigDict(strict=True, extra="forbid")

    method: str
    arguments: dict[str, Any] | None = None
    destination: list[str] | None = None
    pattern: None = None
    matcher: None = None
    ticket: str | None = None
    reply_to: ReplyTo | None = None
    clock: Annotated[int, Field(le=LARGEST_CLOCK)] | None = None


_REQUEST: TypeAdapter[Any] = TypeAdapter(Request)


class Node(pidbox.Node):
    """A worker's ear; `executions.consumer` gives it this one."""

    def handle_message(self, body: Any, message: Any = None) -> Any:
        try:
            envelope.validate(_REQUEST, {"clock": message.headers.get("clock") if message else None, **body})
        except (TypeError, envelope.Unreadable) as fault:
            logger.warning("A broadcast that is no command was ignored: %s", fault)
            return None
        return super().handle_message(body, message)

    def handle(self, method: str, arguments: Any = None) -> Any:
        command, given = COMMANDS.get(method), arguments or {}
        if command is None:
            return _refusal(method)
        if unknown := sorted(set(given).difference(command.takes)):
            return _refusal(f"{method} with {', '.join(unknown)}")
        handlers = self.handlers or {}
        return (command.run or handlers[method])(self.state, **given)


def _refusal(what: str) -> dict[str, str]:
    logger.warning("Remote control refused: %.200r", what)
    return {"error": f"refused: {what}"}
