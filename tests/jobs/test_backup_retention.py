"""Which backups may go: a few examples, and what holds for any set of them."""

from datetime import UTC, datetime, timedelta, timezone
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as some

from jobs.backup_retention import Backup, found_in, to_remove

NOW = datetime(2026, 11, 25, 6, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def taken(days_ago: float, *, is_good: bool = True) -> Backup:
    return Backup("authservice", NOW - days_ago * DAY, is_good=is_good)


def ages(backups: list[Backup]) -> list[float]:
    return [(NOW - backup.taken_at) / DAY for backup in backups]


def removed(backups: list[Backup], *, keep_days: int = 30, keep_count: int = 7) -> list[float]:
    return ages(to_remove(backups, keep_days=keep_days, keep_count=keep_count, now=NOW))


# --- Names -----------------------------------------------------------------------------------------------------------
def test_a_backup_is_named_by_its_database_and_the_time_in_utc() -> None:
    backup = Backup("authservice", datetime.fromisoformat("2026-11-25T02:00:07-04:00"))
    assert backup.name == "backups/authservice/authservice_20261125_060007.dump"
    assert backup.checksum_name == "backups/authservice/authservice_20261125_060007.dump.sha256"


def test_backups_are_found_among_names_with_or_without_their_checksum() -> None:
    good, unfinished = taken(2), taken(1, is_good=False)
    assert found_in([unfinished.name, good.name, good.checksum_name], "authservice") == [good, unfinished]


@pytest.mark.parametrize(
    "name",
    [
        "backups/authservice/authservice_20261125_060007.dump.part",
        "backups/authservice/authservice_20261125_060007.dump.sha256",
        "backups/authservice/authservice_20261325_060007.dump",
        "backups/authservice/authservice_２０２６1125_060007.dump",
        "backups/authservice/authservice_20261125.dump",
        "backups/authservice/userservice_20261125_060007.dump",
        "backups/authservice/old/authservice_20261125_060007.dump",
        "backups/authserviceXauthservice_20261125_060007.dump",
        "backups/authservice/readme.txt",
    ],
)
def test_any_other_name_is_no_backup_of_ours(name: str) -> None:
    assert found_in([name], "authservice") == []


def test_a_databases_name_is_no_pattern() -> None:
    assert found_in([Backup("a-b", NOW).name], "a.b") == []


# --- Examples --------------------------------------------------------------------------------------------------------
def test_daily_backups_of_two_months_are_kept_for_thirty_days() -> None:
    assert removed([taken(day) for day in range(60)]) == list(range(59, 30, -1))


def test_the_newest_seven_stay_however_old_they_are() -> None:
    assert removed([taken(day) for day in range(100, 110)]) == [109, 108, 107]


def test_one_of_exactly_thirty_days_stays() -> None:
    assert removed([taken(30), taken(30.001)], keep_count=1) == [30.001]


def test_one_without_a_checksum_goes_after_a_day_once_a_newer_good_one_is_there() -> None:
    assert removed([taken(0), taken(2, is_good=False), taken(0.5, is_good=False)]) == [2]
    assert removed([taken(3), taken(2, is_good=False)]) == []
    assert removed([taken(2, is_good=False), taken(40, is_good=False)]) == []


def test_one_without_a_checksum_takes_no_place_among_the_newest() -> None:
    backups = [taken(day, is_good=False) for day in (0.1, 0.2)] + [taken(40), taken(41), taken(42)]
    assert removed(backups, keep_count=2) == [42]


# --- What always holds -----------------------------------------------------------------------------------------------
some_backups = some.lists(
    some.builds(taken, some.floats(-2, 400), is_good=some.booleans()), max_size=40, unique_by=lambda each: each.taken_at
)
some_days, some_counts = some.integers(1, 400), some.integers(0, 50)


@given(some_backups, some_days, some_counts)
def test_the_newest_good_one_never_goes(backups: list[Backup], keep_days: int, keep_count: int) -> None:
    going = to_remove(backups, keep_days=keep_days, keep_count=keep_count, now=NOW)
    good = [backup for backup in backups if backup.is_good]
    if good:
        assert max(good, key=lambda backup: backup.taken_at) not in going
    else:
        assert going == []


@given(some_backups, some_days, some_counts)
def test_no_good_one_goes_that_is_young_or_among_the_newest(
    backups: list[Backup], keep_days: int, keep_count: int
) -> None:
    going = to_remove(backups, keep_days=keep_days, keep_count=keep_count, now=NOW)
    good = sorted((backup for backup in backups if backup.is_good), key=lambda backup: backup.taken_at, reverse=True)
    assert not set(good[:keep_count]) & set(going)
    assert all(NOW - backup.taken_at > keep_days * DAY for backup in going if backup.is_good)
    old = [backup for backup in good[max(keep_count, 1) :] if NOW - backup.taken_at > keep_days * DAY]
    assert set(old) <= set(going)


@given(some_backups, some_days, some_counts)
def test_what_is_left_is_left_the_next_time_too(backups: list[Backup], keep_days: int, keep_count: int) -> None:
    going = to_remove(backups, keep_days=keep_days, keep_count=keep_count, now=NOW)
    left = [backup for backup in backups if backup not in going]
    assert set(going) <= set(backups) and len(set(going)) == len(going)
    assert to_remove(left, keep_days=keep_days, keep_count=keep_count, now=NOW) == []


@given(some_backups, some_days, some_counts)
def test_what_is_unfinished_changes_nothing_for_the_good_ones(
    backups: list[Backup], keep_days: int, keep_count: int
) -> None:
    good = [backup for backup in backups if backup.is_good]
    with_all = to_remove(backups, keep_days=keep_days, keep_count=keep_count, now=NOW)
    alone = to_remove(good, keep_days=keep_days, keep_count=keep_count, now=NOW)
    assert [backup for backup in with_all if backup.is_good] == alone


# --- Whatever the settings, the time and the order -------------------------------------------------------------------
# Clocks that were wrong when a backup was made, or are wrong now; seconds as names have them, several a day.
some_instants = some.integers(-4 * 365 * 86_400, 4 * 365 * 86_400).map(lambda second: NOW + timedelta(seconds=second))
some_days_of_backups = some.lists(
    some.builds(lambda at, is_good: Backup("authservice", at, is_good), some_instants, some.booleans()),
    max_size=30,
    unique_by=lambda each: each.taken_at,
)


@given(some_days_of_backups, some_days, some_counts, some_instants, some.integers(0, 400), some.integers(0, 50))
def test_who_wants_to_keep_more_loses_no_more(
    backups: list[Backup], keep_days: int, keep_count: int, now: datetime, days: int, count: int
) -> None:
    going = set(to_remove(backups, keep_days=keep_days, keep_count=keep_count, now=now))
    for more_days, more in ((keep_days + days, keep_count), (keep_days, keep_count + count)):
        assert set(to_remove(backups, keep_days=more_days, keep_count=more, now=now)) <= going


@given(some_days_of_backups, some_days, some_counts, some_instants, some.timedeltas(timedelta(0), 400 * DAY))
def test_what_may_go_may_go_later_too(
    backups: list[Backup], keep_days: int, keep_count: int, now: datetime, later: timedelta
) -> None:
    going = set(to_remove(backups, keep_days=keep_days, keep_count=keep_count, now=now))
    assert going <= set(to_remove(backups, keep_days=keep_days, keep_count=keep_count, now=now + later))


@given(some_days_of_backups, some_days, some_counts, some_instants, some_instants)
def test_a_further_good_one_saves_no_other(
    backups: list[Backup], keep_days: int, keep_count: int, now: datetime, at: datetime
) -> None:
    others = [backup for backup in backups if backup.taken_at != at]
    going = set(to_remove(others, keep_days=keep_days, keep_count=keep_count, now=now))
    further = Backup("authservice", at, is_good=True)
    assert going <= set(to_remove([*others, further], keep_days=keep_days, keep_count=keep_count, now=now))


@given(some_days_of_backups, some_days, some_counts, some_instants)
def test_a_clock_that_is_wrong_takes_none_of_the_newest(
    backups: list[Backup], keep_days: int, keep_count: int, now: datetime
) -> None:
    """Years ahead, it makes all the others old; years behind, it makes none old."""
    going = to_remove(backups, keep_days=keep_days, keep_count=keep_count, now=now)
    newest_first = sorted((each for each in backups if each.is_good), key=lambda each: each.taken_at, reverse=True)
    assert not set(newest_first[: max(1, keep_count)]) & set(going)
    assert not [backup for backup in going if backup.taken_at >= now]


@given(some_days_of_backups, some_days, some_counts, some.randoms(use_true_random=False))
def test_the_order_in_which_an_archive_lists_them_does_not_matter(
    backups: list[Backup], keep_days: int, keep_count: int, random: Random
) -> None:
    shuffled = random.sample(backups, len(backups))
    going = to_remove(shuffled, keep_days=keep_days, keep_count=keep_count, now=NOW)
    assert going == to_remove(backups, keep_days=keep_days, keep_count=keep_count, now=NOW)
    assert going == sorted(going, key=lambda backup: backup.taken_at)


@given(
    some.lists(some.lists(some.tuples(some.integers(0, 86_399), some.booleans()), max_size=3), max_size=60),
    some.integers(1, 20),
    some.integers(1, 10),
)
def test_run_after_run_enough_stays_to_go_back_to(
    days: list[list[tuple[int, bool]]], keep_days: int, keep_count: int
) -> None:
    """Days with none, one or several backups, each good or cut short; the old ones go after each good one."""
    kept: dict[datetime, Backup] = {}
    ever: dict[datetime, Backup] = {}
    for number, runs in enumerate(days):
        for second, is_good in sorted(runs):
            now = NOW + number * DAY + timedelta(seconds=second)
            backup = Backup("authservice", now, is_good)
            kept[now] = ever[now] = backup
            if not is_good:
                continue
            for gone in to_remove(kept.values(), keep_days=keep_days, keep_count=keep_count, now=now):
                del kept[gone.taken_at]
            good = sorted((each.taken_at for each in ever.values() if each.is_good), reverse=True)
            wanted = {*good[:keep_count], *(at for at in good if now - at <= keep_days * DAY)}
            assert {at for at, each in kept.items() if each.is_good} == wanted


@given(some_days_of_backups, some.integers(-14 * 60, 14 * 60))
def test_names_tell_all_that_matters(backups: list[Backup], minutes: int) -> None:
    zone = timezone(timedelta(minutes=minutes))
    here = [Backup(each.database, each.taken_at.astimezone(zone), each.is_good) for each in backups]
    names = [name for each in here for name in ([each.name, each.checksum_name] if each.is_good else [each.name])]
    assert found_in(reversed(names), "authservice") == sorted(backups, key=lambda backup: backup.taken_at)
