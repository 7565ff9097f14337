"""Every change of a definition or status appends one revision that says what held from when, and who made it."""

from datetime import timedelta

import pytest

from jobs.enums import JobStatus
from jobs.models import DEFINITION_FIELDS, SYSTEM_USER_ID, ScheduledJob, ScheduleRevision
from tests.factories import COMPLETED, SOMEBODY, a_job, ended, fell_due, fresh, minutes_ago, settle, started

pytestmark = pytest.mark.django_db


def revisions(job: ScheduledJob) -> list[ScheduleRevision]:
    return list(ScheduleRevision.objects.filter(job=job).order_by("version"))


def test_a_new_job_has_its_first_revision_from_its_creation() -> None:
    job = a_job(job_type="FailingJob", parameters={"message": "x"})
    [first] = revisions(job)
    assert (first.version, first.effective_from, first.changed_by_user_id) == (1, job.created_at, SYSTEM_USER_ID)
    assert first.definition["parameters"] == {"message": "x"}
    assert set(first.definition) == set(DEFINITION_FIELDS)


def test_each_verb_appends_one_with_status_time_and_who() -> None:
    job = a_job()
    job.redefine(by=SOMEBODY, cron_expression="0 4 * * *")
    job.pause(by=SOMEBODY, reason="holiday")
    job.resume(by=SOMEBODY)
    job.disable(by=SOMEBODY)
    job.enable(by=SOMEBODY)
    job.retire(by=SOMEBODY)
    found = revisions(job)
    assert [row.version for row in found] == [1, 2, 3, 4, 5, 6, 7]
    assert [row.status for row in found] == [
        "Enabled", "Enabled", "Paused", "Enabled", "Disabled", "Enabled", "Deleted",
    ]  # fmt: skip
    assert found[1].definition["cron_expression"] == "0 4 * * *"
    assert found[2].definition["pause_reason"] == "holiday"
    assert {row.changed_by_user_id for row in found[1:]} == {SOMEBODY}
    assert [row.effective_from for row in found] == sorted(row.effective_from for row in found)


def test_a_revision_says_the_definition_as_it_was_stored() -> None:
    job = a_job().pause(by=SOMEBODY, reason="x")
    job = job.redefine(by=SOMEBODY, status=JobStatus.ENABLED)
    last = revisions(job)[-1]
    assert (last.definition["pause_reason"], last.definition["status"]) == ("", "Enabled")
    assert last.definition["time_zone"] == fresh(job).time_zone


def test_firing_running_and_counting_append_none() -> None:
    job = a_job(cron_expression="0 3 * * *")
    fell_due(job, minutes_ago(1440))
    settle(job, minutes_ago(0))
    other = a_job("other")
    ended(started(other), COMPLETED)
    assert len(revisions(job)) == len(revisions(other)) == 1


def test_due_times_lie_under_the_revision_that_held_when_they_came() -> None:
    job = a_job(cron_expression="*/5 * * * *", time_zone="UTC")
    fell_due(job, minutes_ago(30))
    job = job.redefine(by=SOMEBODY, cron_expression="17 * * * *")
    changed = revisions(job)[-1].effective_from
    for row in job.executions.all():
        assert row.scheduled_for <= changed and row.scheduled_for.minute % 5 == 0
    assert job.next_execution_at > changed


def test_a_change_that_is_refused_appends_none() -> None:
    job = a_job()
    with pytest.raises(Exception, match="nonsense"):
        job.redefine(by=SOMEBODY, job_type="nonsense")
    assert len(revisions(job)) == 1


def test_a_due_time_is_one_by_the_definition_in_force_then() -> None:
    job = a_job(cron_expression="0 3 * * *", time_zone="UTC")
    then = job.created_at - timedelta(days=30)
    job.revisions.update(effective_from=then)
    job = job.redefine(by=SOMEBODY, cron_expression="0 4 * * *")
    three = (then + timedelta(days=5)).replace(hour=3, minute=0, second=0, microsecond=0)
    assert job.was_due(three)
    assert not job.was_due(three.replace(hour=4))
    assert job.was_due(three - timedelta(days=400))  # before the job: by its first definition


def test_a_definition_that_cannot_be_read_any_more_has_no_due_times() -> None:
    job = a_job()
    job.revisions.update(definition={"cron_expression": "0 3 * * *", "time_zone": "Atlantis/Capital"})
    assert not job.was_due(job.created_at)
