"""One beat leads, by the database's clock; whoever was deposed writes nothing more."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.db import connection, transaction
from django.db.models.functions import Now

from executions import dispatch, turn
from executions.beat import STANDBY_SECONDS, LedgerScheduler
from executions.lease import FROZEN_AFTER_SECONDS, LEASE_SECONDS, Deposed, Lease
from executions.models import BeatLease, JobExecution
from tests.factories import a_job, fell_due, minutes_ago, rows_of

pytestmark = pytest.mark.django_db(transaction=True)


def run_out() -> None:
    """As if the leader had not been heard of for as long as its lease lasts."""
    BeatLease.objects.update(expires_at=Now() - timedelta(microseconds=1))


def due_job() -> Any:
    job = a_job(cron_expression="0 3 * * *")
    fell_due(job, minutes_ago(1440))
    return job


def test_one_of_two_leads_and_the_other_one_takes_over_when_its_lease_has_run_out() -> None:
    first, second = Lease(), Lease()
    assert (first.hold(), second.hold()) == (True, False)
    assert (first.hold(), first.term, second.term) == (True, 1, None)
    run_out()
    assert (second.hold(), second.term) == (True, 2)
    assert (first.hold(), first.term) == (False, None)


def test_the_term_grows_with_each_change_and_also_when_one_leads_again_after_a_gap() -> None:
    lease = Lease()
    lease.hold()
    run_out()
    assert (lease.hold(), lease.term) == (True, 2)
    row = BeatLease.objects.get()
    assert row.term == 2
    assert timedelta(0) < row.expires_at - row.since <= timedelta(seconds=LEASE_SECONDS)


def test_one_that_is_given_back_is_free_at_once() -> None:
    first, second = Lease(), Lease()
    first.hold()
    first.release()
    assert (second.hold(), second.term) == (True, 2)
    first.release()  # not its own any more
    assert second.hold()


def test_many_that_ask_at_once_are_one_leader() -> None:
    leases = [Lease() for _number in range(8)]
    start = threading.Barrier(len(leases))

    def ask(lease: Lease) -> None:
        start.wait()
        lease.hold()
        connection.close()

    threads = [threading.Thread(target=ask, args=[lease]) for lease in leases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([lease for lease in leases if lease.term]) == 1


def test_what_a_deposed_leader_was_about_to_fire_is_undone_and_fired_by_its_successor() -> None:
    job, deposed, leader = due_job(), Lease(), Lease()
    deposed.hold()
    run_out()
    leader.hold()
    with pytest.raises(Deposed):
        turn.take(deposed)
    assert rows_of(job) == []
    turn.take(leader)
    assert len(rows_of(job)) == 1


def test_a_leader_whose_lease_ran_out_in_the_middle_of_a_batch_commits_it_before_anybody_takes_over() -> None:
    """The renewal and the batch are one transaction: whoever takes over waits for its end, and finds its rows."""
    lease, other = Lease(), Lease()
    lease.hold()
    took_over: list[bool] = []
    with transaction.atomic():
        lease.renew()
        thread = threading.Thread(target=lambda: (took_over.append(other.hold()), connection.close()))
        thread.start()
        thread.join()
    assert took_over == [False]


def test_renewing_makes_a_frozen_transaction_end_by_itself() -> None:
    lease = Lease()
    lease.hold()
    with transaction.atomic():
        lease.renew()
        with connection.cursor() as cursor:
            cursor.execute("SHOW idle_in_transaction_session_timeout")
            assert cursor.fetchone() == (f"{FROZEN_AFTER_SECONDS}s",)
    with connection.cursor() as cursor:
        cursor.execute("SHOW idle_in_transaction_session_timeout")
        assert cursor.fetchone() == ("0",)


def test_a_beat_that_does_not_lead_fires_nothing_and_runs_nobody_elses_tasks(broker: Any) -> None:
    leader, standby = (LedgerScheduler(app=current_app, lazy=False) for _number in range(2))
    leader.tick()
    job = due_job()
    assert standby.tick() == STANDBY_SECONDS
    assert rows_of(job) == []
    leader.tick()
    assert len(rows_of(job)) == 1


def test_a_beat_that_ends_gives_its_lease_back(broker: Any) -> None:
    leader, standby = (LedgerScheduler(app=current_app, lazy=False) for _number in range(2))
    leader.tick()
    leader.close()
    job = due_job()
    standby.tick()
    assert len(rows_of(job)) == 1


def test_a_deposed_beat_goes_on_and_waits(broker: Any) -> None:
    beat = LedgerScheduler(app=current_app, lazy=False)
    beat.tick()
    run_out()
    Lease().hold()
    due_job()
    assert beat.tick() == STANDBY_SECONDS
    assert not JobExecution.objects.exists()


def test_without_a_lease_a_stock_schedulers_bell_fires_all_the_same() -> None:
    job = due_job()
    Lease().hold()
    assert dispatch.fire_due() == len(rows_of(job)) == 1
