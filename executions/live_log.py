"""A run's log as a stream of server-sent events, from where a watcher left off until the run ends."""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from asgiref.sync import sync_to_async
from django.db import connection
from django.http import StreamingHttpResponse

from executions.models import JobExecution, OutputChunk

LOOK_SECONDS = 0.5
# Proxies close a connection on which nothing is said.
HEARTBEAT_SECONDS = 10.0
# A browser comes back by itself, from where it was: no stream outlives a deployment by hours.
LONGEST_SECONDS = 900.0


def stream(execution_id: uuid.UUID, *, after: int) -> StreamingHttpResponse:
    """From character `after` on. Events `log` carry {"text"}, `end` carries {"status"}; the id is the next `after`."""
    answer = StreamingHttpResponse(_events(_Reading(execution_id, after)), content_type="text/event-stream")
    answer["Cache-Control"] = "no-cache"
    answer["X-Accel-Buffering"] = "no"
    return answer


def position(headers: Mapping[str, str], after: int) -> int:
    """Where a browser that was cut off goes on; else `after`."""
    last = headers.get("Last-Event-ID", "")
    return int(last) if last.isascii() and last.isdigit() and len(last) < 12 else after


@dataclass
class _Reading:
    """How far a watcher is. Pieces are folded into the row when a run ends: read in this order, none is missed."""

    execution_id: uuid.UUID
    after: int  # characters that the watcher has
    seen: int = 0  # characters of the pieces read so far
    last_piece: int = 0

    def next(self) -> tuple[str, str | None]:
        """What is new, and the status once the run has ended."""
        try:
            pieces = OutputChunk.objects.filter(execution_id=self.execution_id, id__gt=self.last_piece).order_by("id")
            text = "".join(self._take(key, piece) for key, piece in pieces.values_list("id", "text"))
            row = JobExecution.objects.only("status", "output").get(id=self.execution_id)
            if not row.is_finished:
                return text, None
            rest = row.output[max(self.seen, self.after) :]
            self.after = max(self.after, len(row.output))
            return text + rest, row.status
        finally:
            connection.close()  # watchers are many and look now and then: none keeps a connection meanwhile

    def _take(self, key: int, piece: str) -> str:
        new = piece[max(0, self.after - self.seen) :]
        self.last_piece, self.seen = key, self.seen + len(piece)
        self.after = max(self.after, self.seen)
        return new


async def _events(reading: _Reading) -> AsyncIterator[str]:
    began = said = time.monotonic()
    while time.monotonic() - began < LONGEST_SECONDS:
        text, status = await sync_to_async(reading.next)()
        if text:
            yield _event("log", {"text": text}, reading.after)
        if status:
            yield _event("end", {"status": status}, reading.after)
            return
        if text:
            said = time.monotonic()
        elif time.monotonic() - said > HEARTBEAT_SECONDS:
            said = time.monotonic()
            yield ": still running\n\n"
        await asyncio.sleep(LOOK_SECONDS)


def _event(name: str, data: Mapping[str, str], number: int) -> str:
    return f"event: {name}\nid: {number}\ndata: {json.dumps(data)}\n\n"
