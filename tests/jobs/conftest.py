"""What tests of gateways and predefined jobs share: OKLA's databases, settings for the gateways, a run of a job."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import pytest

from executions.claims import Claim
from executions.executor import JobExecutor
from executions.ledger import Outcome
from executions.models import JobExecution
from executions.output import RunOutput
from jobs import gateways
from jobs.models import ScheduledJob
from scheduler_project.demo.schemas import SCHEMAS
from tests import okla as okla_databases
from tests import s3
from tests.factories import a_job, ended, started
from tests.okla import Okla
from tests.s3 import S3Server


@pytest.fixture
def schema() -> str:
    """The mapping whose tables `okla` has. Where all that is tested must hold for each, `every_schema` is this."""
    return "original"


@pytest.fixture(params=list(SCHEMAS))
def every_schema(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def okla_of_this_process() -> Callable[[str], Okla]:
    """One of each schema, made when it is first asked for."""
    return cache(okla_databases.create)


@pytest.fixture
def okla(schema: str, okla_of_this_process: Callable[[str], Okla], configured: Callable[..., None]) -> Okla:
    """OKLA's databases, empty, and the gateways pointed at them."""
    okla = okla_of_this_process(schema)
    okla.empty()
    configured(SCHEDULER_SERVICE_DATABASES=okla.addresses, SCHEDULER_TABLE_MAPPING=schema)
    return okla


@pytest.fixture
def configured(settings: Any) -> Iterator[Callable[..., None]]:
    """Sets settings of the gateways for one test."""

    def configure(**values: Any) -> None:
        for name, value in values.items():
            setattr(settings, name, value)
        gateways.current.cache_clear()

    yield configure
    gateways.current.cache_clear()


@dataclass(frozen=True)
class Ran:
    """How a run ended: its outcome, what it said, and its row in the ledger."""

    outcome: Outcome
    output: str
    execution: JobExecution

    @property
    def status(self) -> str:
        return str(self.outcome.status.value)

    @property
    def result(self) -> dict[str, Any]:
        assert self.outcome.result is not None, self.outcome
        return self.outcome.result


@pytest.fixture
def run_job(db: None) -> Callable[..., Ran]:
    """Runs a job type as a worker does, with real gateways: `run_job("CleanupExpiredTokensJob", batchSize=10)`.

    Runs of one type are runs of one job, so they share its state and messages. `at`: the reference time.
    """
    jobs: dict[str, ScheduledJob] = {}

    def run(job_type: str, *, at: datetime | None = None, attempt: int = 0, **parameters: Any) -> Ran:
        job = jobs.get(job_type) or a_job(job_type, job_type=job_type, parameters=parameters, overlap_policy="Allow")
        jobs[job_type] = job.redefine(by=job.created_by_user_id, parameters=parameters)
        execution = started(jobs[job_type])
        execution.scheduled_for, execution.retry_attempt = at, attempt
        output = RunOutput(execution)
        outcome = JobExecutor(Claim(execution, output)).execute()
        text = output.close()
        return Ran(outcome, text, ended(execution, outcome, text))

    return run


# --- A server that speaks S3 -----------------------------------------------------------------------------------------
@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """One for all tests of this process: each makes a bucket of its own."""
    with s3.serving() as running:
        yield running


@pytest.fixture
def s3_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key that its buckets want, where every AWS program looks for it."""
    for name, value in s3.KEY.items():
        monkeypatch.setenv(name, value)
