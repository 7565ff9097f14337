"""Schedules as code: what a file would do, what it does, what was edited meanwhile, and that faults are all told."""

import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from django_celery_beat.models import PeriodicTask

from executions.models import JobExecution
from jobs import gateways, periodic
from jobs.as_code.applied import AppliedRevision
from jobs.as_code.exporting import definition_of, export
from jobs.as_code.faults import FaultyFile
from jobs.as_code.planning import Action, Choices, Origin, Plan
from jobs.as_code.schedule_file import Edited, ScheduleFile
from jobs.as_code.telling import told
from jobs.clock import database_now
from jobs.enums import ExecutionStatus, JobStatus
from jobs.models import SYSTEM_USER_ID, ScheduledJob
from tests.factories import SOMEBODY, a_job, a_run, fell_due, fresh, minutes_ago, rows_of

pytestmark = pytest.mark.django_db

DEPLOYER = uuid.UUID("00000000-0000-4000-8000-0000000000dd")
NONE, TAKE_OVER, KEEP = Choices(), Choices(take_over_all=True), Choices(keep_edits=True)
NIGHTLY = """
jobs:
  - key: nightly
    name: Nightly
    jobType: NoOpJob
    cronExpression: 0 3 1 1 *
    maxRetries: 7
  - name: Weekly sweep
    jobType: SweepingJob
    cronExpression: "@weekly"
    timeZone: America/New_York
    parameters: {keep: 5}
"""


def planned(text: str, choices: Choices = NONE) -> Plan:
    return ScheduleFile(text, DEPLOYER).plan(choices)


def applied(text: str, choices: Choices = NONE) -> Plan:
    return ScheduleFile(text, DEPLOYER).apply(choices)


def actions(plan: Plan) -> dict[str, Action]:
    return {item.key: item.action for item in plan.items}


def stored(key: str) -> ScheduledJob:
    return ScheduledJob.objects.live().get(key=key)


def faults(text: str) -> list[tuple[int, str, str]]:
    """Line, job and field of each fault; nothing of the file may be stored."""
    before = set(ScheduledJob.objects.values_list("id", "version"))
    with pytest.raises(FaultyFile) as refused:
        applied(text)
    assert set(ScheduledJob.objects.values_list("id", "version")) == before
    assert all(fault.message for fault in refused.value.faults)
    return [(fault.mark.line, fault.job, fault.field) for fault in refused.value.faults]


def mirror_agrees() -> bool:
    return periodic.drift(ScheduledJob.objects.live()) == ["scheduler-tick: the row is missing or was changed"]


def replaced(text: str, changes: Mapping[str, str]) -> str:
    for before, after in changes.items():
        assert text.count(before) == 1
        text = text.replace(before, after)
    return text


# --- New, unchanged, changed -----------------------------------------------------------------------------------------
def test_a_plan_writes_nothing() -> None:
    assert actions(planned(NIGHTLY)) == {"nightly": Action.CREATE, "weekly-sweep": Action.CREATE}
    assert not ScheduledJob.objects.exists()


def test_applied_jobs_are_as_the_verb_makes_them() -> None:
    applied(NIGHTLY)
    by_verb = a_job("Weekly", job_type="SweepingJob", cron_expression="@weekly", time_zone="America/New_York",
                    parameters={"keep": 5})  # fmt: skip
    by_file = stored("weekly-sweep")
    same = [field.name for field in ScheduledJob._meta.fields if field.name not in
            ("id", "key", "name", "created_at", "created_by_user_id")]  # fmt: skip
    assert {name: getattr(by_file, name) for name in same} == {name: getattr(by_verb, name) for name in same}
    assert by_file.created_by_user_id == DEPLOYER
    revision = by_file.revisions.get()
    assert (revision.version, revision.effective_from, revision.status) == (1, by_file.created_at, "Enabled")
    assert revision.definition == {**by_verb.revisions.get().definition, "name": "Weekly sweep"}
    assert (revision.changed_by_user_id, mirror_agrees()) == (DEPLOYER, True)


def test_what_is_applied_is_unchanged_afterwards() -> None:
    applied(NIGHTLY)
    plan = planned(NIGHTLY)
    assert actions(plan) == {"nightly": Action.UNCHANGED, "weekly-sweep": Action.UNCHANGED}
    assert not plan.has_changes
    applied(NIGHTLY)
    assert (stored("nightly").version, stored("nightly").revisions.count()) == (1, 1)


def test_a_change_is_told_with_its_due_times_before_and_after_on_the_jobs_own_clock() -> None:
    applied(NIGHTLY)
    text = replaced(NIGHTLY, {"0 3 1 1 *": "30 4 1 1 *", "maxRetries: 7": "maxRetries: 2"})
    facts = told(applied(text), is_applied=True)
    nightly = facts["jobs"][0]
    assert facts["counts"]["changed"] == facts["counts"]["unchanged"] == 1
    assert nightly["changes"] == [
        {"field": "cronExpression", "before": "0 3 1 1 *", "after": "30 4 1 1 *"},
        {"field": "maxRetries", "before": 7, "after": 2},
    ]
    before, after = nightly["nextExecutions"]["before"], nightly["nextExecutions"]["after"]
    assert [time["local"][4:] for time in before] == ["-01-01T03:00:00-04:00"] * 3
    assert [time["local"][4:] for time in after] == ["-01-01T04:30:00-04:00"] * 3


def test_a_changed_job_is_as_the_verb_makes_it() -> None:
    applied(NIGHTLY)
    other = a_job("Other", cron_expression="0 3 1 1 *", max_retries=7)
    applied(replaced(NIGHTLY, {"0 3 1 1 *": "'*/5 * * * *'"}))
    other = other.redefine(by=DEPLOYER, cron_expression="*/5 * * * *")
    job = stored("nightly")
    assert (job.version, job.status, job.cron_expression) == (other.version, other.status, other.cron_expression)
    assert job.next_execution_at == job.schedule.next_after(job.last_modified_at)
    revision = job.revisions.first()
    assert (revision.version, revision.effective_from, revision.changed_by_user_id) == (
        2,
        job.last_modified_at,
        DEPLOYER,
    )
    assert revision.definition == {**other.revisions.first().definition, "name": "Nightly"}
    assert mirror_agrees()


def test_a_change_settles_first_what_was_due_under_the_old_definition() -> None:
    applied(replaced(NIGHTLY, {"0 3 1 1 *": "'* * * * *'"}))
    fell_due(stored("nightly"), minutes_ago(3))
    applied(NIGHTLY)
    assert len(rows_of(stored("nightly"))) == 3


def test_what_the_file_names_no_more_goes_back_to_its_default() -> None:
    applied(NIGHTLY)
    applied(replaced(NIGHTLY, {"    maxRetries: 7\n": ""}))
    assert stored("nightly").max_retries == 3


def test_two_jobs_may_exchange_their_names() -> None:
    text = "jobs:\n" + "".join(
        f"  - {{key: {key}, name: {name}, jobType: NoOpJob, cronExpression: 0 0 1 1 *}}\n"
        for key, name in (("one", "First"), ("two", "Second"))
    )
    applied(text)
    applied(text.replace("First", "x").replace("Second", "First").replace("name: x", "name: Second"))
    assert [stored(key).name for key in ("one", "two")] == ["Second", "First"]


def test_a_job_without_a_key_in_the_file_is_known_by_its_name() -> None:
    job = a_job("Weekly sweep", key="sweep-7", job_type="SweepingJob", cron_expression="@weekly",
                time_zone="America/New_York", parameters={"keep": 5})  # fmt: skip
    assert actions(planned(NIGHTLY))[job.key] == Action.UNCHANGED


# --- The status is the operators' unless the file names it -----------------------------------------------------------
def test_a_pause_stays_while_the_file_changes_other_things() -> None:
    applied(NIGHTLY)
    stored("nightly").pause(by=SOMEBODY, reason="maintenance")
    plan = planned(NIGHTLY)
    assert not plan.has_changes
    assert told(plan)["jobs"][0]["status"] == "Paused"
    applied(replaced(NIGHTLY, {"maxRetries: 7": "maxRetries: 2"}))
    job = stored("nightly")
    assert (job.status, job.pause_reason, job.paused_by_user_id) == (JobStatus.PAUSED, "maintenance", SOMEBODY)
    assert job.max_retries == 2


def test_a_status_that_the_file_names_is_an_edit_when_somebody_changes_it() -> None:
    text = replaced(NIGHTLY, {"maxRetries: 7": "status: Enabled"})
    applied(text)
    stored("nightly").disable(by=SOMEBODY)
    assert actions(planned(text))["nightly"] == Action.REFUSED


def test_a_job_may_be_paused_by_the_file() -> None:
    applied(replaced(NIGHTLY, {"maxRetries: 7": "status: paused\n    pauseReason: not yet"}))
    job = stored("nightly")
    assert (job.status, job.pause_reason, job.paused_by_user_id) == (JobStatus.PAUSED, "not yet", DEPLOYER)
    applied(replaced(NIGHTLY, {"maxRetries: 7": "isEnabled: false"}))
    job = stored("nightly")
    assert (job.status, job.next_execution_at, job.pause_reason, job.paused_by_user_id) == ("Disabled", None, "", None)


def test_a_pause_whose_end_has_passed_is_no_pause() -> None:
    text = replaced(NIGHTLY, {"maxRetries: 7": "status: Paused\n    pausedUntil: 2020-01-01T00:00:00Z"})
    applied(text)
    assert stored("nightly").status == JobStatus.ENABLED
    assert not planned(text).has_changes


# --- Edits made elsewhere --------------------------------------------------------------------------------------------
def test_an_edit_made_elsewhere_is_told_with_its_author_and_overwritten_only_for_who_says_so() -> None:
    applied(NIGHTLY)
    stored("nightly").redefine(by=SOMEBODY, max_retries=1)
    edited = stored("nightly")
    item = planned(NIGHTLY).items[0]
    assert (item.action, item.drift.origin, item.drift.by) == (Action.REFUSED, Origin.EDITED, SOMEBODY)
    assert [(change.field, change.before, change.after) for change in item.drift.changes] == [("max_retries", 7, 1)]
    with pytest.raises(Edited):
        applied(replaced(NIGHTLY, {"@weekly": "@daily"}))
    assert (stored("weekly-sweep").cron_expression, stored("nightly").version) == ("@weekly", edited.version)
    assert actions(applied(NIGHTLY, Choices(take_over=frozenset({"nightly"}))))["nightly"] == Action.CHANGE
    assert stored("nightly").max_retries == 7


def test_a_job_to_take_over_must_be_in_the_file() -> None:
    with pytest.raises(FaultyFile):
        applied(NIGHTLY, Choices(take_over=frozenset({"nigthly"})))
    assert not ScheduledJob.objects.exists()


def test_edits_can_be_left_and_are_told_again_the_next_time() -> None:
    applied(NIGHTLY)
    stored("nightly").redefine(by=SOMEBODY, max_retries=1)
    plan = applied(replaced(NIGHTLY, {"@weekly": "@daily", "0 3 1 1 *": "0 5 1 1 *"}), KEEP)
    assert actions(plan) == {"nightly": Action.KEPT, "weekly-sweep": Action.CHANGE}
    job = stored("nightly")
    assert (job.max_retries, job.cron_expression, stored("weekly-sweep").cron_expression) == (1, "0 3 1 1 *", "@daily")
    assert actions(planned(NIGHTLY))["nightly"] == Action.REFUSED


def test_an_edit_that_the_file_has_taken_over_is_none_any_more() -> None:
    applied(NIGHTLY)
    stored("nightly").redefine(by=SOMEBODY, max_retries=1)
    text = replaced(NIGHTLY, {"maxRetries: 7": "maxRetries: 1"})
    assert not planned(text).has_changes
    applied(text)
    assert actions(planned(NIGHTLY))["nightly"] == Action.CHANGE  # the base is the edited one now


def test_a_job_that_was_made_elsewhere_is_taken_into_a_file_at_once_only_if_the_file_says_the_same() -> None:
    a_job("Nightly", key="nightly", cron_expression="0 3 1 1 *", max_retries=7)
    assert not planned(NIGHTLY.partition("  - name: W")[0]).has_changes
    item = planned(replaced(NIGHTLY, {"maxRetries: 7": "maxRetries: 2"})).items[0]
    assert (item.action, item.drift.origin) == (Action.REFUSED, Origin.NOT_APPLIED)


def test_a_job_that_was_deleted_elsewhere_comes_back_only_for_who_says_so() -> None:
    applied(NIGHTLY)
    stored("nightly").retire(by=SOMEBODY)
    item = planned(NIGHTLY).items[0]
    assert (item.action, item.drift.origin) == (Action.REFUSED, Origin.DELETED)
    applied(NIGHTLY, TAKE_OVER)
    assert (stored("nightly").version, planned(NIGHTLY).has_changes) == (1, False)


# --- Removed ---------------------------------------------------------------------------------------------------------
def test_a_job_that_left_the_file_is_disabled_with_a_note_and_keeps_its_history() -> None:
    applied(replaced(NIGHTLY, {"maxRetries: 7": "description: counts the cars"}))
    run = a_run(stored("nightly"))
    plan = applied("jobs:" + NIGHTLY.partition("maxRetries: 7")[2])
    assert actions(plan) == {"weekly-sweep": Action.UNCHANGED, "nightly": Action.REMOVE}
    job = stored("nightly")
    assert (job.status, job.next_execution_at, job.version) == (JobStatus.DISABLED, None, 2)
    assert job.description.startswith("counts the cars\nNo longer in the set “default” since 20")
    assert JobExecution.objects.get(pk=run.pk).status == ExecutionStatus.CANCELLED
    assert (mirror_agrees(), PeriodicTask.objects.get(name="nightly").enabled) == (True, False)


def test_a_job_that_comes_back_into_the_file_is_on_the_schedule_again() -> None:
    applied(NIGHTLY)
    applied("jobs: []")
    assert actions(planned("jobs: []")) == {}
    applied(NIGHTLY)
    job = stored("nightly")
    assert (job.status, job.description, job.max_retries) == (JobStatus.ENABLED, "", 7)
    assert job.next_execution_at is not None


def test_a_removed_job_that_somebody_enables_again_is_left_to_them() -> None:
    applied(NIGHTLY)
    applied("jobs: []")
    stored("nightly").enable(by=SOMEBODY)
    assert not planned("jobs: []").items


def test_the_note_fits_however_long_the_description_is() -> None:
    applied(replaced(NIGHTLY, {"maxRetries: 7": f"description: {'x' * 1000}"}))
    applied("jobs: []")
    assert len(stored("nightly").description) == 1000
    assert stored("nightly").description.endswith("disabled.")


def test_jobs_of_other_sets_and_of_none_are_not_touched() -> None:
    applied("set: night\n" + NIGHTLY)
    a_job("By hand")
    assert actions(applied("set: day\njobs: []")) == {}
    item = planned(NIGHTLY).items[0]
    assert not planned("set: night\n" + NIGHTLY).has_changes
    assert item.action == Action.UNCHANGED  # of the other set, but the same


def test_a_job_of_another_set_changes_only_for_who_says_so() -> None:
    applied("set: night\n" + NIGHTLY)
    text = "set: day\n" + replaced(NIGHTLY, {"maxRetries: 7": "maxRetries: 1"})
    item = planned(text).items[0]
    assert (item.action, item.drift.origin, item.drift.set_name) == (Action.REFUSED, Origin.OTHER_SET, "night")
    applied(text, TAKE_OVER)
    assert AppliedRevision.objects.get(job__key="nightly").set_name == "day"


# --- Faults ----------------------------------------------------------------------------------------------------------
def test_every_fault_is_told_at_once_with_its_line_and_field() -> None:
    a_job("Taken")
    PeriodicTask.objects.bulk_create([PeriodicTask(name="foreign", task="somebody.elses")])
    text = """
sets: x
jobs:
  - key: one
    name: One
    jobType: NoSuchJob
    cronExpression: 61 * * * *
    timeZone: Mars/Olympus
    maxRetrys: 5
    timeoutSeconds: 0
  - key: Two!
    name: Two
    jobType: SweepingJob
    cronExpression: 0 3 * * *
    id: 7
    parameters:
      dryRun: true
      keep: many
      kept: 3
  - name: Three
  - just text
  - {key: four, name: Four, jobType: NoOpJob, cronExpression: 0 0 30 2 *, notificationEmails: [nobody], status: On}
"""
    assert faults(text) == [
        (2, "", "sets"),
        (6, "one", "jobType"),
        (7, "one", "cronExpression"),
        (8, "one", "timeZone"),
        (9, "one", "maxRetrys"),
        (10, "one", "timeoutSeconds"),
        (11, "Two!", "key"),
        (15, "Two!", "id"),
        (18, "Two!", "parameters"),
        (19, "Two!", "parameters"),
        (20, "Three", "jobType"),
        (20, "Three", "cronExpression"),
        (21, "job 4", ""),
        (22, "four", "cronExpression"),
        (22, "four", "notificationEmails"),
        (22, "four", "status"),
    ]


@pytest.mark.parametrize(
    ("second", "field"),
    [("name: Nightly", "name"), ("key: nightly\n    name: Other", "key"), ("name: Taken", "name"),
     ("key: foreign\n    name: Other", "key"), ("key: scheduler-tick\n    name: Other", "key")],
)  # fmt: skip
def test_names_and_keys_that_are_taken_are_refused(second: str, field: str) -> None:
    a_job("Taken", key="taken-by-hand")
    PeriodicTask.objects.bulk_create([PeriodicTask(name="foreign", task="somebody.elses")])
    text = f"""
jobs:
  - {{key: nightly, name: Nightly, jobType: NoOpJob, cronExpression: 0 0 1 1 *}}
  - key: another
    {second}
    jobType: NoOpJob
    cronExpression: 0 0 1 1 *
"""
    text = text.replace("key: another\n    key", "key")
    assert [found[2] for found in faults(text)] == [field]


# --- Export ----------------------------------------------------------------------------------------------------------
# Texts that some reader of YAML takes for something else.
ODD = {
    "text": "yes", "date": "2026-01-01", "time": "12:30", "number": "1e3", "octal": "010", "nothing": "null",
    "lines": "a\nb: c\n", "star": "*/5", "merge": "<<", "deep": [{"x": [1.5, -3, None, True, ""]}], "é": "☃ 日本",
}  # fmt: skip


def test_what_is_exported_is_read_as_unchanged(settings: Any) -> None:
    settings.SCHEDULER_OUTGOING_HOSTS = ["vehiclessaleservice:8080"]
    gateways.current.cache_clear()
    a_job("Plain")
    a_job(
        "yes", key="odd", job_type="HttpRequestJob", cron_expression="*/5 * * * *", time_zone="Asia/Kathmandu",
        parameters={"url": "http://vehiclessaleservice:8080/", "method": "POST", "body": ODD},
        description="  # no comment\n\ttab ", notification_emails=["a@b.example"], notify_on_failure=True,
        start_deadline_seconds=60,
    )  # fmt: skip
    a_job("Off", status=JobStatus.DISABLED)
    until = database_now().replace(microsecond=123456) + timedelta(days=400)
    a_job("Resting").pause(by=SOMEBODY, reason="because: of", until=until)
    text = export(definition_of(job) for job in ScheduledJob.objects.live())
    assert set(actions(planned(text)).values()) == {Action.UNCHANGED}, text
    versions = list(ScheduledJob.objects.values_list("id", "version"))
    applied(text)
    assert not planned(text).has_changes
    assert list(ScheduledJob.objects.values_list("id", "version")) == versions
    gateways.current.cache_clear()


def test_hundreds_of_jobs_take_a_few_statements(django_assert_max_num_queries: Any) -> None:
    text = "jobs:\n" + "".join(
        f"  - {{key: job-{number}, name: Job {number}, jobType: NoOpJob, cronExpression: {number % 60} 3 * * *}}\n"
        for number in range(900)
    )
    with django_assert_max_num_queries(30):
        applied(text)
    with django_assert_max_num_queries(30):
        applied(text.replace("3 * * *", "4 * * *"))
    assert fresh(stored("job-7")).cron_expression == "7 4 * * *"


def test_the_system_may_apply_as_well() -> None:
    ScheduleFile(NIGHTLY, SYSTEM_USER_ID).apply()
    assert stored("nightly").created_by_user_id == SYSTEM_USER_ID
