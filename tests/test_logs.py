"""The lines of the log: JSON from every process, whose ids each carries, and what none may hold."""

import io
import json
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from executions import ids
from executions.models import JobExecution
from jobs import log_context
from jobs.models import ScheduledJob
from scheduler_project import logs
from scheduler_project.local import commands
from scheduler_project.masking import masked
from tests.journey.conftest import Api, System, api, empty_broker, make_due, system, until

__all__ = ["api", "empty_broker", "system"]

TALKING = {"SCHEDULER_EXTRA_JOB_TYPES": "tests.talking_job.TalkingJob"}
IDS = ("execution_id", "job_id", "job_name", "attempt", "trace_id", "correlation_id", "worker")


logger = logging.getLogger("tests.of.the.log")


@pytest.fixture(autouse=True)
def nobodys_behalf() -> None:
    """What a request of another test left bound in this thread is not these lines' business."""
    log_context.begin()
    log_context.end_run()


# --- One line --------------------------------------------------------------------------------------------------------
@pytest.fixture
def said() -> Iterator[io.StringIO]:
    """What a logger of this test says as JSON."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.json_form())
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield stream
    logger.removeHandler(handler)


def test_a_line_says_when_who_and_what_and_on_whose_behalf(said: io.StringIO) -> None:
    with log_context.bound(correlation_id="c-1", job_id=None):
        logger.info("%d rows\nof ñ", 7, extra={"status": 200, "password": "of nobody's business"})
    line = json.loads(said.getvalue())
    assert line.pop("timestamp").endswith("Z") and line.pop("pid") and line.pop("process")
    assert line == {
        "level": "info", "logger": "tests.of.the.log", "message": "7 rows\nof ñ", "status": 200,
        "correlation_id": "c-1",
    }  # fmt: skip
    assert said.getvalue().count("\n") == 1


def test_half_a_surrogate_pair_is_written_as_an_escape() -> None:
    """Not through a logger: what pytest captures goes between its processes as UTF-8."""
    record = logging.LogRecord("odd", logging.INFO, __file__, 1, "half \ud800", None, None)
    written = logs.json_form().format(record)
    assert written.isascii() or written.encode()
    assert json.loads(written)["message"] == "half \ud800"


def test_a_line_that_speaks_of_one_execution_has_its_id_as_a_field(said: io.StringIO) -> None:
    one, other = ids.of_request(datetime(2026, 1, 1, tzinfo=UTC)), ids.of_request(datetime(2026, 1, 2, tzinfo=UTC))
    logger.error("Hard time limit (5s) exceeded for NoOpJob[%s]", one)
    logger.info("%s and %s", one, other)
    named, both = (json.loads(line) for line in said.getvalue().splitlines())
    assert named["execution_id"] == str(one)
    assert "execution_id" not in both


def test_a_fault_is_one_field_of_its_line(said: io.StringIO) -> None:
    try:
        raise ValueError("postgresql://me:pa55@host/db is away")
    except ValueError:
        logger.exception("It failed")
    line = json.loads(said.getvalue())
    assert line["message"] == "It failed"
    assert "Traceback" in line["exception"] and "postgresql://me:***@host/db is away" in line["exception"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("at postgresql://user:p%40ss@host:5432/db", "at postgresql://user:***@host:5432/db"),
        ("redis://:secret@host/0 and amqp://a:b@c", "redis://:***@host/0 and amqp://a:***@c"),
        ("smtp://user:p@ss:word@host", "smtp://user:***@host"),
        ("https://token@example.com/x", "https://***@example.com/x"),
        ("https://example.com/?mail=a@b.c", "https://example.com/?mail=a@b.c"),
        ("Host=db;Username=me;Password=pa55;Port=1", "Host=db;Username=me;Password=***;Port=1"),
        ("host=db password='pa55' user=me", "host=db password='***' user=me"),
        ("{'internal_api_key': 'abc', 'x': 1}", "{'internal_api_key': '***', 'x': 1}"),
        ("GET /?access_token=abc&page=2", "GET /?access_token=***&page=2"),
        ("Authorization: Bearer abcdefghijklmnop.qr", "Authorization: Bearer ***"),
        ("The token has expired; the password was wrong", "The token has expired; the password was wrong"),
    ],
)
def test_what_is_secret_is_masked_and_the_rest_is_not(text: str, expected: str) -> None:
    assert masked(text) == expected
    assert logs.line_form().format(logging.makeLogRecord({"msg": text, "name": "n"})).endswith(f" n: {expected}")


def test_a_complaint_that_repeats_itself_is_heard_once_a_minute() -> None:
    seldom = logs.Seldom()
    records = [logging.makeLogRecord({"name": "opentelemetry.x", "msg": text}) for text in ("away", "away", "full")]
    assert [seldom.filter(record) for record in records] == [True, False, True]


def test_the_ids_of_a_run_are_known_in_its_threads_and_gone_after_it(said: io.StringIO) -> None:
    log_context.begin_run(execution_id="e-1")
    aside = threading.Thread(target=logger.info, args=("during",))
    aside.start()
    aside.join()
    assert logs.line_form().format(logging.makeLogRecord({"msg": "during"})).endswith("during [e-1]")
    log_context.end_run()
    logger.info("after")
    during, after = (json.loads(line) for line in said.getvalue().splitlines())
    assert during["execution_id"] == "e-1"
    assert "execution_id" not in after


# --- The whole system ------------------------------------------------------------------------------------------------
@pytest.fixture
def speaking_json(system: System) -> None:
    system.environment |= {"SCHEDULER_LOG_FORMAT": "json", **TALKING}


@pytest.mark.journey
def test_every_line_of_every_process_is_json_and_those_of_a_run_are_tied_to_the_request_for_it(
    system: System, speaking_json: None, api: Api
) -> None:
    worker = system.start("worker", commands.worker(1))  # one child for all runs
    beat = system.start_beat()
    asked, answer = run_now(api, make(api, "asked"), "order-42")
    due = make(api, "due", cron="* * * * *")
    make_due(ScheduledJob.objects.get(id=due))
    fired = JobExecution.objects.filter(job_id=due)
    until(lambda: bool(fired.all()) and all(run.is_finished for run in fired.all()), worker, beat)
    until(lambda: JobExecution.objects.get(id=asked).is_finished, worker)
    runs = list(fired.exclude(completed_at=None))
    until(lambda: all(str(run.id) in beat.said() for run in runs), beat)  # a run may be over before beat has said so
    system.stop()

    by_name = {process.name: list(map(json.loads, process.said().splitlines())) for process in system.processes}
    lines = [line for said in by_name.values() for line in said]
    assert all({"timestamp", "level", "logger", "message", "process", "pid"} <= set(line) for line in lines)
    assert all({line["process"] for line in said} == {name} for name, said in by_name.items())
    assert "pa55word" not in json.dumps(lines) and "amqp://us:***@broker" in json.dumps(lines)

    # From the request to the run.
    assert answer.headers["X-Correlation-Id"] == "order-42"
    of_request = [line for line in by_name["web"] if line.get("correlation_id") == "order-42"]
    assert {line.get("status") for line in of_request} == {None, 202}
    [tie] = [line for line in of_request if line["logger"] == "executions.dispatch"]
    assert (tie["execution_id"], tie["trace_id"]) == (asked, asked.replace("-", ""))
    in_run = [line for line in by_name["worker"] if line.get("execution_id") == asked]
    assert said_by_body(in_run) == bodies("asked")
    assert {tuple(line[name] for name in IDS) for line in in_run} == {
        (asked, tie["job_id"], "asked", 1, tie["trace_id"], "order-42", in_run[0]["worker"])
    }
    assert {line["logger"] for line in in_run} >= {"executions.signals", "celery.app.trace"}

    # From beat to the next run of the same child, which knows nothing of the one before.
    for run in runs:
        published = [line for line in by_name["beat"] if line.get("execution_id") == str(run.id)]
        assert {line["job_id"] for line in published} == {due}
        in_next = [line for line in by_name["worker"] if line.get("execution_id") == str(run.id)]
        assert said_by_body(in_next) == bodies("due")
        assert {(line["pid"], line["job_id"], line["correlation_id"]) for line in in_next} == {
            (in_run[0]["pid"], due, str(run.id))
        }
    output = JobExecution.objects.get(id=asked).output
    assert "WARNING asked from the body\n" in output and "execution_id" not in output


def make(api: Api, word: str, *, cron: str = "0 0 1 1 *", **parameters: Any) -> str:
    """The id of a job that says that word, and when it fails is tried once more."""
    body = {
        "name": word, "jobType": "TalkingJob", "cronExpression": cron, "misfireGraceSeconds": 3_600,
        "maxRetries": 1, "retryDelayMinutes": 0, "parameters": {"word": word, **parameters},
    }  # fmt: skip
    made = api.call("POST", "/jobs", body)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def run_now(api: Api, job_id: str, correlation_id: str, **headers: str) -> tuple[str, requests.Response]:
    headers = {"X-Correlation-Id": correlation_id, **headers}
    answer = api.post(f"{api.root}/api/scheduler/jobs/{job_id}/run-now", headers=headers, timeout=30)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"]), answer


def said_by_body(lines: list[dict[str, Any]]) -> list[str]:
    return [line["message"] for line in lines if line["logger"] in ("tests.talking_job", "stdout")]


def bodies(word: str) -> list[str]:
    return [f"{word} from the body", f"{word} from a thread", f"{word} printed", f"{word} with a fault"]
