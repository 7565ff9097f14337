"""What a run says: its log lines and progress, kept in memory and written down every moment while it runs."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import Error, connection
from django.utils.translation import gettext as _

from executions.models import JobExecution
from jobs.enums import ExecutionStatus

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 0.5
MESSAGE_MAX_LENGTH = 200


def storable(text: Any) -> str:
    """PostgreSQL's text holds neither NUL nor half a surrogate pair; a job's words may."""
    return str(text).replace("\x00", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()


class RunOutput:
    """The output of one execution. `text` is the whole of it, capped; a thread writes what is new for the watchers."""

    def __init__(self, execution: JobExecution) -> None:
        """`execution` as it was claimed: once the row is not ours any more, nothing is written."""
        self.execution_id = execution.id
        self._token = execution.claim_token
        self._lines: list[str] = []
        self._size = 0
        self._is_full = False
        self._unwritten = 0  # index of the first line that is not in the database yet
        self.last_progress: tuple[int, str] | None = None
        self._progress: tuple[int, str] | None = None  # not in the database yet
        self._is_closed = False
        self._lock = threading.Lock()
        self._writing = threading.Lock()

    def add(self, message: str, level: str = "INFO") -> None:
        line = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + f"Z {level} {storable(message)}\n"
        with self._lock:
            if self._is_full:
                return
            self._size += len(line.encode())
            if self._size > settings.SCHEDULER_OUTPUT_MAX_BYTES:
                self._is_full = True
                line = _("Output is longer than %(max)d bytes; the rest was left out.") % {
                    "max": settings.SCHEDULER_OUTPUT_MAX_BYTES
                }
                line += "\n"
            self._lines.append(line)
        _flusher.watch(self)

    @contextmanager
    def capturing_logs(self) -> Iterator[None]:
        """What the job's code says through `logging` becomes part of the output too."""
        handler = _OutputHandler(self)
        root = logging.getLogger()
        root.addHandler(handler)
        try:
            yield
        finally:
            root.removeHandler(handler)

    def progress(self, percent: int, message: str) -> None:
        self.last_progress = self._progress = (max(0, min(100, percent)), storable(message)[:MESSAGE_MAX_LENGTH])
        _flusher.watch(self)

    @property
    def text(self) -> str:
        with self._lock:
            return "".join(self._lines)

    def flush(self) -> None:
        """Write what is new. A database that is away loses nothing: the whole text comes with the end of the run."""
        with self._writing:
            if not self._is_closed:
                self._write()

    def close(self) -> str:
        """Stop writing and return the whole text."""
        _flusher.forget(self)
        with self._writing:
            self._is_closed = True
        return self.text

    def _write(self) -> None:
        with self._lock:
            new, progress = self._lines[self._unwritten :], self._progress
            unwritten = len(self._lines)
            self._progress = None
        try:
            if new:
                with connection.cursor() as cursor:
                    cursor.execute(_ADD_CHUNK, [self.execution_id, self._token, "".join(new)])
                self._unwritten = unwritten
            if progress:
                JobExecution.objects.filter(
                    id=self.execution_id, claim_token=self._token, status=ExecutionStatus.RUNNING
                ).update(progress=progress[0], progress_message=progress[1])
        except Error as fault:
            logger.warning("The output of %s could not be written yet: %s", self.execution_id, fault)
            connection.close()


# The lock makes whoever closes the run wait for this line, or this line find the run closed.
_ADD_CHUNK = """
WITH ours AS (
    SELECT id FROM executions_jobexecution WHERE id = %s AND claim_token = %s AND status = 'Running' FOR SHARE
)
INSERT INTO executions_outputchunk (execution_id, text) SELECT id, %s FROM ours
"""


class _OutputHandler(logging.Handler):
    """A process runs one job at a time, so a record from any thread of it belongs to that run."""

    NOT_THE_JOBS = ("celery", "kombu", "executions", "django.db")

    def __init__(self, output: RunOutput) -> None:
        super().__init__(level=logging.INFO)
        self._run = output

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith(self.NOT_THE_JOBS):
            self._run.add(self.format(record), record.levelname)


class _Flusher:
    """One thread a process, started with the first line that somebody may wait for."""

    def __init__(self) -> None:
        self._outputs: set[RunOutput] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def watch(self, output: RunOutput) -> None:
        with self._changed:
            self._outputs.add(output)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="output", daemon=True)
                self._thread.start()
            self._changed.notify()

    def forget(self, output: RunOutput) -> None:
        with self._changed:
            self._outputs.discard(output)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._outputs:
                    connection.close()  # of this thread: most runs are over before it is needed again
                    self._changed.wait()
            threading.Event().wait(FLUSH_SECONDS)
            with self._changed:
                outputs, self._outputs = self._outputs, set()
            for output in outputs:
                try:
                    output.flush()
                except Exception:  # the next run's watchers need this thread too
                    logger.exception("The output of %s could not be written yet", output.execution_id)


_flusher = _Flusher()
