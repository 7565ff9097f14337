"""What is wrong with a file of schedules: where, in which field of which job, and what helps."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Mark:
    """A place in the file; line and column count from 1, and line 0 is the file as a whole."""

    line: int = 0
    column: int = 0


@dataclass(frozen=True)
class Fault:
    mark: Mark
    message: str  # one sentence or two: what is wrong and what helps
    job: str = ""  # as the file calls it: its key, else its name
    field: str = ""  # as the API spells it

    def sentence(self, file: str) -> str:
        """One line in the form that editors and CI systems find the place by."""
        place = f"{file}:{self.mark.line}:{self.mark.column}" if self.mark.line else file
        return ": ".join(filter(None, (place, self.job, self.field, self.message)))

    def told(self, file: str) -> dict[str, Any]:
        return {
            "file": file, "line": self.mark.line or None, "column": self.mark.column or None,
            "job": self.job or None, "field": self.field or None, "message": self.message,
        }  # fmt: skip


class FaultyFile(Exception):
    """The file cannot be applied; nothing was written. `faults` are all of them, in the file's order."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = sorted(faults, key=lambda fault: (fault.mark.line, fault.mark.column))
        super().__init__(f"{len(self.faults)} faults")
