"""The pages as the server gives them: who may see which, whatever is asked of them, and what they must never show."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client

from executions.models import Alert, JobExecution
from jobs.models import SYSTEM_USER_ID
from tests.admin_pages import text
from tests.dashboard.pages.conftest import NOWHERE
from tests.factories import FAILED, a_job, ended, started

ROLES = ("viewer", "operator", "admin")
NONSENSE = (
    "", "-1", "99999999999999999999", "[]", "\x00", "'\"<>&", "%", "\\", "é😀", "a" * 3_000, NOWHERE,
    "0001-01-01T00:00", "9999-12-31T23:59:59", "2026-13-45T99:99",
)  # fmt: skip
EVIL = "<script>alert(1)</script>\"'>"


@pytest.mark.parametrize("role", ROLES)
def test_each_role_sees_every_page(
    someone: Callable[[str], Client], addresses: dict[str, tuple[str, ...]], role: str
) -> None:
    client = someone(role)
    for address in addresses:
        answer = client.get(address)
        assert (answer.status_code, answer["Content-Type"]) == (200, "text/html; charset=utf-8"), address
        assert "Sync Vehicle Prices" in text(answer), address


def test_who_has_no_role_is_told_so_on_every_page(
    someone: Callable[[str], Client], addresses: dict[str, tuple[str, ...]]
) -> None:
    client = someone("nobody")
    for address in addresses:
        for headers in ({}, {"X-Live": "1"}):
            answer = client.get(address, headers=headers)
            assert answer.status_code == 403
            assert "You have no role here yet" in text(answer) and "Sync Vehicle Prices" not in text(answer)


def test_who_is_not_logged_in_is_sent_to_the_login_and_back(addresses: dict[str, tuple[str, ...]]) -> None:
    for address in addresses:
        for headers in ({}, {"X-Live": "1"}):
            assert Client().get(address, headers=headers)["Location"] == f"/admin/login/?next={address}"


def test_a_page_shows_the_doors_of_the_role_and_no_others(
    someone: Callable[[str], Client], service: dict[str, Any]
) -> None:
    job, run = service["job"], service["running"]
    doors: dict[str, set[str]] = {
        "viewer": set(),
        "operator": {"do/run_now", "do/pause", "run"},
        "admin": {"do/run_now", "do/pause", "do/disable", "run"},
    }
    for role, expected in doors.items():
        assert posts(someone(role).get(f"/jobs/{job.id}")) == {f"/jobs/{job.id}/{door}" for door in expected}, role
    assert posts(someone("viewer").get(f"/executions/{run.id}")) == set()
    assert posts(someone("operator").get(f"/executions/{run.id}")) == {f"/executions/{run.id}/do/cancel"}
    assert posts(someone("viewer").get("/alerts")) == set()
    assert posts(someone("operator").get("/alerts")) == {f"/alerts/{service['alert'].id}/acknowledge"}


def posts(answer: Any) -> set[str]:
    """Where the forms of the page's main part are sent to."""
    main = answer.content.decode().partition("<main")[2]
    return set(re.findall(r'<form method="post" action="([^"]+)"', main))


@pytest.mark.parametrize("address", ["/jobs/{}", "/executions/{}", "/jobs/no-uuid", "/executions/no-uuid", "/nothing"])
def test_what_is_not_there_is_not_found(someone: Callable[[str], Client], address: str) -> None:
    client = someone("admin")
    for headers in ({}, {"X-Live": "1"}):
        assert client.get(address.format(NOWHERE), headers=headers).status_code == 404


@pytest.mark.parametrize("value", NONSENSE)
def test_nonsense_in_the_parameters_is_answered(
    someone: Callable[[str], Client], addresses: dict[str, tuple[str, ...]], value: str
) -> None:
    client = someone("admin")
    for address, parameters in addresses.items():
        asked = dict.fromkeys((*parameters, "unknown"), value)
        assert client.get(address, asked).status_code == 200, address
    assert client.get("/executions", {"older": value}).status_code == 200  # `newer` comes before it


def test_what_people_and_jobs_write_is_never_read_as_html(someone: Callable[[str], Client], db: None) -> None:
    job = a_job(
        f"job {EVIL}", description=EVIL, cron_expression="* * * * *", overlap_policy="Allow", max_retries=0,
        parameters=None,
    )  # fmt: skip
    failed, running = ended(started(job), FAILED, output=EVIL), started(job)
    JobExecution.objects.filter(pk=failed.pk).update(
        error_message=EVIL, stack_trace=EVIL, result={EVIL: EVIL}, worker_name=EVIL, machine_name=EVIL, queue=EVIL
    )
    JobExecution.objects.filter(pk=running.pk).update(progress=1, progress_message=EVIL, worker_name=EVIL)
    alert = Alert.objects.create(rule="job", job=job, subject=EVIL, message=EVIL, note=EVIL, opened_at=Now())
    job.pause(by=SYSTEM_USER_ID, reason=EVIL)
    client = someone("admin")
    shown = [
        client.get(address)
        for address in (
            "/", "/jobs", f"/jobs/{job.id}", "/executions", f"/executions/{failed.id}", f"/executions/{running.id}",
            "/timeline", "/timeline?by=worker", "/alerts", f"/jobs?search={EVIL}", f"/executions?search={EVIL}",
            f"/jobs/{job.id}?at={EVIL}",
        )
    ]  # fmt: skip
    shown.append(client.post("/jobs/do", {"verb": "disable", "job": str(job.id), "next": f"/jobs?search={EVIL}"}))
    shown.append(client.post(f"/alerts/{alert.id}/acknowledge", {"note": EVIL}, follow=True))
    for answer in shown:
        assert answer.status_code == 200
        assert "<script>alert" not in answer.content.decode(), answer.request["PATH_INFO"]
        assert "alert(1)" in answer.content.decode(), answer.request["PATH_INFO"]


def test_a_deleted_job_has_its_page_and_no_doors(someone: Callable[[str], Client], service: dict[str, Any]) -> None:
    client, job = someone("admin"), service["deleted"]
    answer = client.get(f"/jobs/{job.id}")
    assert "Deleted" in text(answer) and posts(answer) == set()
    assert "deleted" not in text(client.get("/jobs"))
    assert "1 deleted job is like that, too." in text(client.get("/jobs?search=delet"))
    assert posts(client.get(f"/executions/{service['gone'].id}")) == set()
    for address in ("/executions", f"/executions/{service['gone'].id}", "/jobs?status=Deleted"):
        assert f'href="/jobs/{job.id}"' in client.get(address).content.decode(), address
    assert f'value="{job.id}"' not in client.get("/jobs?status=Deleted").content.decode()  # it cannot be chosen


def test_the_jobs_are_found_by_name_key_and_type_and_sorted_as_asked(
    someone: Callable[[str], Client], service: dict[str, Any]
) -> None:
    client = someone("viewer")
    assert names(client.get("/jobs")) == ["Sync Vehicle Prices", "disabled", "paused"]
    assert names(client.get("/jobs?order=-name")) == ["paused", "disabled", "Sync Vehicle Prices"]
    assert names(client.get("/jobs?search=vehicle-prices")) == ["Sync Vehicle Prices"]
    assert names(client.get("/jobs?status=Paused")) == ["paused"]
    assert names(client.get("/jobs?search=nothing")) == []
    assert names(client.get("/jobs?result=Failed")) == ["Sync Vehicle Prices"]
    assert names(client.get("/jobs?result=Completed")) == []
    for order in ("last", "result", "duration"):
        assert names(client.get(f"/jobs?order={order}&status=Enabled")) == ["Sync Vehicle Prices"], order
        assert names(client.get(f"/jobs?order={order}"))[0] == "Sync Vehicle Prices", order  # the others never ran


def names(answer: Any) -> list[str]:
    return [line.job.name for line in answer.context["lines"]]


def test_executions_are_leafed_through_to_the_end_and_back(someone: Callable[[str], Client], db: None) -> None:
    job = a_job(overlap_policy="Allow")
    made = sorted((started(job).id for _number in range(3)), reverse=True)
    client = someone("viewer")
    older = client.get(f"/executions?older={made[0]}")
    assert [run.id for run in older.context["runs"]] == made[1:] and older.context["newer"] == made[1]
    newer = client.get(f"/executions?newer={made[1]}")
    assert [run.id for run in newer.context["runs"]] == made[:1] and newer.context["older"] == made[0]
