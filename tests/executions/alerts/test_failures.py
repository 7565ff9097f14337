"""More than so many runs in a row that finally failed."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.db.models.functions import Now

from executions import control
from executions.enums import AlertRule
from executions.models import Alert, JobExecution
from jobs.enums import ExecutionStatus
from tests.executions.alerts.rounds import FAILURE, SUCCESS, ask, open_alerts, runs, the_alert
from tests.factories import FAILED, SOMEBODY, a_job, a_run, claimed, ended, rows_of

pytestmark = pytest.mark.django_db
RULE = AlertRule.CONSECUTIVE_FAILURES


def a_while_passes() -> None:
    """What has ended so far ended long before the last round."""
    JobExecution.objects.update(completed_at=F("completed_at") - timedelta(hours=1))
    ask()


def test_the_third_failure_in_a_row_opens_one_alert_and_a_success_closes_it() -> None:
    job = a_job("Backup")
    runs(job, FAILURE, FAILURE)
    ask()
    assert open_alerts(RULE) == []
    (last,) = runs(job, FAILURE)
    ask(), ask()
    alert = the_alert(RULE)
    assert (alert.job, alert.subject, alert.severity) == (job, "", "Error")
    since = alert.facts.pop("since")
    assert since.endswith("Z")
    assert alert.facts == {
        "failures": 3, "isAtLeast": False, "limit": 2, "executionId": str(last.id), "lastError": "it broke",
    }  # fmt: skip
    a_while_passes()
    runs(job, SUCCESS)
    ask()
    closed = Alert.objects.get(rule=RULE)
    assert closed.id == alert.id and closed.closed_at


def test_the_number_and_the_error_follow_while_it_is_open_and_since_when_stays() -> None:
    job = a_job()
    runs(job, FAILURE, FAILURE, FAILURE)
    ask()
    Alert.objects.update(facts={**the_alert(RULE).facts, "since": "2026-01-01T00:00:00Z"})
    (last,) = runs(job, FAILURE)
    ask()
    facts = the_alert(RULE).facts
    assert (facts["failures"], facts["executionId"], facts["since"]) == (4, str(last.id), "2026-01-01T00:00:00Z")


def test_attempts_are_one_run_and_one_that_is_tried_again_has_not_finally_failed() -> None:
    job = a_job(max_retries=1, retry_delay_minutes=0, max_consecutive_failures=0)
    run = claimed(a_run(job))
    ended(run, FAILED)
    ask()
    assert open_alerts(RULE) == []
    retry = JobExecution.objects.get(retry_of=run.id)
    ended(claimed(retry), FAILED)
    ask()
    facts = the_alert(RULE).facts
    assert (facts["failures"], facts["executionId"]) == (1, str(retry.id))


def test_an_attempt_by_hand_undoes_the_failure_only_when_it_completes() -> None:
    job = a_job(max_consecutive_failures=0)
    _success, run = runs(job, SUCCESS, FAILURE)
    ask()
    attempt = claimed(control.retry(run, by=SOMEBODY))
    ask()
    the_alert(RULE)
    ended(attempt, SUCCESS)
    ask()
    assert open_alerts(RULE) == []


def test_what_was_skipped_missed_cancelled_or_is_open_neither_counts_nor_breaks() -> None:
    job = a_job(overlap_policy="Allow")
    runs(job, SUCCESS, FAILURE, FAILURE)
    for status in (ExecutionStatus.SKIPPED, ExecutionStatus.MISSED, ExecutionStatus.CANCELLED):
        JobExecution.objects.filter(id=a_run(job).id).update(status=status, completed_at=Now())
    claimed(a_run(job)), a_run(job)
    ask()
    assert open_alerts(RULE) == []
    runs(job, FAILURE)
    ask()
    assert the_alert(RULE).facts["failures"] == 3


def test_each_job_has_a_limit_of_its_own() -> None:
    strict, patient = a_job("strict", max_consecutive_failures=0), a_job("patient", max_consecutive_failures=3)
    runs(strict, FAILURE), runs(patient, FAILURE, FAILURE, FAILURE)
    ask()
    assert the_alert(RULE).job == strict


def test_a_limit_that_is_raised_closes_it_and_one_that_is_lowered_leaves_it_open() -> None:
    job = a_job()
    runs(job, FAILURE, FAILURE, FAILURE)
    ask()
    a_while_passes()
    job = job.redefine(by=SOMEBODY, max_consecutive_failures=1)
    ask()
    assert the_alert(RULE).facts["limit"] == 1
    job.redefine(by=SOMEBODY, max_consecutive_failures=3)
    ask()
    assert open_alerts(RULE) == []


def test_it_stays_open_when_retention_takes_its_runs_away() -> None:
    job = a_job()
    old = runs(job, FAILURE, FAILURE, FAILURE)
    ask()
    runs(job, FAILURE)
    JobExecution.objects.filter(id__in=[run.id for run in old]).delete()
    ask()
    the_alert(RULE)


@pytest.mark.parametrize("verb", ["disable", "retire"])
def test_a_job_that_is_disabled_or_deleted_has_none(verb: str) -> None:
    job = a_job()
    runs(job, FAILURE, FAILURE, FAILURE)
    ask()
    getattr(job, verb)(by=SOMEBODY)
    ask()
    assert open_alerts(RULE) == []


def test_beyond_a_number_nobody_counts_on() -> None:
    job = a_job(overlap_policy="Allow")
    runs(job, *[FAILURE] * 32)
    ask()
    facts = the_alert(RULE).facts
    assert (facts["failures"], facts["isAtLeast"]) == (31, True)


def test_the_first_round_of_all_looks_back_for_days() -> None:
    job = a_job()
    runs(job, FAILURE, FAILURE, FAILURE)
    JobExecution.objects.update(completed_at=Now() - timedelta(days=2))
    ask()
    assert len(rows_of(job)) == 3
    the_alert(RULE)


def test_an_error_of_many_lines_and_letters_is_told_as_one_short_line() -> None:
    job = a_job(max_consecutive_failures=0)
    (run,) = runs(job, FAILURE)
    for text, told in (("\n\n  " + "x" * 300, "x" * 200), ("", "error"), (None, "error")):
        JobExecution.objects.filter(id=run.id).update(error_message=text)
        ask()
        assert the_alert(RULE).facts["lastError"] == told
