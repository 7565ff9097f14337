"""ScheduledJob: its verbs, its next due time, its names and what it refuses."""

import threading
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django_celery_beat.models import PeriodicTask
from hypothesis import given
from hypothesis import strategies as st

from jobs.clock import database_now
from jobs.enums import JobStatus, RetryBackoff
from jobs.models import SYSTEM_USER_ID, ScheduledJob, VersionConflict, WrongStatus
from tests.factories import SOMEBODY, a_job, fresh

pytestmark = pytest.mark.django_db

EVERY_MINUTE = "* * * * *"


def faults(**definition: Any) -> dict[str, list[str]]:
    """What is said about a definition that must be refused; nothing of it may be stored."""
    with pytest.raises(ValidationError) as refused, transaction.atomic():
        a_job(**definition)
    assert not ScheduledJob.objects.exists()
    assert not PeriodicTask.objects.exists()
    return refused.value.message_dict


def next_is_true(job: ScheduledJob) -> bool:
    """`nextExecutionAt` is true at every moment: the first due time after now, none when off the schedule."""
    stored = fresh(job)
    expected = stored.schedule.next_after(database_now()) if stored.status != JobStatus.DISABLED else None
    return stored.next_execution_at == expected == job.next_execution_at


# --- A new job -------------------------------------------------------------------------------------------------------
def test_a_new_job_is_on_the_schedule_with_its_next_due_time() -> None:
    job = a_job(cron_expression="0 3 * * *")
    assert (job.status, job.version, job.created_by_user_id) == (JobStatus.ENABLED, 1, SYSTEM_USER_ID)
    assert next_is_true(job)


def test_a_job_that_is_defined_disabled_has_no_next_due_time() -> None:
    assert a_job(status=JobStatus.DISABLED).next_execution_at is None


@pytest.mark.parametrize("nothing", ["", None])
def test_no_time_zone_means_santo_domingo_and_the_job_is_on_the_schedule(nothing: str | None) -> None:
    job = a_job(cron_expression="0 3 * * *", time_zone=nothing)
    assert fresh(job).time_zone == "America/Santo_Domingo"
    assert next_is_true(job)
    assert job.next_execution_at.hour == 7  # 03:00 at UTC-4


@pytest.mark.parametrize("nothing", ["", None])
def test_taking_the_time_zone_away_falls_back_to_santo_domingo(nothing: str | None) -> None:
    job = a_job(cron_expression="0 3 * * *", time_zone="Asia/Kathmandu")
    job = job.redefine(by=SOMEBODY, time_zone=nothing)
    assert job.time_zone == "America/Santo_Domingo"
    assert next_is_true(job)
    assert job.redefine(by=SOMEBODY, time_zone=nothing).version == job.version


# --- Keys and names --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Backup Database", "backup-database"),
        ("Año nuevo: ¡informe!", "ano-nuevo-informe"),
        ("日本", "job"),
        ("Sync __init__ tables", "sync-init-tables"),
        ("a - b _ c", "a-b-c"),
        ("snake_case", "snake_case"),
        ("x" * 189 + " y" * 5, "x" * 189),
        ("x" * 200, "x" * 190),
        ("Scheduler Tick", "scheduler-tick-2"),
    ],
)
def test_the_key_comes_from_the_name(name: str, key: str) -> None:
    assert a_job(name).key == key


@given(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=200))
def test_every_name_gives_a_key_that_is_a_valid_slug(name: str) -> None:
    ScheduledJob._meta.get_field("key").run_validators(ScheduledJob(name=name)._free_key())


def test_equal_slugs_are_numbered() -> None:
    assert [a_job(name).key for name in ("A job", "a-job", "A  job!")] == ["a-job", "a-job-2", "a-job-3"]


def test_a_key_never_is_the_name_of_a_periodic_task_of_somebody_else() -> None:
    PeriodicTask.objects.create(name="backup", task="somebody.elses", interval=_interval())
    assert a_job("Backup").key == "backup-2"
    with pytest.raises(ValidationError) as refused, transaction.atomic():
        a_job("Other", key="backup")
    assert "key" in refused.value.message_dict


def _interval() -> Any:
    from django_celery_beat.models import IntervalSchedule

    return IntervalSchedule.objects.create(every=1, period="hours")


def test_the_key_stays_when_the_name_changes() -> None:
    job = a_job("old").redefine(by=SOMEBODY, name="new")
    assert (job.name, job.key) == ("new", "old")


def test_two_live_jobs_cannot_have_one_name() -> None:
    a_job("one"), a_job("two")
    with pytest.raises(ValidationError) as refused, transaction.atomic():
        a_job("one")
    assert refused.value.error_dict["name"][0].code == "JOB_003"
    with pytest.raises(ValidationError), transaction.atomic():
        ScheduledJob.objects.get(name="two").redefine(by=SOMEBODY, name="one")


def test_name_and_key_of_a_deleted_job_are_free_again() -> None:
    old = a_job("one")
    old.retire(by=SOMEBODY)
    new = a_job("one")
    assert (new.key, new.id != old.id) == ("one", True)
    assert PeriodicTask.objects.filter(name="one").count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_jobs_defined_at_once_with_one_name_one_is_made_and_the_others_are_told() -> None:
    answers: list[str] = []
    start = threading.Barrier(4)

    def define() -> None:
        try:
            start.wait(10)
            a_job("one")
            answers.append("made")
        except ValidationError as fault:
            answers.append(",".join(fault.error_dict))
        except BaseException as fault:
            answers.append(repr(fault))
        finally:
            connection.close()

    threads = [threading.Thread(target=define) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(answers) == ["made", "name", "name", "name"]
    assert ScheduledJob.objects.count() == PeriodicTask.objects.count() == 1


# --- What is refused -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("definition", "field", "code"),
    [
        ({"cron_expression": "0 0 31 2 *"}, "cron_expression", "JOB_001"),
        ({"cron_expression": "60 * * * *"}, "cron_expression", "JOB_001"),
        ({"cron_expression": "* * * *"}, "cron_expression", "JOB_001"),
        ({"cron_expression": "@reboot"}, "cron_expression", "JOB_001"),
        ({"cron_expression": ""}, "cron_expression", "blank"),
        ({"time_zone": "Mars/Phobos"}, "time_zone", "invalid_zone"),
        ({"time_zone": "../../etc/passwd"}, "time_zone", "invalid_zone"),
        ({"job_type": "NoSuchJob"}, "job_type", "JOB_002"),
        ({"job_type": ""}, "job_type", "blank"),
        ({"name": ""}, "name", "blank"),
        ({"name": "n" * 201}, "name", "max_length"),
        ({"description": "d" * 1001}, "description", "max_length"),
        ({"max_retries": 21}, "max_retries", "max_value"),
        ({"max_retries": -1}, "max_retries", "min_value"),
        ({"retry_delay_minutes": 1441}, "retry_delay_minutes", "max_value"),
        ({"timeout_seconds": 0}, "timeout_seconds", "min_value"),
        ({"timeout_seconds": 86_401}, "timeout_seconds", "max_value"),
        ({"priority": 10}, "priority", "max_value"),
        ({"queue": "a b"}, "queue", "invalid"),
        ({"queue": "default\n"}, "queue", "invalid"),
        ({"overlap_policy": "Sometimes"}, "overlap_policy", "invalid_choice"),
        ({"misfire_policy": "Perhaps"}, "misfire_policy", "invalid_choice"),
        ({"status": "Asleep"}, "status", "invalid_choice"),
    ],
)
def test_a_wrong_value_is_refused_by_its_field(definition: dict[str, Any], field: str, code: str) -> None:
    with pytest.raises(ValidationError) as refused, transaction.atomic():
        a_job(**definition)
    assert code in {fault.code for fault in refused.value.error_dict[field]}
    assert not ScheduledJob.objects.exists()


def test_every_fault_is_said_at_once() -> None:
    assert set(faults(name="", cron_expression="x", job_type="NoSuchJob", max_retries=99)) == {
        "name", "cron_expression", "job_type", "max_retries",
    }  # fmt: skip


@pytest.mark.parametrize(
    "parameters",
    [
        {"mesage": "typo"},
        {"message": 5},
        {"message": "nul \x00"},
        {"message": "half \ud800"},
        {"message": "x" * 17_000},
        {"permanent": float("nan")},
        ["a", "list"],
        "text",
        7,
    ],
)
def test_parameters_that_cannot_be_are_refused(parameters: Any) -> None:
    assert "parameters" in faults(job_type="FailingJob", parameters=parameters)


def test_parameters_nested_deeper_than_eight_levels_are_refused_however_deep() -> None:
    for depth in (9, 100_000):
        nested: Any = "leaf"
        for _ in range(depth):
            nested = {"message": nested}
        with pytest.raises(ValidationError) as refused, transaction.atomic():
            a_job(job_type="FailingJob", parameters=nested)
        assert "8" in str(refused.value.message_dict["parameters"])


@pytest.mark.parametrize(
    "emails",
    ["a@b.co", [""], ["nobody"], [7], [None], [["@"]], [{"@": 1}], {"a@b.co": 1}, ["a@b.co", "x" * 400 + "@b.co"]],
)
def test_e_mail_addresses_that_are_none_are_refused(emails: Any) -> None:
    assert "notification_emails" in faults(notification_emails=emails)


@pytest.mark.parametrize(
    "column",
    ["max_retries = 21", "timeout_seconds = 0", "retry_delay_minutes = 1441", "priority = 10", "status = 'Asleep'",
     "overlap_policy = 'x'", "next_execution_at = now(), status = 'Disabled'",
     "next_execution_at = now(), deleted_at = now()"],
)  # fmt: skip
def test_the_database_holds_the_ranges_too(column: str) -> None:
    job = a_job()
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE jobs_scheduledjob SET {column} WHERE id = %s", [job.id])


# --- Verbs -----------------------------------------------------------------------------------------------------------
def test_the_next_due_time_is_true_right_after_every_verb() -> None:
    job = a_job(cron_expression="0 3 * * *")
    for change in (
        lambda job: job.redefine(by=SOMEBODY, cron_expression="30 4 * * *"),
        lambda job: job.redefine(by=SOMEBODY, time_zone="Asia/Kathmandu"),
        lambda job: job.redefine(by=SOMEBODY, description="other"),
        lambda job: job.pause(by=SOMEBODY, until=database_now() + timedelta(days=3)),
        lambda job: job.redefine(by=SOMEBODY, cron_expression="31 4 * * *"),
        lambda job: job.resume(by=SOMEBODY),
        lambda job: job.disable(by=SOMEBODY),
        lambda job: job.redefine(by=SOMEBODY, cron_expression="32 4 * * *"),
        lambda job: job.enable(by=SOMEBODY),
        lambda job: job.redefine(by=SOMEBODY, status=JobStatus.DISABLED),
        lambda job: job.redefine(by=SOMEBODY, status=JobStatus.ENABLED, cron_expression="33 4 * * *"),
    ):
        job = change(job)
        assert next_is_true(job)


def test_a_change_to_the_same_values_changes_nothing() -> None:
    job = a_job()
    same = job.redefine(by=SOMEBODY, name=job.name, parameters=None, max_retries=3)
    assert (same.version, same.last_modified_at) == (1, None)
    assert job.revisions.count() == 1


def test_each_change_grows_the_version_by_one() -> None:
    job = a_job().redefine(by=SOMEBODY, description="a", priority=1)
    assert job.version == 2
    assert job.last_modified_at is not None
    assert job.disable(by=SOMEBODY).version == 3
    assert job.disable(by=SOMEBODY).version == 3
    assert job.enable(by=SOMEBODY).enable(by=SOMEBODY).version == 4


def test_a_change_that_expects_another_version_is_refused() -> None:
    job = a_job()
    job.redefine(by=SOMEBODY, expected_version=1, priority=1)
    with pytest.raises(VersionConflict):
        job.redefine(by=SOMEBODY, expected_version=1, priority=2)
    with pytest.raises(VersionConflict):
        job.retire(by=SOMEBODY, expected_version=1)
    assert fresh(job).priority == 1


def test_a_verb_works_on_the_stored_job_not_on_the_callers_old_picture_of_it() -> None:
    old_picture = a_job()
    fresh(old_picture).redefine(by=SOMEBODY, description="kept", cron_expression="1 1 1 1 *")
    job = old_picture.redefine(by=SOMEBODY, priority=9)
    assert (job.description, job.cron_expression, job.version) == ("kept", "1 1 1 1 *", 3)


def test_a_disabled_job_can_be_neither_paused_nor_resumed() -> None:
    job = a_job(status=JobStatus.DISABLED)
    with pytest.raises(WrongStatus):
        job.pause(by=SOMEBODY)
    with pytest.raises(WrongStatus):
        job.resume(by=SOMEBODY)


def test_a_pause_keeps_its_reason_its_end_and_who_and_resume_forgets_them() -> None:
    until = database_now() + timedelta(hours=1)
    job = a_job().pause(by=SOMEBODY, reason="holiday", until=until)
    assert (job.status, job.pause_reason, job.paused_until, job.paused_by_user_id) == (
        JobStatus.PAUSED, "holiday", until, SOMEBODY,
    )  # fmt: skip
    job = job.resume(by=SOMEBODY)
    assert (job.status, job.pause_reason, job.paused_until, job.paused_by_user_id) == (
        JobStatus.ENABLED,
        "",
        None,
        None,
    )


def test_resuming_an_enabled_job_leaves_it_as_it_is() -> None:
    assert a_job().resume(by=SOMEBODY).version == 1


def test_enable_ends_a_pause() -> None:
    assert a_job().pause(by=SOMEBODY).enable(by=SOMEBODY).status == JobStatus.ENABLED


def test_a_pause_whose_end_has_come_ends_by_itself() -> None:
    elapsed, lasting = a_job("elapsed").pause(by=SOMEBODY), a_job("lasting").pause(by=SOMEBODY)
    a_job("endless").pause(by=SOMEBODY)
    ScheduledJob.objects.filter(pk=elapsed.pk).update(paused_until=database_now() - timedelta(seconds=1))
    ScheduledJob.objects.filter(pk=lasting.pk).update(paused_until=database_now() + timedelta(hours=1))
    assert [job.name for job in ScheduledJob.resume_elapsed()] == ["elapsed"]
    assert (fresh(elapsed).status, fresh(lasting).status) == (JobStatus.ENABLED, JobStatus.PAUSED)
    assert next_is_true(fresh(elapsed))


def test_a_job_was_paused_before_the_end_of_its_pause_only() -> None:
    end = datetime(2026, 1, 1, tzinfo=UTC)
    job = ScheduledJob(status=JobStatus.PAUSED, paused_until=end)
    assert job.was_paused_at(end - timedelta(microseconds=1))
    assert not job.was_paused_at(end)


def test_deleting_takes_the_job_off_the_schedule_and_out_of_every_list() -> None:
    job = a_job(cron_expression=EVERY_MINUTE)
    job.retire(by=SOMEBODY)
    stored = ScheduledJob.objects.get(pk=job.pk)
    assert stored.deleted_at is not None and stored.next_execution_at is None
    assert not ScheduledJob.objects.live().exists()
    assert not PeriodicTask.objects.exists()
    for verb in (job.retire, job.enable, job.disable, job.pause, job.resume):
        with pytest.raises(ScheduledJob.DoesNotExist):
            verb(by=SOMEBODY)


# --- Due jobs --------------------------------------------------------------------------------------------------------
def test_claiming_due_jobs_takes_the_longest_overdue_first() -> None:
    jobs = [a_job(f"job {n}") for n in range(3)]
    for job, minutes in zip(jobs, (1, 3, 2), strict=True):
        ScheduledJob.objects.filter(pk=job.pk).update(next_execution_at=database_now() - timedelta(minutes=minutes))
    assert [job.name for job in ScheduledJob.claim_due(limit=2)] == ["job 1", "job 2"]
    a_job("not due")
    assert len(ScheduledJob.claim_due(limit=9)) == 3


def test_seconds_to_the_next_due_time_are_none_without_one_and_negative_when_overdue() -> None:
    assert ScheduledJob.seconds_to_next() is None
    job = a_job()
    ScheduledJob.objects.filter(pk=job.pk).update(next_execution_at=database_now() - timedelta(minutes=1))
    assert -62 < ScheduledJob.seconds_to_next() < -59


# --- Retry delay -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("backoff", "attempt", "minutes"),
    [("Fixed", 1, 5), ("Fixed", 20, 5), ("Exponential", 1, 5), ("Exponential", 2, 10), ("Exponential", 4, 40),
     ("Exponential", 20, 1440)],
)  # fmt: skip
def test_the_retry_delay_follows_its_backoff(backoff: str, attempt: int, minutes: int) -> None:
    job = ScheduledJob(retry_backoff=backoff, retry_delay_minutes=5)
    assert job.retry_delay(attempt) == timedelta(minutes=minutes)


def test_jitter_moves_an_exponential_delay_by_at_most_a_tenth_and_a_fixed_one_not() -> None:
    job = ScheduledJob(retry_backoff=RetryBackoff.EXPONENTIAL, retry_delay_minutes=10)
    assert job.retry_delay(1, jitter=1) == timedelta(minutes=11)
    assert job.retry_delay(1, jitter=-1) == timedelta(minutes=9)
    assert ScheduledJob(retry_delay_minutes=10).retry_delay(1, jitter=1) == timedelta(minutes=10)


def test_a_key_is_unique_by_itself() -> None:
    a_job("one", key="the-key")
    with pytest.raises(ValidationError) as refused, transaction.atomic():
        a_job("two", key="the-key")
    assert "key" in refused.value.message_dict


def test_ids_are_random_uuids() -> None:
    assert isinstance(a_job().id, uuid.UUID)


def test_a_job_whose_type_is_gone_can_still_be_paused_resumed_disabled_and_its_pause_ends() -> None:
    job = a_job()
    ScheduledJob.objects.update(job_type="NoSuchJob")
    assert job.pause(by=SYSTEM_USER_ID, reason="look into it").status == JobStatus.PAUSED
    ScheduledJob.objects.update(paused_until=database_now())
    assert [resumed.status for resumed in ScheduledJob.resume_elapsed()] == [JobStatus.ENABLED]
    assert job.disable(by=SYSTEM_USER_ID).next_execution_at is None


def test_a_job_whose_time_zone_is_gone_can_still_be_disabled() -> None:
    job = a_job()
    ScheduledJob.objects.update(time_zone="Mars/Phobos")
    assert job.disable(by=SYSTEM_USER_ID).next_execution_at is None
