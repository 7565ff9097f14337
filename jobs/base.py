"""What a job type is: a name, typed parameters and `execute(context)`."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeAlias, TypeVar
from uuid import UUID

from django.utils.translation import gettext_noop
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

if TYPE_CHECKING:
    from jobs.gateways import Gateways
    from jobs.messages import Messages

Json: TypeAlias = dict[str, Any]


class JobError(Exception):
    """A job that failed in a way it understands.

    `permanent`: trying again cannot help, and no retry follows. `result`: what was done all the same, as figures.
    """

    def __init__(self, message: str, *, permanent: bool = False, result: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.result = result


class JobCancelled(Exception):
    """Raised by `context.check_cancelled()` once somebody asked this run to stop."""


class JobParameters(BaseModel):
    """Base of every parameter model: camelCase in JSON, snake_case in Python, unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True, frozen=True)


class ChangingJobParameters(JobParameters):
    """Parameters of a job that changes something."""

    dry_run: bool = Field(False, description=gettext_noop("Report what would be done, and do nothing."))


P = TypeVar("P", bound=JobParameters)


class JobContext(Protocol[P]):
    """What a running job may use. One context belongs to one execution."""

    parameters: P
    run_id: UUID  # of the execution
    reference_time: datetime  # UTC: the due time this run stands for, else the moment somebody asked for it
    dry_run: bool
    attempt: int  # 0: the first; a later one finds done what those before it did
    gateways: "Gateways"  # the outside worlds, built from the settings

    def log(self, message: str, *, level: str = "INFO") -> None:
        """Add a line to the run's output."""

    def progress(self, done: int, total: int, message: str = "") -> None:
        """Say how far the run is: `done` of `total`, with a message of at most 200 characters."""

    def check_cancelled(self) -> None:
        """Raise JobCancelled if somebody asked this run to stop. Call it between batches."""

    @property
    def state(self) -> "JobStateStore":
        """A small durable store that all runs of this job share: resume points, episodes."""

    @property
    def messages(self) -> "Messages":
        """What jobs of this type have sent, so that each message is sent once whatever happens to a run."""

    def alert(self, subject: str, *, open: bool, message: str = "") -> UUID | None:
        """Open or close this job's alert about `subject`. Saying either again changes nothing.

        Returns the open alert's id, the same for the whole episode; the id of one that this closed; None for nothing.
        """

    def artifact(self, name: str, content: str | bytes, content_type: str) -> None:
        """Keep a file with the execution, at most 5 MiB: a report, say. The same name again replaces it."""


class JobStateStore(Protocol):
    def get(self, key: str) -> Any:
        """The value last set, or None."""

    def set(self, key: str, value: Any) -> None:
        """Store a JSON value under `key` at once; None removes it."""


class Job(ABC, Generic[P]):
    """A job type. Subclass it, give it a parameter model, name its dotted path in SCHEDULER_EXTRA_JOB_TYPES."""

    name: ClassVar[str]  # the class's own name unless set; the API's jobType and the Celery task's name
    aliases: ClassVar[tuple[str, ...]] = ()  # further names accepted and echoed as jobType
    description: ClassVar[Any]  # one sentence, translatable
    parameters_model: ClassVar[type[JobParameters]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" not in cls.__dict__:
            cls.name = cls.__name__

    @abstractmethod
    def execute(self, context: JobContext[P]) -> Mapping[str, Any] | None:
        """Do the work and return a JSON object of figures. Raise JobError for a failure worth explaining."""
