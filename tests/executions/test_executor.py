"""From a claimed execution to its outcome: every way a job can end, as data."""

import uuid
from typing import Any

import pytest
from django.db import connection

from executions import ids
from executions.claims import Claim
from executions.executor import JobExecutor
from executions.ledger import Outcome
from executions.models import JobExecution
from executions.output import RunOutput
from jobs import gateways
from jobs.clock import database_now
from jobs.enums import ExecutionStatus, Reason

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("odd_jobs")]

COMPLETED, FAILED, CANCELLED = ExecutionStatus.COMPLETED, ExecutionStatus.FAILED, ExecutionStatus.CANCELLED


def run(job_type: str = "OddJob", parameters: object = None) -> tuple[Outcome, str]:
    row = JobExecution(
        id=ids.of_request(database_now()), job_id=uuid.uuid4(), job_name="job", job_type=job_type,
        parameters=parameters, queued_at=database_now(),
    )  # fmt: skip
    output = RunOutput(row)
    outcome = JobExecutor(Claim(row, output), timeout_seconds=7).execute()
    return outcome, output.close()


def outcome_of(does: str) -> Outcome:
    return run(parameters={"does": does})[0]


def test_a_job_that_returns_nothing_is_completed_without_a_result() -> None:
    assert outcome_of("returns nothing") == Outcome(COMPLETED)


def test_a_result_of_figures_is_kept() -> None:
    outcome = outcome_of("returns figures")
    assert (outcome.status, outcome.result["text"]) == (COMPLETED, "ñ\N{REPLACEMENT CHARACTER} ? \\u0000")


@pytest.mark.parametrize(
    "does",
    ["returns a set", "returns odd keys", "returns nan", "returns infinity", "returns a number", "returns a text",
     "returns a list", "returns depths", "returns itself"],
)  # fmt: skip
def test_a_result_that_is_no_json_object_fails_once_and_is_not_worth_doing_the_work_again(does: str) -> None:
    outcome = outcome_of(does)
    assert (outcome.status, outcome.reason, outcome.result) == (FAILED, Reason.ERROR, None)
    assert not outcome.can_retry
    assert "JSON" in outcome.error_message


def test_a_failure_says_its_words_and_may_be_tried_again() -> None:
    outcome, output = run(parameters={"does": "fails"})
    assert (outcome.status, outcome.reason, outcome.error_message) == (FAILED, Reason.ERROR, "it broke")
    assert outcome.can_retry
    assert "JobError" in outcome.stack_trace
    assert "ERROR it broke" in output


def test_a_permanent_failure_is_not_tried_again() -> None:
    assert not outcome_of("fails for good").can_retry


def test_a_failure_without_words_names_at_least_its_kind() -> None:
    assert outcome_of("fails without words").error_message == "JobError"
    assert outcome_of("crashes without words").error_message == "RuntimeError"


def test_a_translated_message_is_stored_as_text() -> None:
    message = outcome_of("fails translated").error_message
    assert message == "Enabled" and type(message) is str


def test_a_crash_names_the_exception_and_may_be_tried_again() -> None:
    outcome = outcome_of("crashes")
    assert outcome.error_message == "ZeroDivisionError: division by zero"
    assert outcome.can_retry
    assert "odd_job.py" in outcome.stack_trace


def test_a_job_that_exits_does_not_take_its_process_with_it() -> None:
    outcome = outcome_of("exits")
    assert (outcome.status, outcome.error_message, outcome.can_retry) == (FAILED, "SystemExit: 3", True)


def test_a_validation_error_of_the_jobs_own_work_is_a_crash_like_any_other() -> None:
    outcome = outcome_of("validates")
    assert outcome.can_retry
    assert "that is not a city" in outcome.error_message
    assert "parameters" not in outcome.error_message
    assert outcome.stack_trace


def test_a_job_that_saw_its_cancellation_is_cancelled() -> None:
    assert outcome_of("is cancelled") == Outcome(CANCELLED, Reason.CANCELLED)


def test_a_job_that_took_too_long_is_failed_for_its_timeout_and_may_be_tried_again() -> None:
    outcome = outcome_of("takes too long")
    assert (outcome.status, outcome.reason, outcome.can_retry) == (FAILED, Reason.TIMEOUT, True)
    assert "7 seconds" in outcome.error_message


@pytest.mark.django_db(transaction=True)
def test_a_time_limit_in_the_middle_of_a_query_is_still_a_timeout() -> None:
    outcome = outcome_of("takes too long in a query")
    connection.close()  # the limit cut a query in two: whoever comes next takes another connection
    assert (outcome.status, outcome.reason) == (FAILED, Reason.TIMEOUT)


def test_a_process_that_cannot_be_set_up_for_the_outside_world_fails_each_run_once_and_says_why(settings: Any) -> None:
    settings.SCHEDULER_TABLE_MAPPING = "/nowhere/mapping.toml"
    gateways.current.cache_clear()
    outcome = outcome_of("returns nothing")
    gateways.current.cache_clear()
    assert (outcome.status, outcome.reason, outcome.can_retry) == (FAILED, Reason.ERROR, False)
    assert "/nowhere/mapping.toml" in outcome.error_message


def test_an_unknown_type_fails_once_and_says_its_name() -> None:
    outcome, _output = run("VanishedJob")
    assert (outcome.status, outcome.can_retry) == (FAILED, False)
    assert "VanishedJob" in outcome.error_message


@pytest.mark.parametrize("parameters", [{"dos": 1}, {"does": 5}])
def test_parameters_that_do_not_suit_any_more_fail_once_and_say_why(parameters: object) -> None:
    outcome, _output = run(parameters=parameters)
    assert (outcome.status, outcome.can_retry) == (FAILED, False)
    assert next(iter(parameters)) in outcome.error_message
