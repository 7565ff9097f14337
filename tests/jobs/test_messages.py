"""Each message is begun by one run only, whatever becomes of the runs."""

import uuid

import pytest

from executions.context import running
from executions.models import JobExecution
from jobs.messages import Messages, MessageStatus, SentMessage, Subject
from jobs.models import ScheduledJob
from tests.factories import a_job, ended, started

pytestmark = pytest.mark.django_db

ONE, TWO, THREE = Subject("1", "may"), Subject("2", "may"), Subject("3")


@pytest.fixture
def job() -> ScheduledJob:
    return a_job(overlap_policy="Allow")


def of_run(run: JobExecution) -> Messages:
    return Messages(run.job_type, run.id, running)


def statuses() -> dict[str, str]:
    return dict(SentMessage.objects.values_list("subject_id", "status"))


def test_what_one_run_has_claimed_another_running_one_does_not_get(job: ScheduledJob) -> None:
    first, second = of_run(started(job)), of_run(started(job))
    assert first.claim([ONE, TWO]) == {ONE, TWO}
    assert second.claim([ONE, TWO, THREE]) == {THREE}
    assert second.abandoned() == set()
    assert not second.begin(ONE)
    assert first.begin(ONE)


def test_claiming_twice_is_claiming_once(job: ScheduledJob) -> None:
    run = of_run(started(job))
    assert run.claim([ONE]) == run.claim([ONE]) == {ONE}
    assert SentMessage.objects.count() == 1


def test_what_a_dead_run_had_not_begun_is_taken_over_and_what_it_had_begun_is_uncertain(job: ScheduledJob) -> None:
    dead = started(job)
    of_run(dead).claim([ONE, TWO, THREE])
    of_run(dead).begin(ONE)
    of_run(dead).begin(TWO)
    of_run(dead).end(TWO, MessageStatus.SENT)
    ended(dead)
    heir = of_run(started(job))
    assert heir.settle_uncertain() == 1
    assert heir.settle_uncertain() == 0
    assert heir.abandoned() == {THREE}
    assert heir.claim([ONE, TWO, THREE]) == {THREE}
    assert statuses() == {"1": "Uncertain", "2": "Sent", "3": "Claimed"}


def test_a_run_that_is_still_there_is_not_taken_for_dead(job: ScheduledJob) -> None:
    busy = of_run(started(job))
    busy.claim([ONE, TWO])
    busy.begin(ONE)
    other = of_run(started(job))
    assert other.settle_uncertain() == 0
    assert other.abandoned() == set()


def test_a_run_that_wakes_up_late_cannot_send_what_its_heir_has_taken(job: ScheduledJob) -> None:
    sleeper = started(job)
    asleep = of_run(sleeper)
    asleep.claim([ONE])
    ended(sleeper)
    heir = of_run(started(job))
    assert heir.abandoned() == {ONE}
    assert not asleep.begin(ONE)
    assert heir.begin(ONE)
    asleep.end(ONE, MessageStatus.FAILED)
    heir.end(ONE, MessageStatus.SENT)
    assert statuses() == {"1": "Sent"}


def test_what_failed_may_be_claimed_by_a_later_run_but_not_by_the_same_one(job: ScheduledJob) -> None:
    run = started(job)
    messages = of_run(run)
    messages.claim([ONE])
    messages.begin(ONE)
    messages.end(ONE, MessageStatus.FAILED, "no connection")
    assert messages.claim([ONE]) == set()
    ended(run)
    assert of_run(started(job)).claim([ONE]) == {ONE}


@pytest.mark.parametrize("end", [MessageStatus.SENT, MessageStatus.REFUSED, MessageStatus.UNCERTAIN])
def test_what_is_settled_is_never_claimed_again(job: ScheduledJob, end: MessageStatus) -> None:
    run = started(job)
    messages = of_run(run)
    messages.claim([ONE])
    messages.begin(ONE)
    messages.end(ONE, end, "x" * 2_000)
    ended(run)
    heir = of_run(started(job))
    assert heir.claim([ONE]) == heir.abandoned() == set()
    assert heir.claim([Subject("1", "june")]) == {Subject("1", "june")}


def test_releasing_gives_back_only_what_this_run_has_not_begun(job: ScheduledJob) -> None:
    messages, other = of_run(started(job)), of_run(started(job))
    messages.claim([ONE, TWO])
    other.claim([THREE])
    messages.begin(ONE)
    assert messages.release([ONE, TWO, THREE]) == {TWO}
    assert statuses() == {"1": "Sending", "3": "Claimed"}


def test_messages_of_another_type_are_another_matter_and_those_of_another_job_of_this_type_are_not(
    job: ScheduledJob,
) -> None:
    of_run(started(job)).claim([ONE])
    assert of_run(started(a_job("same type"))).claim([ONE]) == set()
    assert of_run(started(a_job("other type", job_type="SweepingJob"))).claim([ONE]) == {ONE}


def test_what_nobody_will_send_any_more_is_settled(job: ScheduledJob) -> None:
    messages = of_run(started(job))
    messages.claim([ONE, TWO])
    messages.begin(ONE)
    assert messages.settled([ONE, TWO, THREE]) == {ONE}


def test_what_is_older_than_any_episode_is_forgotten(job: ScheduledJob) -> None:
    messages = of_run(started(job))
    messages.claim([ONE, TWO])
    SentMessage.objects.filter(subject_id="1").update(created_at="2020-01-01T00:00Z")
    messages.prune()
    assert statuses() == {"2": "Claimed"}


def test_a_run_that_nobody_knows_counts_as_over(job: ScheduledJob) -> None:
    Messages(job.job_type, uuid.uuid4(), running).claim([ONE])
    assert of_run(started(job)).abandoned() == {ONE}
