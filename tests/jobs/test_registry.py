"""Which job types exist, and what their parameters may be."""

import pytest
from django.core.exceptions import ImproperlyConfigured, ValidationError

from executions import tasks  # noqa: F401 - registers the Celery tasks
from jobs import registry
from jobs.base import ChangingJobParameters, Job, JobParameters
from jobs.checks import job_types_load
from jobs.predefined.health_check_monitoring import HealthCheckMonitoringJob
from tests import sample_jobs


class AliasedJob(Job[JobParameters]):
    aliases = ("OtherName",)
    description = "Has a second name."
    parameters_model = JobParameters

    def execute(self, context: object) -> None: ...


class RenamedJob(Job[JobParameters]):
    name = "a.name.of.its.own"
    description = "Does not go by its class."
    parameters_model = JobParameters

    def execute(self, context: object) -> None: ...


class ThiefJob(Job[JobParameters]):
    name = "OtherName"
    description = "Takes a name that is taken."
    parameters_model = JobParameters

    def execute(self, context: object) -> None: ...


HERE = "tests.jobs.test_registry."


def test_a_type_goes_by_its_class_unless_it_says_otherwise() -> None:
    found = registry.load([HERE + "AliasedJob", HERE + "RenamedJob"])
    assert set(found) == {"AliasedJob", "OtherName", "a.name.of.its.own"}
    assert found["OtherName"] is AliasedJob


def test_a_subclass_has_a_name_of_its_own() -> None:
    class Further(AliasedJob):
        pass

    assert Further.name == "Further"


def test_the_same_class_named_twice_is_one_type() -> None:
    assert list(registry.load([HERE + "RenamedJob"] * 2)) == ["a.name.of.its.own"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("no.such.module.Job", "no.such.module.Job"),
        ("tests.sample_jobs.NoSuchJob", "NoSuchJob"),
        ("NoDots", "NoDots"),
        ("tests.sample_jobs.NoParameters", "not a subclass"),
        ("tests.sample_jobs.os", "not a subclass"),
    ],
)
def test_a_path_that_is_no_job_stops_the_start_and_names_itself(path: str, said: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=said):
        registry.load([path])


def test_two_types_of_one_name_stop_the_start() -> None:
    with pytest.raises(ImproperlyConfigured, match="OtherName"):
        registry.load([HERE + "AliasedJob", HERE + "ThiefJob"])


def test_the_check_says_what_cannot_be_loaded(settings: object) -> None:
    assert job_types_load(None) == []
    settings.SCHEDULER_JOB_TYPES = ["no.such.module.Job"]  # type: ignore[attr-defined]
    [error] = job_types_load(None)
    assert "no.such.module.Job" in error.msg


def test_an_unknown_name_is_said() -> None:
    with pytest.raises(registry.UnknownJobType):
        registry.get("NoSuchJob")


def test_every_type_is_a_celery_task_of_its_own_name() -> None:
    from celery import current_app

    for job_type in registry.types():
        assert current_app.tasks[job_type.name].name == job_type.name
    assert HealthCheckMonitoringJob in registry.types()


def test_every_type_describes_itself_and_its_parameters_as_json_schema() -> None:
    for job_type in registry.types():
        schema = job_type.parameters_model.model_json_schema(by_alias=True)
        assert schema["type"] == "object" and schema["additionalProperties"] is False
        assert str(job_type.description)


# --- Parameters ------------------------------------------------------------------------------------------------------
def said_about(job_type: type[Job], parameters: dict[str, object]) -> str:
    with pytest.raises(ValidationError) as refused:
        registry.parse_parameters(job_type, parameters)
    return " ".join(refused.value.messages)


def test_no_parameters_mean_the_defaults() -> None:
    for nothing in (None, {}):
        parsed = registry.parse_parameters(HealthCheckMonitoringJob, nothing)
        assert parsed.services == ["vehiclessaleservice", "authservice", "gateway"]


def test_an_unknown_key_is_refused_with_the_keys_that_are_known() -> None:
    text = said_about(HealthCheckMonitoringJob, {"servics": []})
    assert "servics" in text and "services" in text and "urlTemplate" in text


def test_a_type_without_parameters_says_so() -> None:
    assert "anything" in said_about(sample_jobs.NoOpJob, {"anything": 1})


def test_a_wrong_value_is_named_by_its_place() -> None:
    assert "services.1" in said_about(HealthCheckMonitoringJob, {"services": ["a", 5]})
    assert "timeoutSeconds" in said_about(HealthCheckMonitoringJob, {"timeoutSeconds": 0})
    assert "path" in said_about(sample_jobs.DiaryJob, {})


def test_dry_run_is_a_parameter_of_jobs_that_change_something() -> None:
    assert ChangingJobParameters.model_validate({"dryRun": True}).dry_run
    assert not ChangingJobParameters.model_validate({}).dry_run
