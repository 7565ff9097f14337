"""`manage.py jobs` at this installation: what it prints, what it does and how it exits."""

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from executions.ledger import Outcome
from executions.management.commands import jobs as jobs_command
from executions.models import JobExecution
from jobs.enums import ExecutionStatus, JobStatus
from jobs.models import SYSTEM_USER_ID, ScheduledJob
from scheduler_project.identity.models import User
from tests.factories import COMPLETED, FAILED, a_job, a_run, claimed, committing, ended, fresh, started

pytestmark = pytest.mark.django_db

CANCELLED = Outcome(ExecutionStatus.CANCELLED, "cancelled")


def jobs(*arguments: str, fails: bool = False) -> Any:
    """The exit code, what was printed and what was said of faults."""
    code: Any = 0
    out, err = StringIO(), StringIO()
    try:
        with committing():
            call_command("jobs", *arguments, stdout=out, stderr=err)
    except SystemExit as end:
        code = end.code
    except CommandError as fault:
        code = fault.returncode
        err.write(str(fault))
    return code, out.getvalue(), err.getvalue()


def done(*arguments: str) -> str:
    code, out, err = jobs(*arguments)
    assert (code, err) == (0, "")
    return out


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "schedules.yaml"
    path.write_text("jobs:\n  - {key: nightly, name: Nightly, jobType: NoOpJob, cronExpression: 0 3 1 1 *}\n")
    return path


# --- Looking ---------------------------------------------------------------------------------------------------------
def test_the_list_is_a_table_whole_when_piped_with_times_on_each_jobs_own_clock() -> None:
    a_job("A job with a name that goes on and on", cron_expression="15 3 1 1 *", time_zone="Asia/Kathmandu")
    a_job("Off", status=JobStatus.DISABLED)
    head, first, second = done("list").splitlines()
    assert head.split() == ["KEY", "STATUS", "SCHEDULE", "ZONE", "NEXT", "LAST", "RESULT"]
    assert first.startswith("a-job-with-a-name-that-goes-on-and-on  Enabled ")
    assert "-01-01 03:15:00" in first and "Asia/Kathmandu" in first
    assert second.split()[:2] == ["off", "Disabled"]
    assert done("list", "--status", "disabled").count("\n") == 2


def test_json_is_what_the_api_gives(api: Any) -> None:
    job = a_job()
    (listed,) = json.loads(done("list", "--json"))
    assert listed == json.loads(api.get(f"/jobs/{job.id}").content)


def test_one_job_is_shown_by_key_id_or_name_with_its_due_times_and_last_runs() -> None:
    job = a_job("Nightly", cron_expression="0 3 1 1 *", parameters={})
    ended(started(job))
    shown = [done("show", name) for name in ("nightly", str(job.id), "Nightly")]
    assert shown[0] == shown[1] == shown[2]
    assert "cronExpression          0 3 1 1 *\n" in shown[0]
    assert shown[0].count("-01-01 03:00\n") == 5
    assert "Completed" in shown[0]


def test_a_job_that_is_not_there_is_said_with_one_that_is_near() -> None:
    a_job("Nightly")
    code, _out, err = jobs("show", "nigthly")
    assert (code, "“nightly”" in err) == (3, True)


def test_the_history_of_one_job_or_of_all_newest_first() -> None:
    first, second = a_job("First"), a_job("Second")
    for job in (first, second, first):
        ended(started(job))
    assert len(json.loads(done("history", "first", "--json"))) == 2
    assert [line.split()[0] for line in done("history", "--limit", "2").splitlines()] == ["JOB", "First", "Second"]
    assert done("history", "--status", "Failed").count("\n") == 1
    assert jobs("history", "--status", "Odd")[0] == 1


# --- Doing -----------------------------------------------------------------------------------------------------------
def test_verbs_take_several_jobs_and_one_that_refuses_holds_up_no_other() -> None:
    one, two = a_job("One"), a_job("Two", status=JobStatus.DISABLED)
    code, out, err = jobs("pause", "two", "one", "--reason", "moving house")
    assert (code, "two: " in err, "one  Paused" in out) == (4, True, True)
    assert (fresh(one).pause_reason, fresh(two).status) == ("moving house", JobStatus.DISABLED)
    done("resume", "one")
    done("enable", "two")
    done("disable", "one")
    assert (fresh(one).status, fresh(two).status) == (JobStatus.DISABLED, JobStatus.ENABLED)
    assert jobs("resume", "one")[0] == 4
    assert jobs("pause", "two", "--until", "2020-01-01")[0] == 1


def test_who_asks_is_the_system_or_whom_one_names() -> None:
    person = User.objects.create_user("ana")
    job = a_job()
    done("disable", "job")
    assert job.revisions.first().changed_by_user_id == SYSTEM_USER_ID
    done("enable", "job", "--as", "ana")
    assert job.revisions.first().changed_by_user_id == person.id
    assert jobs("disable", "job", "--as", "nobody")[0] == 3


def test_a_run_is_queued_with_its_parameters() -> None:
    job = a_job("Sweep", job_type="SweepingJob", parameters={"keep": 5})
    done("run", "sweep", "--dry-run")
    assert JobExecution.objects.get(job=job).parameters == {"keep": 5, "dryRun": True}
    assert jobs("run", "sweep")[0] == 4  # one is active
    assert jobs("run", "sweep", "--parameters", '{"kept": 5}')[0] in (1, 4)


@pytest.mark.parametrize(("outcome", "code"), [(COMPLETED, 0), (FAILED, 5), (CANCELLED, 6), (None, 7)])
def test_waiting_exits_by_the_outcome(outcome: Any, code: int) -> None:
    job = a_job(max_retries=0)
    once = ("run", "job", "--idempotency-key", "once")
    done(*once)
    if outcome:
        ended(claimed(JobExecution.objects.get(job=job)), outcome)
    found, out, _err = jobs(*once, "--wait", "--timeout", "0.1")
    assert (found, out.split()[:2]) == (code, ["id", str(JobExecution.objects.get(job=job).id)])


def test_waiting_goes_on_through_the_retries() -> None:
    job = a_job(max_retries=1)
    once = ("run", "job", "--idempotency-key", "once", "--wait", "--timeout", "0.1")
    ended(claimed(a_run(job, idempotency_key="another")), COMPLETED)
    jobs(*once)
    ended(claimed(JobExecution.objects.filter(job=job).first()), FAILED)
    assert jobs(*once)[0] == 7
    retry = JobExecution.objects.get(job=job, retry_attempt=1)
    JobExecution.objects.filter(pk=retry.pk).update(available_at=retry.queued_at, rung_at=retry.queued_at)
    ended(claimed(retry), COMPLETED)
    code, out, _err = jobs(*once)
    assert (code, str(retry.id) in out) == (0, True)


# --- Files -----------------------------------------------------------------------------------------------------------
def test_plan_exits_with_2_for_changes_and_with_0_when_there_are_none(file: Path) -> None:
    code, out, _err = jobs("plan", str(file))
    assert code == 2
    first, what, due, count = out.splitlines()
    assert (first, what) == ("+ nightly: new", "    NoOpJob, 0 3 1 1 *, Enabled")
    assert due.startswith("    next after: ") and due.endswith("-01-01 03:00 (America/Santo_Domingo)")
    assert count == "Plan, set default: 1 created."
    assert done("apply", str(file)).endswith("Applied, set default: 1 created.\n")
    assert done("plan", str(file)) == "Plan, set default: 1 unchanged.\n"
    assert json.loads(done("plan", str(file), "--json"))["counts"]["unchanged"] == 1


def test_an_edit_made_elsewhere_stops_apply_until_somebody_decides(file: Path) -> None:
    done("apply", str(file))
    ana = User.objects.create_user("ana")
    ScheduledJob.objects.get().redefine(by=ana.id, max_retries=9)
    assert jobs("plan", str(file))[0] == 2
    code, out, err = jobs("apply", str(file))
    assert (code, "edited since the last apply by ana at 20" in out) == (4, True)
    assert "      maxRetries: 3 -> 9" in out and "--take-over" in out and "Nothing was applied" in err
    assert jobs("plan", str(file), "--keep-edits")[0] == 0
    done("apply", str(file), "--keep-edits")
    assert ScheduledJob.objects.get().max_retries == 9
    done("apply", str(file), "--take-over", "nightly")
    assert ScheduledJob.objects.get().max_retries == 3


def test_faults_are_told_one_a_line_as_editors_read_them(file: Path) -> None:
    file.write_text("jobs:\n  - name: One\n    jobType: NoOpJob\n    cronExpression: 0 25 * * *\n  - name: Two\n")
    code, out, err = jobs("apply", str(file))
    lines = err.splitlines()
    assert (code, out) == (1, "")
    assert [line.split(": ")[:3] for line in lines[:3]] == [
        [f"{file}:4:5", "One", "cronExpression"],
        [f"{file}:5:5", "Two", "jobType"],
        [f"{file}:5:5", "Two", "cronExpression"],
    ]
    told = json.loads(jobs("plan", str(file), "--json")[1])
    assert [fault["line"] for fault in told["faults"]] == [4, 5, 5]


def test_a_file_that_is_not_there_or_no_text_is_said(file: Path) -> None:
    assert jobs("plan", f"{file}.no") == (1, "", f"{file}.no: No such file or directory.")
    file.write_bytes(b"jobs:\n  - name: \xff")
    assert jobs("plan", str(file))[2].startswith(f"{file}:2: This is not UTF-8.")


def test_what_is_exported_is_planned_as_unchanged(file: Path) -> None:
    a_job("One", cron_expression="*/5 * * * *")
    a_job("Two", status=JobStatus.DISABLED)
    file.write_text(done("export", "--set", "mine"))
    assert done("plan", str(file)).splitlines()[-1] == "Plan, set mine: 2 unchanged."
    assert done("export", "two").count("- key:") == 1
    assert jobs("export", "three")[0] == 3


# --- As it is typed --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "arguments", [["plann", "x"], ["plan"], [], ["list", "--odd"], ["run", "job", "--parameters", "[1]"],
                  ["history", "--limit", "0"]]
)  # fmt: skip
def test_a_wrong_argument_is_not_taken_for_a_plan_with_changes(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        jobs_command.Command().run_from_argv(["manage.py", "jobs", *arguments])
    assert end.value.code == 64


@pytest.mark.parametrize(
    "arguments", [("--url", "ftp://x"), ("--url", "http://x", "--as", "ana"), ("--url", "http://x")]
)
def test_an_address_that_cannot_be_used_is_one_too(arguments: tuple[str, ...]) -> None:
    assert jobs("list", *arguments)[0] == 64


def test_the_process_ends_with_the_code(file: Path) -> None:
    file.write_text("jobs: [x]\n")
    command = [sys.executable, "manage.py", "jobs", "plan", str(file)]
    process = subprocess.run(command, capture_output=True, text=True, cwd=settings.BASE_DIR, timeout=300, check=False)
    assert (process.returncode, process.stdout) == (1, "")
    assert process.stderr.startswith(f"{file}:1:8: job 1: A job is a mapping")
