"""What the crash tests must know of a job: what it finds, where a crash is dangerous, and what must hold afterwards."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, Protocol, TypeVar

from tests.crashes.peers import Peers
from tests.crashes.stage import Scene, Stage

# Of every run, whatever its job: claimed; done and not yet recorded; recorded, and its child dies all the same.
OF_EVERY_RUN = {"claim.after_commit": 1, "record.before_commit": 1, "record.after_commit": 1}
# Two failpoints in turn: an attempt dies at the first, the next one at the second, and so on.
THEN = " > "


class Facts(Protocol):
    """What a job found, or left."""

    @property
    def sums(self) -> Mapping[str, int]:
        """For the table."""


F = TypeVar("F", bound=Facts)


class Case(ABC, Generic[F]):
    """`points`: failpoints, and up to which passing an attempt may die there; at 1 it always dies at the first one."""

    name: str  # in the table
    job_type: str
    schema = "original"
    points: Mapping[str, int]

    def __init__(self, size: int = 60) -> None:
        """`size`: about so many pieces of work, so that an attempt after the twentieth still finds some."""
        self.size = size

    def settings(self, stage: Stage) -> Mapping[str, Any]:
        """Of the service, beside those that hold for all."""
        return {}

    @abstractmethod
    def parameters(self, peers: Peers) -> Mapping[str, Any]: ...

    @abstractmethod
    def fill(self, scene: Scene) -> F:
        """Put there what the job is to find, and return it."""

    @abstractmethod
    def look(self, scene: Scene) -> F:
        """What is there now."""

    def a_day_passes(self, scene: Scene) -> None:
        """One more run comes after that."""
        scene.a_day_passes()

    @abstractmethod
    def broken(self, before: F, after: F) -> list[str]:
        """The invariants that do not hold, in words; none if all do. Pure."""

    @abstractmethod
    def broken_next_day(self, after: F, next_day: F) -> list[str]:
        """The same, once a day has passed and one more run has come to its end."""
