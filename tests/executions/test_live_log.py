"""The stream of a run's log: nothing missed, nothing twice, and an end."""

import asyncio
import json
from typing import Any

import pytest

from executions import live_log
from executions.live_log import _events, _Reading
from executions.models import JobExecution, OutputChunk
from executions.output import RunOutput
from tests.factories import a_job, ended, started

pytestmark = pytest.mark.django_db(transaction=True)


def events_of(run: JobExecution, *, after: int = 0, meanwhile: Any = None) -> list[tuple[str, int, dict[str, str]]]:
    """Name, id and data of each event until the stream ends; `meanwhile` is done after the first event."""

    async def read() -> list[str]:
        found = []
        async for event in _events(_Reading(run.id, after)):
            found.append(event)
            if meanwhile and len(found) == 1:
                await asyncio.to_thread(meanwhile)
        return found

    parsed = []
    for event in asyncio.run(read()):
        name, number, data = (line.partition(": ")[2] for line in event.strip().splitlines())
        parsed.append((name, int(number), json.loads(data)))
    return parsed


def piece(run: JobExecution, text: str) -> None:
    OutputChunk.objects.create(execution_id=run.id, text=text)


def test_a_run_that_has_ended_is_told_at_once() -> None:
    run = ended(started(a_job()), output="one\ntwo\n")
    assert events_of(run) == [("log", 8, {"text": "one\ntwo\n"}), ("end", 8, {"status": "Completed"})]


def test_what_is_said_while_one_watches_comes_once_and_then_the_end() -> None:
    run = started(a_job())
    piece(run, "one\n")

    def go_on() -> None:
        piece(run, "two\n")
        ended(run, output="one\ntwo\nthree\n")

    found = events_of(run, meanwhile=go_on)
    assert "".join(data.get("text", "") for _name, _number, data in found) == "one\ntwo\nthree\n"
    assert found[-1] == ("end", 14, {"status": "Completed"})


@pytest.mark.parametrize("after", range(0, 12, 3))
@pytest.mark.parametrize("is_running", [False, True])
def test_who_was_cut_off_goes_on_where_he_was(after: int, is_running: bool) -> None:
    run = started(a_job())
    text = "one\ntwo\nñ\n"
    for part in ("one\n", "two\nñ\n"):
        piece(run, part)
    if not is_running:
        ended(run, output=text)
    end = (lambda: ended(run, output=text)) if is_running else None
    if is_running and after >= len(text):
        ended(run, output=text)  # nothing more is said: only the end can come
        end = None
    found = events_of(run, after=after, meanwhile=end)
    assert "".join(data.get("text", "") for _name, _number, data in found) == text[after:]
    assert found[-1][0] == "end"


def test_what_a_run_really_says_is_what_is_streamed() -> None:
    run = started(a_job())
    output = RunOutput(run)
    output.add("first")
    output.flush()
    said: list[str] = []

    def go_on() -> None:
        output.add("second \x00 ñ")
        said.append(output.close())
        ended(run, output=said[0])

    found = events_of(run, meanwhile=go_on)
    assert "".join(data.get("text", "") for _name, _number, data in found) == said[0]


@pytest.mark.parametrize(("header", "after"), [({}, 5), ({"Last-Event-ID": "7"}, 7), ({"Last-Event-ID": "x"}, 5)])
def test_the_last_event_that_a_browser_had_counts(header: dict[str, str], after: int) -> None:
    assert live_log.position(header, 5) == after
