"""Where the commands act: here, by the verbs and the database, or there, by the API of another instance.

Both speak of jobs and executions as the API gives them, so that everything that is shown is made from one form.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum
from typing import Any, Protocol, TypeAlias

Json: TypeAlias = dict[str, Any]


class Exit(IntEnum):
    """What a command ends with, for scripts."""

    DONE = 0
    FAULT = 1  # said on standard error, and nothing was written
    CHANGES = 2  # of `plan`: the file and what is stored differ
    NOT_FOUND = 3
    CONFLICT = 4  # the job's state, or an edit made elsewhere, does not allow it
    RUN_FAILED = 5
    RUN_ENDED_OTHERWISE = 6  # Cancelled, Skipped or Missed
    RUN_GOES_ON = 7  # the time to wait was over first
    NO_ACCESS = 8  # the other instance does not answer, or refuses the token
    USAGE = 64


class Refusal(Exception):
    """The place does not do it. `lines`: what is wrong, one by one, where that is more than one sentence."""

    def __init__(self, message: str, code: Exit = Exit.FAULT, *, lines: Sequence[str] = (), told: Any = None) -> None:
        super().__init__(message)
        self.code, self.lines, self.told = code, lines, told


class Place(Protocol):
    """Every verb raises Refusal."""

    name: str  # as people know it; empty for here

    def jobs(self, filters: Mapping[str, str]) -> Iterator[Json]:
        """The live jobs that the filters of GET /jobs leave, by name."""

    def job(self, name: str) -> Json:
        """The live job of that key, id or name."""

    def due_times(self, job: Json, count: int) -> list[Json]: ...

    def change(self, job: Json, verb: str, answers: Json) -> Json:
        """`verb`: enable, disable, pause or resume. Returns the job as it then is."""

    def run(self, job: Json, request: Json, *, idempotency_key: str) -> Json:
        """Queue a run; returns its execution."""

    def execution(self, execution_id: str) -> Json | None:
        """None where there is no such execution."""

    def history(self, job: Json | None, filters: Mapping[str, str], *, limit: int) -> list[Json]:
        """The newest executions, of the job or of all, newest first."""

    def definitions(self) -> Iterator[Json]:
        """Key and definition of every live job, by key."""

    def plan(self, text: str, *, file: str, choices: Json) -> Json: ...

    def apply(self, text: str, *, file: str, choices: Json) -> Json: ...
