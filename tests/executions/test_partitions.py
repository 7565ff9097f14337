"""The ledger's months."""

import threading
from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, connection, transaction

from executions import dispatch, ids, partitions
from executions.models import JobExecution
from jobs.clock import database_now
from jobs.enums import ExecutionStatus
from tests.factories import a_job, fell_due, rows_of, settle

pytestmark = pytest.mark.django_db


def bounds() -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, pg_get_expr(c.relpartbound, c.oid)"
            " FROM pg_inherits i JOIN pg_class c ON c.oid = inhrelid"
            " WHERE i.inhparent = 'executions_jobexecution'::regclass"
        )
        return dict(cursor.fetchall())


def test_the_ledger_is_partitioned_with_months_ahead_and_no_default_partition() -> None:
    found = bounds()
    assert len(found) >= partitions.MONTHS_AHEAD + 1
    assert "DEFAULT" not in found.values()
    now = database_now()
    assert f"executions_jobexecution_{now.year:04d}_{now.month:02d}" in found


def test_a_due_time_months_ago_gets_its_partition_on_demand() -> None:
    job = a_job(cron_expression="0 3 1 * *")
    due = fell_due(job, datetime(2024, 2, 1, tzinfo=UTC))
    settle(job, datetime(2024, 3, 15, tzinfo=UTC))
    assert rows_of(job)[0].scheduled_for == due
    assert {"executions_jobexecution_2024_02", "executions_jobexecution_2024_03"} <= set(bounds())


@pytest.mark.parametrize(
    "edge",
    [
        datetime(2023, 1, 1, tzinfo=UTC),
        datetime(2022, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2024, 2, 29, 23, 59, tzinfo=UTC),
    ],
)
def test_the_first_and_last_moments_of_a_month_lie_in_it(edge: datetime) -> None:
    job = a_job()
    row = JobExecution(
        id=ids.of_due_time(job.id, edge), job=job, job_name="job", job_type="NoOpJob", queue="default", priority=5,
        trigger="Schedule", status=ExecutionStatus.MISSED, queued_at=edge, completed_at=edge, scheduled_for=edge,
    )  # fmt: skip
    dispatch.insert([row])
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM executions_jobexecution WHERE id = %s", [row.id])
        assert cursor.fetchone() == (f"executions_jobexecution_{edge:%Y_%m}",)


def test_making_the_same_month_again_makes_nothing() -> None:
    assert partitions.ensure([(2021, 5), (2021, 5)]) == ["executions_jobexecution_2021_05"]
    assert partitions.ensure([(2021, 5)]) == []


def test_a_partition_has_the_checks_of_the_ledger() -> None:
    job = a_job()
    old = datetime(2020, 5, 5, tzinfo=UTC)
    row = JobExecution(
        id=ids.of_due_time(job.id, old), job=job, job_name="job", job_type="NoOpJob", queue="default", priority=5,
        trigger="Schedule", status="Nonsense", queued_at=old,
    )  # fmt: skip
    with pytest.raises(IntegrityError), transaction.atomic():
        dispatch.insert([row])


@pytest.mark.django_db(transaction=True)
def test_two_beats_that_need_the_same_old_month_at_once_both_get_it() -> None:
    faults: list[BaseException] = []
    both = threading.Barrier(4)

    def make() -> None:
        try:
            both.wait(10)
            with transaction.atomic():
                partitions.ensure([(2019, month) for month in range(1, 13)])
        except BaseException as fault:
            faults.append(fault)
        finally:
            connection.close()

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert faults == []
    assert len([name for name in bounds() if "_2019_" in name]) == 12
