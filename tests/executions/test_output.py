"""What a run says: lines, cap, progress, and what of it can be read while it runs."""

import logging
import threading

import pytest
from django.db import connection
from django.utils import translation

from executions import ledger
from executions.models import JobExecution, OutputChunk
from executions.output import RunOutput, storable
from scheduler_project.local.process import eventually
from tests.factories import a_job, ended, started

LIMIT = 2_048
PATIENCE_SECONDS = 60


@pytest.fixture
def output(settings) -> RunOutput:
    settings.SCHEDULER_OUTPUT_MAX_BYTES = LIMIT
    import uuid

    output = RunOutput(JobExecution(id=uuid.uuid4()))
    yield output
    output.close()


def test_a_line_has_its_instant_in_utc_and_its_level(output: RunOutput) -> None:
    output.add("one")
    output.add("two", "WARNING")
    first, second = output.text.splitlines()
    assert first[-9:] == "Z INFO one"[-9:] and len(first.split()[0]) == len("2026-01-01T00:00:00.000Z")
    assert second.endswith("Z WARNING two")


def test_output_is_cut_at_the_cap_and_says_so_once(output: RunOutput) -> None:
    for _ in range(100):
        output.add("ñ" * 100)
    *kept, last = output.text.splitlines()
    assert len("\n".join(kept).encode()) <= LIMIT
    assert str(LIMIT) in last and "left out" in last
    assert output.text.count("left out") == 1


def test_one_line_larger_than_the_cap_is_left_out_too(output: RunOutput) -> None:
    output.add("x" * 10 * LIMIT)
    assert len(output.text) < 200 and "left out" in output.text


@pytest.mark.parametrize("odd", ["nul \x00", "half \ud800", "pair 😀", 5, None, translation.gettext_lazy("Enabled")])
def test_any_words_can_be_said(output: RunOutput, odd: object) -> None:
    output.add(odd)
    output.progress(1, odd)
    output.text.encode()
    assert "\x00" not in output.text


def test_storable_text_stays_as_it_is() -> None:
    assert storable("ñ 😀 \n\t") == "ñ 😀 \n\t"


def test_lines_of_many_threads_all_arrive_whole(settings) -> None:
    settings.SCHEDULER_OUTPUT_MAX_BYTES = 10_000_000
    import uuid

    output = RunOutput(JobExecution(id=uuid.uuid4()))
    threads = [threading.Thread(target=lambda: [output.add("word " * 10) for _ in range(200)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = output.close().splitlines()
    assert len(lines) == 1_600 and all(line.endswith("word ") for line in lines)


def test_what_code_says_through_logging_is_output_while_the_run_lasts(output: RunOutput) -> None:
    logger = logging.getLogger("somebodys.library")
    logger.warning("before")
    with output.capturing_logs():
        logger.warning("during %s", "it")
    logger.warning("after")
    assert "during it" in output.text and "before" not in output.text and "after" not in output.text


@pytest.mark.django_db(transaction=True)
def test_a_running_jobs_output_and_progress_can_be_read_by_others_and_end_in_its_row() -> None:
    run = started(a_job())
    output = RunOutput(run)
    output.add("nul \x00 half \ud800 first")
    output.progress(150, "p\x00" + "m" * 300)
    assert eventually(lambda: "first" in ledger.output_so_far(run.id), PATIENCE_SECONDS)
    assert eventually(lambda: JobExecution.objects.get(pk=run.pk).progress == 100, PATIENCE_SECONDS)
    assert len(JobExecution.objects.get(pk=run.pk).progress_message) == 200
    output.add("second")
    assert eventually(lambda: "second" in ledger.output_so_far(run.id), PATIENCE_SECONDS)
    text = output.close()
    assert ended(run, output=text).output.count("first") == 1
    assert not OutputChunk.objects.filter(execution_id=run.id).exists()


@pytest.mark.django_db(transaction=True)
def test_nothing_is_written_after_the_end() -> None:
    run = started(a_job())
    output = RunOutput(run)
    output.add("said")
    text = output.close()
    ended(run, output=text)
    output.add("too late")
    output.flush()
    assert not OutputChunk.objects.filter(execution_id=run.id).exists()


@pytest.mark.django_db(transaction=True)
def test_the_thread_that_writes_keeps_no_connection_when_nobody_runs() -> None:
    run = started(a_job())
    output = RunOutput(run)
    output.add("said")
    assert eventually(lambda: bool(ledger.output_so_far(run.id)), PATIENCE_SECONDS)
    ended(run, output=output.close())

    def sessions() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
            return cursor.fetchone()[0]

    assert eventually(lambda: sessions() == 1, PATIENCE_SECONDS)
