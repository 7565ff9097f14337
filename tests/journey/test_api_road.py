"""The main road through the front door: a job made by the REST API, watched by the API and by Flower."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from executions.models import JobExecution
from scheduler_project.local import commands
from scheduler_project.local.ports import LOCALHOST, free_port
from tests.journey.conftest import Api, System, answers, until

pytestmark = pytest.mark.journey

FLOWER_LOGIN = ("admin", "of-this-test")
DUE_WITHIN_SECONDS = 2  # SPEC: a job fires within 2 s of its due time on an idle system


def last_run(api: Api, job: dict[str, Any]) -> dict[str, Any]:
    runs = api.get_json(f"/jobs/{job['id']}/executions")["items"]
    return api.get_json(f"/executions/{runs[0]['id']}") if runs else {"status": None}


def test_a_job_made_for_the_next_minute_fires_by_itself_and_a_deleted_one_does_not(
    system: System, api: Api, tmp_path: Any
) -> None:
    worker, beat = system.start_worker(), system.start_beat()
    # The next minute, but never one so near that the jobs might be made after it.
    due = (datetime.now(UTC) + timedelta(seconds=70)).replace(second=0, microsecond=0)
    body = {
        "name": "Diary", "jobType": "DiaryJob", "parameters": {"path": str(tmp_path / "diary")},
        "cronExpression": f"{due.minute} {due.hour} {due.day} {due.month} *", "timeZone": "UTC",
    }  # fmt: skip
    made = api.call("POST", "/jobs", body)
    doomed = api.call("POST", "/jobs", {**body, "name": "Doomed"})
    assert (made.status_code, doomed.status_code) == (201, 201)
    job = made.json()
    assert job["nextExecutionAt"] == f"{due:%Y-%m-%dT%H:%M:%SZ}"
    assert api.call("DELETE", f"/jobs/{doomed.json()['id']}").status_code == 204

    until(lambda: last_run(api, job)["status"] == "Completed", worker, beat, seconds=120)

    run = last_run(api, job)
    started = datetime.fromisoformat(run["startedAt"])
    assert run["scheduledFor"] == f"{due:%Y-%m-%dT%H:%M:%SZ}"
    assert timedelta(0) <= started - due < timedelta(seconds=DUE_WITHIN_SECONDS)
    assert (run["trigger"], run["result"], run["progress"]) == ("Schedule", {"written": 1}, 100)
    assert "dear diary" in run["output"]
    job = api.get_json(f"/jobs/{job['id']}")
    assert (job["totalExecutions"], job["successfulExecutions"], job["failedExecutions"]) == (1, 1, 0)
    assert (job["lastExecutionStatus"], job["lastExecutionAt"]) == ("Completed", run["startedAt"])
    assert job["averageDuration"] == run["duration"]
    assert datetime.fromisoformat(job["nextExecutionAt"]).year == due.year + 1
    assert not JobExecution.objects.filter(job_id=doomed.json()["id"]).exists()
    assert api.call("GET", f"/jobs/{doomed.json()['id']}").status_code == 404


def test_run_now_answers_at_once_runs_and_is_seen_in_flower_under_the_same_id(system: System, api: Api) -> None:
    flower_port = free_port()
    flower = system.start(
        "flower", commands.flower(LOCALHOST, flower_port), FLOWER_BASIC_AUTH=":".join(FLOWER_LOGIN)
    )  # fmt: skip
    flower_address = f"http://{LOCALHOST}:{flower_port}"
    until(answers(lambda: requests.get(f"{flower_address}/healthcheck", timeout=5)), flower)
    worker = system.start_worker()
    until(lambda: "celery@" in in_flower(flower_address, "/api/workers?refresh=1").text, flower, worker)
    job = api.call("POST", "/jobs", {"name": "No-op", "jobType": "NoOpJob", "cronExpression": "0 0 1 1 *"}).json()

    answer = api.call("POST", f"/jobs/{job['id']}/run-now")

    assert answer.status_code == 202
    run = answer.json()
    assert answer.headers["Location"].endswith(f"/executions/{run['id']}")
    assert (run["status"], run["trigger"]) == ("Queued", "Manual")
    until(lambda: last_run(api, job)["status"] == "Completed", worker)
    until(lambda: in_flower(flower_address, f"/api/task/info/{run['id']}").ok, flower, worker)
    seen = in_flower(flower_address, f"/api/task/info/{run['id']}").json()
    assert (seen["uuid"], seen["name"]) == (run["id"], "NoOpJob")
    assert requests.get(f"{flower_address}/api/task/info/{run['id']}", timeout=5).status_code == 401
    next_before = job["nextExecutionAt"]
    assert api.get_json(f"/jobs/{job['id']}")["nextExecutionAt"] == next_before


def in_flower(address: str, path: str) -> requests.Response:
    return requests.get(f"{address}{path}", auth=FLOWER_LOGIN, timeout=30)


def test_the_log_of_a_running_job_is_streamed_until_its_end(system: System, api: Api, tmp_path: Any) -> None:
    worker = system.start_worker()
    body = {
        "name": "Diary", "jobType": "DiaryJob", "cronExpression": "0 0 1 1 *",
        "parameters": {"path": str(tmp_path / "diary"), "seconds": 600},
    }  # fmt: skip
    job = api.call("POST", "/jobs", body).json()
    run = api.call("POST", f"/jobs/{job['id']}/run-now").json()
    address = f"{api.root}/api/scheduler/executions/{run['id']}"
    with api.get(f"{address}/log", headers={"Accept": "text/event-stream"}, stream=True, timeout=60) as stream:
        assert stream.headers["Content-Type"] == "text/event-stream"
        lines = stream.iter_lines(chunk_size=1, decode_unicode=True)
        assert next(line for line in lines if line.startswith("event")) == "event: log"
        assert "dear diary" in next(line for line in lines if line.startswith("data"))
        assert api.post(f"{address}/cancel", timeout=30).status_code == 202
        assert next(line for line in lines if line == "event: end")
        assert "Cancelled" in next(line for line in lines if line.startswith("data"))
    assert worker.is_running
