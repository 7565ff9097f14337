"""Keys of executions."""

import uuid
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from executions import ids

JOB = uuid.UUID("11111111-1111-4111-8111-111111111111")
instants = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))


@given(st.uuids(), instants)
def test_an_id_has_the_layout_of_version_7(job: uuid.UUID, due: datetime) -> None:
    for key in (ids.of_due_time(job, due), ids.of_request(due), ids.of_retry(ids.of_due_time(job, due), 1)):
        assert (key.version, key.variant) == (7, uuid.RFC_4122)


@given(st.uuids(), instants)
def test_the_time_part_is_the_due_time_in_milliseconds(job: uuid.UUID, due: datetime) -> None:
    milliseconds = due.replace(microsecond=due.microsecond // 1000 * 1000)
    assert ids.instant(ids.of_due_time(job, due)) == milliseconds
    assert ids.instant(ids.of_request(due)) == milliseconds
    assert ids.instant(ids.of_retry(ids.of_due_time(job, due), 3)) == milliseconds


@given(st.uuids(), st.uuids(), instants, instants)
def test_ids_sort_by_due_time_whatever_the_job(one: uuid.UUID, other: uuid.UUID, a: datetime, b: datetime) -> None:
    earlier, later = sorted([a, b])
    if later - earlier >= timedelta(milliseconds=1):
        assert ids.of_due_time(one, earlier) < ids.of_due_time(other, later)


@given(st.uuids(), instants)
def test_the_same_due_time_of_the_same_job_has_the_same_id_in_every_zone_and_process(
    job: uuid.UUID, due: datetime
) -> None:
    from zoneinfo import ZoneInfo

    assert ids.of_due_time(job, due) == ids.of_due_time(uuid.UUID(str(job)), due.astimezone(ZoneInfo("Asia/Kathmandu")))


def test_an_id_never_changes_between_versions_of_this_program() -> None:
    due = datetime(2026, 1, 1, 3, 0, tzinfo=UTC)
    first = ids.of_due_time(JOB, due)
    assert str(first) == "019b777f-7380-7d4c-946e-6f4383275152"
    assert str(ids.of_retry(first, 1)) == "019b777f-7380-7d13-8a12-66e621b0be6c"


@given(st.lists(st.tuples(st.uuids(), instants), unique=True, max_size=50))
def test_different_due_times_and_jobs_have_different_ids(pairs: list[tuple[uuid.UUID, datetime]]) -> None:
    assert len({ids.of_due_time(job, due) for job, due in pairs}) == len(pairs)


def test_attempts_of_one_run_have_different_ids_beside_the_first() -> None:
    first = ids.of_due_time(JOB, datetime(2026, 1, 1, tzinfo=UTC))
    attempts = {ids.of_retry(first, attempt) for attempt in range(1, 22)}
    assert len(attempts | {first}) == 22
    assert {ids.instant(attempt) for attempt in attempts} == {ids.instant(first)}


def test_two_requests_of_one_moment_have_different_ids() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert len({ids.of_request(now) for _ in range(1_000)}) == 1_000


@given(instants)
def test_the_floor_of_an_instant_bounds_the_ids_of_its_millisecond(due: datetime) -> None:
    key = ids.of_due_time(JOB, due)
    assert ids.floor(due) <= key
    if due.year < 9999:
        assert key < ids.floor(due + timedelta(milliseconds=1))
