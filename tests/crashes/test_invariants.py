"""The invariants find what is planted, and find nothing where nothing is wrong."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.crashes import invariants
from tests.crashes.cases.audit_logs import ArchiveAuditLogs
from tests.crashes.cases.backups import NO_BACKUP, BackupDatabase, Backups
from tests.crashes.cases.health import Episodes, HealthCheckMonitoring
from tests.crashes.cases.listings import Listings, UpdateVehicleListingStatus
from tests.crashes.cases.logs import CleanupOldLogs, Logs
from tests.crashes.cases.prices import Prices, SyncVehiclePrices
from tests.crashes.cases.reminders import Reminders, SendReminderEmails
from tests.crashes.cases.tokens import CleanupExpiredTokens, Tokens
from tests.crashes.invariants import Told

RIGHT: list[str] = []


def found(broken: list[str]) -> list[str]:
    """What is wrong, without the keys it is wrong with."""
    return [line.partition(":")[0] for line in broken]


# --- Messages --------------------------------------------------------------------------------------------------------
NOBODY = frozenset({"ana", "ben", "eva"})
TOLD = Told(NOBODY, {"ana": 1, "eva": 1}, {"ana": "Sent", "ben": "Refused", "eva": "Uncertain"}, is_alerted=True)


@pytest.mark.parametrize(
    ("mails", "statuses", "wrong"),
    [
        ({}, {}, RIGHT),
        ({"ana": 2}, {}, ["told twice"]),
        ({"zoe": 1}, {"zoe": "Sent"}, ["told although not concerned"]),
        ({}, {"ben": "Claimed"}, ["lost"]),
        ({}, {"ben": "Sending"}, ["lost"]),
        ({}, {"ben": ""}, ["lost"]),
        ({}, {"ana": "Claimed"}, ["told, and not known to be"]),
        ({}, {"ben": "Sent"}, ["called sent, and was not"]),
        ({}, {"ana": "Refused"}, ["called not sent, and was"]),
        ({"eva": 0}, {}, RIGHT),  # uncertain: perhaps he was told, perhaps not
    ],
)
def test_messages_are_sent_once_or_known_not_to_be(
    mails: Mapping[str, int], statuses: Mapping[str, str], wrong: list[str]
) -> None:
    told = replace(TOLD, mails={**TOLD.mails, **mails}, statuses={**TOLD.statuses, **statuses})
    assert found(invariants.of_messages(told)) == wrong


def test_what_is_uncertain_must_be_alerted_and_the_alert_must_end() -> None:
    assert invariants.of_messages(replace(TOLD, is_alerted=False)) == ["uncertain, and no alert"]
    assert invariants.of_messages_next_day(TOLD, TOLD) == RIGHT
    next_day = replace(TOLD, mails={"ana": 2, "eva": 1}, is_alert_open=True)
    assert found(invariants.of_messages_next_day(TOLD, next_day)) == [
        "told again the next day", "the alert is still open the next day",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("marked", "wrong"),
    [
        ({"ana", "eva"}, RIGHT),
        ({"ana", "ben", "eva"}, ["marked, and told nothing"]),
        ({"ana"}, ["told, and not marked"]),
    ],
)
def test_a_reminder_is_marked_where_it_was_sent_and_nowhere_else(marked: set[str], wrong: list[str]) -> None:
    before = Reminders(Told(NOBODY, {}, {}), frozenset())
    assert found(SendReminderEmails().broken(before, Reminders(TOLD, frozenset(marked)))) == wrong


@pytest.mark.parametrize(
    ("active", "expired", "wrong"),
    [
        ({"young"}, {"due"}, RIGHT),
        ({"young", "due"}, {"due"}, ["still there"]),
        (set(), {"due"}, ["gone, and should not be"]),
        ({"young"}, set(), ["gone, and should not be"]),
        ({"young"}, {"due", "young"}, ["come from nowhere"]),
    ],
)
def test_just_the_listings_that_are_due_expire(active: set[str], expired: set[str], wrong: list[str]) -> None:
    before = Listings(frozenset({"due"}), frozenset({"due", "young"}), frozenset(), TOLD)
    after = Listings(frozenset({"due"}), frozenset(active), frozenset(expired), TOLD)
    assert found(UpdateVehicleListingStatus().broken(before, after)) == wrong


# --- Rows ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("expired", "valid", "wrong"),
    [
        (set(), {"v"}, RIGHT),
        ({"e"}, {"v"}, ["still there"]),
        (set(), set(), ["gone, and should not be"]),
        (set(), {"v", "w"}, ["come from nowhere"]),
    ],
)
def test_just_the_expired_tokens_go(expired: set[str], valid: set[str], wrong: list[str]) -> None:
    before, after = Tokens(frozenset({"e"}), frozenset({"v"})), Tokens(frozenset(expired), frozenset(valid))
    assert found(CleanupExpiredTokens().broken(before, after)) == wrong


LOGS = Logs(rows={"1": "old", "2": "old too", "3": "young"}, old={"1": "old", "2": "old too"}, archived={})
MOVED = Logs(rows={"3": "young"}, old={}, archived=LOGS.old)


@pytest.mark.parametrize(
    ("after", "wrong"),
    [
        (MOVED, RIGHT),
        (replace(MOVED, archived={"1": "old"}), ["deleted, and not archived as it was"]),
        (replace(MOVED, archived={"1": "old", "2": "other"}), ["deleted, and not archived as it was"]),
        (replace(MOVED, rows={"1": "old", "3": "young"}), ["not moved"]),
        (replace(MOVED, rows={}), ["deleted, and not archived as it was", "young, and gone or changed"]),
        (replace(MOVED, rows={"3": "other"}), ["young, and gone or changed"]),
        (replace(MOVED, archived={**LOGS.old, "3": "young"}), ["archived, and should not be"]),
        (replace(MOVED, twice=2), ["archived twice"]),
        (replace(MOVED, undescribed=["a.gz"]), ["stored, and described by no manifest"]),
    ],
)
def test_every_log_row_is_in_its_table_or_in_one_verified_object(after: Logs, wrong: list[str]) -> None:
    assert found(CleanupOldLogs().broken(LOGS, after)) == wrong


@pytest.mark.parametrize(
    ("after", "wrong"),
    [
        (replace(LOGS, archived=LOGS.old), RIGHT),
        (replace(LOGS, rows={"1": "old", "3": "young"}, archived=LOGS.old), ["gone or changed"]),
        (replace(LOGS, archived={"1": "old"}), ["not archived as it is"]),
        (replace(LOGS, archived=LOGS.old, twice=1), ["archived twice"]),
    ],
)
def test_every_audit_row_stays_and_is_in_one_verified_object(after: Logs, wrong: list[str]) -> None:
    assert found(ArchiveAuditLogs().broken(LOGS, after)) == wrong


def test_what_is_left_behind_must_be_gone_the_next_day() -> None:
    left = replace(MOVED, left_behind=["rows"])
    assert found(CleanupOldLogs().broken_next_day(left, left)) == ["left behind"]
    assert found(CleanupOldLogs().broken_next_day(left, replace(MOVED, archived={}))) == ["archived, and there no more"]
    assert CleanupOldLogs().broken_next_day(left, MOVED) == RIGHT


@pytest.mark.parametrize(
    ("suggested", "wrong"),
    [
        ({"a": Decimal(5), "sold": None}, RIGHT),
        ({"a": Decimal("5.01"), "sold": None}, ["without its price"]),
        ({"a": None, "sold": None}, ["without its price"]),
        ({"a": Decimal(5), "sold": Decimal(5)}, ["priced, and not on offer"]),
        ({"a": Decimal(5)}, ["lost"]),
    ],
)
def test_each_vehicle_on_offer_has_its_price(suggested: Mapping[str, Decimal | None], wrong: list[str]) -> None:
    right = {"a": Decimal(5)}
    before = Prices({"a": None, "sold": None}, right, questions=0)
    assert found(SyncVehiclePrices().broken(before, Prices(suggested, right, questions=1))) == wrong


# --- Backups and episodes --------------------------------------------------------------------------------------------
NONE_YET = Backups(rows=9, restored=NO_BACKUP, old=frozenset({"old"}), whole=frozenset())
BACKED_UP = Backups(rows=9, restored=9, old=frozenset(), whole=frozenset({"new"}))


@pytest.mark.parametrize(
    ("after", "wrong"),
    [
        (BACKED_UP, RIGHT),
        (replace(BACKED_UP, rows=8), ["the database has 8 rows, not 9"]),
        (replace(BACKED_UP, restored=8), ["the newest backup gives back 8 rows of 9"]),
        (replace(BACKED_UP, restored=NO_BACKUP), ["the newest backup gives back -1 rows of 9"]),
        (replace(BACKED_UP, half=frozenset({"new"})), ["counts as a backup, and is not whole"]),
        (replace(BACKED_UP, old=frozenset({"old"})), ["old, and still there"]),
    ],
)
def test_the_newest_backup_is_whole_and_no_half_one_counts(after: Backups, wrong: list[str]) -> None:
    assert found(BackupDatabase().broken(NONE_YET, after)) == wrong


def test_no_good_backup_goes_too_early_and_no_half_one_stays() -> None:
    next_day = replace(BACKED_UP, whole=frozenset({"next"}), unfinished=frozenset({"half"}), left_behind=["dump"])
    assert found(BackupDatabase().broken_next_day(BACKED_UP, next_day)) == [
        "a good backup is gone", "never finished, and still there", "left behind",
    ]  # fmt: skip


ILL = Episodes(frozenset("ab"), {"a": 1, "b": 1}, {"Opened a": 1, "Opened b": 1})
WELL = Episodes(frozenset("b"), {"b": 1}, {**ILL.told, "Recovered a": 1})


@pytest.mark.parametrize(
    ("after", "wrong"),
    [
        (WELL, RIGHT),
        (replace(WELL, told=ILL.told), ["never told"]),
        (replace(WELL, open={}), ["ill, and no alert is open"]),
        (replace(WELL, open={"a": 1, "b": 1}), ["well, and its alert is open"]),
        (replace(WELL, open={"b": 2}), ["more than one alert"]),
        (replace(WELL, told={**WELL.told, "Opened b": 2}), ["told again in one episode"]),
    ],
)
def test_each_episode_is_told_and_so_is_its_end(after: Episodes, wrong: list[str]) -> None:
    assert found(HealthCheckMonitoring().broken(ILL, after)) == wrong
