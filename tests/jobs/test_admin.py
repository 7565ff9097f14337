"""The admin of jobs and of their mirror in django-celery-beat."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from jobs.admin import previews
from jobs.enums import ExecutionStatus, JobStatus
from jobs.models import JobFigures, ScheduledJob, ScheduleRevision
from tests.admin_pages import client_of, filled, person, said, text, url
from tests.factories import a_job, a_run, committing, fresh, started

pytestmark = pytest.mark.django_db

JOB = "jobs_scheduledjob"
TASK = "django_celery_beat_periodictask"
BAD_CRON = "60 * * * *"


@pytest.fixture
def admin() -> Iterator[Client]:
    yield client_of("admin")


def add(admin: Client, **answers: Any) -> Any:
    page = admin.get(url(JOB, "add"))
    complete = {"name": "Nightly", "job_type": "NoOpJob", "cron_expression": "0 3 * * *", **answers}
    return admin.post(url(JOB, "add"), filled(page, **complete), follow=True)


def change(admin: Client, job: ScheduledJob, **answers: Any) -> Any:
    address = url(JOB, "change", job.pk)
    return admin.post(address, filled(admin.get(address), **answers), follow=True)


def do(client: Client, job: ScheduledJob, verb: str, **answers: Any) -> Any:
    return client.post(url(JOB, "do", job.pk, verb), answers, follow=True)


def act(client: Client, action: str, *jobs: ScheduledJob, **answers: Any) -> Any:
    chosen = {"action": action, "_selected_action": [str(job.pk) for job in jobs], **answers}
    return client.post(url(JOB, "changelist"), chosen, follow=True)


# --- The form ---------------------------------------------------------------------------------------------------------
def test_a_job_saved_in_the_form_is_defined_with_revision_mirror_and_next_time(admin: Client) -> None:
    response = add(admin, notification_emails="a@okla.com.do\nb@okla.com.do", status="Enabled")
    assert "was added successfully" in said(response)[0]
    job = ScheduledJob.objects.get(name="Nightly")
    assert (job.key, job.version, job.time_zone) == ("nightly", 1, "America/Santo_Domingo")
    assert job.notification_emails == ["a@okla.com.do", "b@okla.com.do"]
    assert job.created_by_user_id == person("admin").pk
    assert job.next_execution_at is not None and job.next_execution_at.hour == 7  # 03:00 in Santo Domingo
    assert job.revisions.count() == 1
    assert PeriodicTask.objects.filter(name="nightly").exists()


def test_the_original_documents_fields_come_first_and_the_rest_is_advanced(admin: Client) -> None:
    fieldsets = list(admin.get(url(JOB, "add")).context["adminform"])
    assert [fieldset.name for fieldset in fieldsets] == [None, "Advanced"]
    shown = [field.field.name for line in fieldsets[0] for field in line if not isinstance(field.field, dict)]
    assert shown == [
        "seen_version", "name", "description", "job_type", "parameters", "cron_expression", "time_zone", "status",
        "max_retries", "retry_delay_minutes", "notify_on_failure", "notification_emails",
    ]  # fmt: skip
    assert fieldsets[1].is_collapsible


@pytest.mark.parametrize(
    ("answers", "field", "hint"),
    [
        ({"cron_expression": BAD_CRON}, "cron_expression", "minute"),
        ({"cron_expression": "0 0 31 2 *"}, "cron_expression", "never matches"),
        ({"cron_expression": "@reboot"}, "cron_expression", "@reboot"),
        ({"time_zone": "Mars/Phobos"}, "time_zone", "Mars/Phobos"),
        ({"job_type": "NoSuchJob"}, "job_type", "NoSuchJob"),
        ({"job_type": "FailingJob", "parameters": '{"mesage": "x"}'}, "parameters", "no such parameter"),
        ({"parameters": '{"a": 1,\n "b"}'}, "parameters", "line 2, column 5"),
        ({"parameters": "[1]"}, "parameters", "object"),
        ({"parameters": "[" * 100_000}, "parameters", "nested too deeply"),
        ({"job_type": "DiaryJob", "parameters": '{"path": "x", "seconds": Infinity}'}, "parameters", ""),
        ({"parameters": '{"a": NaN}'}, "parameters", ""),
        ({"notification_emails": "not-an-address"}, "notification_emails", "not-an-address"),
        ({"name": "n" * 201}, "name", "200"),
        ({"max_retries": "21"}, "max_retries", "20"),
        ({"timeout_seconds": "0"}, "timeout_seconds", "1"),
        ({"queue": "no spaces"}, "queue", "letters"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_stored(
    admin: Client, answers: dict[str, str], field: str, hint: str
) -> None:
    errors = add(admin, **answers).context["adminform"].form.errors
    assert list(errors) == [field]
    assert hint in errors[field][0]
    assert not ScheduledJob.objects.exists()


def test_a_name_that_is_taken_is_said_at_the_name(admin: Client) -> None:
    a_job("Nightly")
    errors = add(admin).context["adminform"].form.errors
    assert list(errors) == ["name"]


def test_what_the_verb_refuses_beyond_the_forms_fields_is_shown_in_the_form(admin: Client) -> None:
    job = a_job("Nightly")
    PeriodicTask.objects.filter(name="nightly").update(task="somebody.elses", description="")
    response = change(admin, job, description="mine")
    assert response.status_code == 200
    assert "nightly" in response.context["adminform"].form.non_field_errors()[0]
    assert fresh(job).description == ""


def test_a_change_makes_a_new_version_and_its_revision_is_on_the_page(admin: Client) -> None:
    job = a_job(cron_expression="0 3 * * *")
    change(admin, job, cron_expression="30 4 * * *")
    assert (fresh(job).version, fresh(job).cron_expression) == (2, "30 4 * * *")
    revision = ScheduleRevision.objects.get(job=job, version=2)
    assert revision.changed_by_user_id == person("admin").pk
    page = text(admin.get(url(JOB, "change", job.pk)))
    assert "cron expression: 0 3 * * * → 30 4 * * *" in page
    assert "admin-person" in page


def test_saving_what_was_not_changed_makes_no_version(admin: Client) -> None:
    job = a_job(parameters={})
    change(admin, job)
    assert fresh(job).version == 1


def test_a_form_opened_before_somebody_elses_change_is_refused_and_says_what_changed(admin: Client) -> None:
    job = a_job(cron_expression="0 3 * * *")
    address = url(JOB, "change", job.pk)
    opened = admin.get(address)
    job.redefine(by=person("operator").pk, cron_expression="0 5 * * *")
    response = admin.post(address, filled(opened, description="mine"))
    assert response.status_code == 200
    page = text(response)
    assert "Nothing was saved: operator-person changed this job" in page
    assert "cron expression: 0 3 * * * → 0 5 * * *" in page
    assert fresh(job).description == ""


def test_an_alias_and_an_unregistered_type_are_kept_by_the_form(admin: Client) -> None:
    job = a_job()
    ScheduledJob.objects.filter(pk=job.pk).update(job_type="TakenAwayJob")
    page = admin.get(url(JOB, "change", job.pk))
    assert ("TakenAwayJob", "TakenAwayJob") in page.context["adminform"].form.fields["job_type"].choices
    assert "not registered" in text(page)


# --- The previews -----------------------------------------------------------------------------------------------------
def test_the_preview_tells_sentence_next_five_times_and_remarks(admin: Client) -> None:
    shown = text(admin.get(url(JOB, "cron_preview"), {"cron_expression": "0 9 13 * FRI", "time_zone": "Europe/Dublin"}))
    assert "At 09:00, on day 13 of the month" in shown
    assert shown.count("09:00") >= 6
    assert "Classic crontab would take either" in shown


def test_the_preview_is_in_the_readers_language(admin: Client) -> None:
    answer = admin.get(url(JOB, "cron_preview"), {"cron_expression": "*/5 * * * *"}, headers={"accept-language": "es"})
    assert "Cada 5 minutos" in text(answer)


def test_the_preview_tells_what_is_wrong_as_text(admin: Client) -> None:
    answer = admin.get(url(JOB, "cron_preview"), {"cron_expression": "<b>", "time_zone": "Mars/<i>"})
    assert answer.status_code == 200
    assert b'class="fault"' in answer.content
    assert b"<b>" not in answer.content and b"<i>" not in answer.content


def test_the_page_itself_carries_the_next_five_times(admin: Client) -> None:
    page = admin.get(url(JOB, "change", a_job(cron_expression="15 3 * * *").pk))
    region = page.content.decode().split('class="live-region"')[2].split("</ol>")[0]
    assert region.count("03:15</time>") == previews.NEXT_TIMES_SHOWN


def test_times_are_shown_in_the_zone_asked_for() -> None:
    shown = previews.schedule("30 1 * * *", "Europe/Dublin", now=datetime(2026, 7, 1, tzinfo=UTC))
    assert 'datetime="2026-07-01T00:30:00+00:00"' in shown
    assert "Wed 1 Jul 2026, 01:30" in shown


def test_a_types_parameters_are_listed_with_kind_default_and_meaning(admin: Client) -> None:
    shown = text(admin.get(url(JOB, "parameters_preview"), {"job_type": "HealthCheckMonitoringJob"}))
    assert "timeoutSeconds number, more than 0, at most 60 5.0 How long a service may take" in shown
    assert "services list of text" in shown
    assert "required" in text(admin.get(url(JOB, "parameters_preview"), {"job_type": "DiaryJob"}))


# --- The list ---------------------------------------------------------------------------------------------------------
def test_the_list_shows_status_reason_schedule_times_and_figures(admin: Client) -> None:
    job = a_job("Prices", cron_expression="0 2 * * 1", time_zone="Europe/Dublin")
    job.pause(by=person("admin").pk, reason="stock taking")
    JobFigures.objects.create(
        job=job, stripe=0, total=4, successful=3, failed=1, duration_total=timedelta(seconds=8),
        last_started_at=timezone.now(), last_status=ExecutionStatus.FAILED, last_error="it broke",
    )  # fmt: skip
    page = text(admin.get(url(JOB, "changelist")))
    for part in ("Paused", "stock taking", "At 02:00", "0 2 * * 1", "Europe/Dublin", "Failed", "it broke", "1 failed",
                 "avg. 2.0 s"):  # fmt: skip
        assert part in page


def test_deleted_jobs_are_in_no_list(admin: Client) -> None:
    a_job("Gone").retire(by=person("admin").pk)
    assert "Gone" not in text(admin.get(url(JOB, "changelist")))


def test_the_list_filters_and_searches(admin: Client) -> None:
    a_job("Backup").disable(by=person("admin").pk)
    a_job("Reports", queue="slow")
    listed = admin.get(url(JOB, "changelist"), {"status__exact": "Disabled"}).context["cl"].queryset
    assert [job.name for job in listed] == ["Backup"]
    listed = admin.get(url(JOB, "changelist"), {"q": "repor", "queue": "slow"}).context["cl"].queryset
    assert [job.name for job in listed] == ["Reports"]


def test_the_list_asks_no_more_queries_for_fifty_jobs_than_for_one(
    admin: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(50):
        JobFigures.objects.create(job=a_job(f"job {number}"), stripe=0, total=1)
    admin.get(url(JOB, "changelist"))
    with django_assert_max_num_queries(12):
        assert "50 scheduled jobs" in text(admin.get(url(JOB, "changelist")))


# --- The verbs --------------------------------------------------------------------------------------------------------
def test_disable_and_enable_are_actions_that_say_what_they_did(admin: Client) -> None:
    on, off = a_job("on"), a_job("off").disable(by=person("admin").pk)
    with committing():
        waiting = a_run(on)
    assert said(act(admin, "disable", on, off)) == [
        "Disabled, and their waiting runs cancelled: on.",
        "Nothing to do, it is so already: off.",
    ]
    assert fresh(on).status == JobStatus.DISABLED
    waiting.refresh_from_db()
    assert waiting.status == ExecutionStatus.CANCELLED
    assert said(act(admin, "enable", on, off)) == ["Enabled: off, on."]
    assert fresh(off).next_execution_at is not None


def test_pausing_selected_jobs_asks_for_reason_and_end_and_leaves_disabled_ones(admin: Client) -> None:
    on, off = a_job("on"), a_job("off").disable(by=person("admin").pk)
    asked = act(admin, "pause", on, off)
    assert "Each due time from now on is recorded as skipped" in text(asked)
    assert fresh(on).status == JobStatus.ENABLED
    until = (timezone.now() + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M")
    response = act(admin, "pause", on, off, answered="yes", reason="inventory", until=until)
    assert said(response) == [
        "Paused; each due time is recorded as skipped: on.",
        "off: A disabled job cannot be paused: it is off the schedule. Enable it first.",
    ]
    job = fresh(on)
    assert (job.status, job.pause_reason, job.paused_by_user_id) == ("Paused", "inventory", person("admin").pk)


def test_the_end_of_a_pause_is_read_in_the_jobs_own_zone_and_must_lie_ahead(admin: Client) -> None:
    job = a_job(time_zone="Asia/Kathmandu")
    page = text(do(admin, job, "pause", until="2020-01-01T00:00"))
    assert "This time has passed" in page and "Asia/Kathmandu" in page
    year = timezone.now().year + 1
    do(admin, job, "pause", until=f"{year}-01-01T12:00")
    assert fresh(job).paused_until == datetime(year, 1, 1, 6, 15, tzinfo=UTC)


def test_a_page_offers_the_verbs_that_suit_its_job(admin: Client) -> None:
    job = a_job()

    def offered() -> list[str]:
        return [str(button["label"]) for button in admin.get(url(JOB, "change", job.pk)).context["buttons"]]

    assert offered() == ["Run now", "Disable", "Pause…"]
    do(admin, job, "pause", reason="later")
    assert offered() == ["Run now", "Disable", "Pause…", "Resume"]
    do(admin, job, "resume")
    do(admin, job, "disable")
    assert offered() == ["Enable"]
    assert fresh(job).pause_reason == ""


def test_a_verb_is_never_done_by_following_a_link(admin: Client) -> None:
    job = a_job()
    admin.get(url(JOB, "do", job.pk, "disable"))
    admin.get(url(JOB, "do", job.pk, "run_now"))
    assert fresh(job).status == JobStatus.ENABLED
    assert not job.executions.exists()


def test_choosing_paused_in_the_form_notes_who_paused(admin: Client) -> None:
    job = a_job()
    change(admin, job, status="Paused")
    assert fresh(job).paused_by_user_id == person("admin").pk


def test_a_job_deleted_meanwhile_refuses_each_verb_with_a_sentence(admin: Client) -> None:
    job = a_job()
    job.retire(by=person("admin").pk)
    assert do(admin, job, "disable").status_code == 404


# --- Deleting ---------------------------------------------------------------------------------------------------------
def test_deleting_says_what_will_happen_and_retires_the_job(admin: Client) -> None:
    job = a_job()
    with committing():
        waiting = a_run(job)
    page = text(admin.get(url(JOB, "delete", job.pk)))
    assert "queued, held and waiting runs are cancelled" in page and "history of its executions stays" in page
    admin.post(url(JOB, "delete", job.pk), {"post": "yes"})
    assert ScheduledJob.objects.get(pk=job.pk).deleted_at is not None
    assert not PeriodicTask.objects.filter(name=job.key).exists()
    waiting.refresh_from_db()
    assert (waiting.status, waiting.reason) == ("Cancelled", "deleted")


def test_deleting_selected_jobs_retires_each(admin: Client) -> None:
    jobs = [a_job("one"), a_job("two")]
    running = started(jobs[0])
    assert "Delete these 2 jobs?" in text(act(admin, "delete_selected", *jobs))
    act(admin, "delete_selected", *jobs, post="yes")
    assert not ScheduledJob.objects.live().exists()
    assert ScheduleRevision.objects.filter(status="Deleted").count() == 2
    running.refresh_from_db()
    assert running.status == ExecutionStatus.RUNNING


# --- Who may what -----------------------------------------------------------------------------------------------------
def test_a_viewer_reads_and_changes_nothing() -> None:
    job, viewer = a_job("Prices", cron_expression="15 3 * * *"), client_of("viewer")
    page = viewer.get(url(JOB, "change", job.pk))
    assert page.status_code == 200
    assert page.context["buttons"] == []
    assert "03:15" in text(page)
    assert viewer.post(url(JOB, "change", job.pk), {"name": "mine"}).status_code == 403
    assert viewer.get(url(JOB, "add")).status_code == 403
    assert viewer.post(url(JOB, "delete", job.pk), {"post": "yes"}).status_code == 403
    for verb in ("run_now", "enable", "disable", "pause", "resume"):
        assert do(viewer, job, verb).status_code == 403
        act(viewer, verb, job, answered="yes")
    assert (fresh(job).version, job.executions.count()) == (1, 0)


def test_an_operator_runs_pauses_and_resumes_but_does_not_enable_disable_or_edit() -> None:
    job, operator = a_job(), client_of("operator")
    offered = operator.get(url(JOB, "change", job.pk)).context["buttons"]
    assert [str(button["label"]) for button in offered] == ["Run now", "Pause…"]
    do(operator, job, "pause", reason="later")
    assert fresh(job).status == JobStatus.PAUSED
    assert do(operator, job, "disable").status_code == 403
    assert operator.post(url(JOB, "change", job.pk), {"name": "mine"}).status_code == 403


def test_the_previews_are_for_those_who_may_read_jobs() -> None:
    assert client_of("viewer").get(url(JOB, "cron_preview")).status_code == 200
    assert Client().get(url(JOB, "cron_preview")).status_code == 302


# --- The mirror -------------------------------------------------------------------------------------------------------
def test_a_mirrored_periodic_task_is_read_only_and_leads_to_its_job(admin: Client) -> None:
    job = a_job("Prices")
    task = PeriodicTask.objects.get(name=job.key)
    page = admin.get(url(TASK, "change", task.pk))
    assert "this row mirrors the job Prices" in text(page)
    assert url(JOB, "change", job.pk) in page.content.decode()
    assert admin.post(url(TASK, "change", task.pk), {"name": "mine"}).status_code == 403
    assert admin.post(url(TASK, "delete", task.pk), {"post": "yes"}).status_code == 403
    crontab = "django_celery_beat_crontabschedule"
    assert admin.post(url(crontab, "change", task.crontab_id), {"minute": "1"}).status_code == 403
    assert admin.post(url(crontab, "delete", task.crontab_id), {"post": "yes"}).status_code == 403


def test_actions_on_periodic_tasks_pass_mirrors_over_and_say_so(admin: Client) -> None:
    mirror = PeriodicTask.objects.get(name=a_job("Prices").key)
    other = PeriodicTask.objects.create(name="other", task="other", crontab=CrontabSchedule.objects.create(minute="7"))
    for action, more in (("disable_tasks", {}), ("delete_selected", {"post": "yes"})):
        chosen = {"action": action, "_selected_action": [mirror.pk, other.pk], **more}
        response = admin.post(url(TASK, "changelist"), chosen, follow=True)
        assert "since they mirror scheduled jobs: prices." in said(response)[0]
    mirror.refresh_from_db()
    assert mirror.enabled
    assert not PeriodicTask.objects.filter(name="other").exists()


def test_other_periodic_tasks_are_edited_as_ever(admin: Client) -> None:
    crontab = CrontabSchedule.objects.create(minute="7")
    task = PeriodicTask.objects.create(name="other", task="other", crontab=crontab)
    response = change_task(admin, task, description="changed")
    assert "was changed successfully" in said(response)[0]
    assert PeriodicTask.objects.get(pk=task.pk).description == "changed"


def change_task(admin: Client, task: PeriodicTask, **answers: Any) -> Any:
    address = url(TASK, "change", task.pk)
    return admin.post(address, filled(admin.get(address), **answers), follow=True)


def test_a_job_whose_stored_schedule_cannot_be_read_takes_no_page_away(admin: Client) -> None:
    job = a_job()
    ScheduledJob.objects.filter(pk=job.pk).update(cron_expression=BAD_CRON, time_zone="Mars/Phobos")
    assert "minute" in text(admin.get(url(JOB, "changelist")))
    assert "Mars/Phobos" in text(admin.get(url(JOB, "change", job.pk)))
