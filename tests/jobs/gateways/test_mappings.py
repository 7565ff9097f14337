"""A mapping's file: what it says is taken strictly, and what cannot be meant is told by key and remedy."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.core.management.base import SystemCheckError

from jobs import checks
from jobs.gateways.mappings import HERE, NAMES, MappingFault, mapping_named
from jobs.gateways.mappings.words import WORDS
from jobs.gateways.tables import Mark, Stamp
from tests.okla import Okla

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "neighbours.md").read_text()
PRINTED = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
Write = Callable[[str], str]


@pytest.fixture
def written(tmp_path: Path) -> Write:
    """Puts a mapping into a file; returns its path."""

    def write(text: str) -> str:
        path = tmp_path / "third.toml"
        path.write_text(text)
        return str(path)

    return write


def fault_of(name: str) -> str:
    with pytest.raises(MappingFault) as told:
        mapping_named(name)
    return str(told.value)


# --- What is there ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", NAMES)
def test_each_of_ours_is_whole_and_its_own_name(name: str) -> None:
    assert mapping_named(name).name == name
    assert "extends" not in tomllib.loads((HERE / f"{name}.toml").read_text())


def test_oklas_has_what_its_services_need() -> None:
    okla = mapping_named("okla")
    assert okla.reminder_mark is Mark.INSTANT
    assert okla.appointments.only == {"Status": [0, 1, 6]}
    assert okla.vehicles.stamps == {"ConcurrencyStamp": Stamp.NEW_GUID_TEXT, "UpdatedAt": Stamp.NOW}
    assert okla.statuses.expired == "Archived"
    assert okla.expirable.only == {"IsDeleted": False, "IsFeatured": False, "IsPremium": False, "SoldAt": None}
    assert okla.kilometres["Miles"] == Decimal("1.609344")
    errors, *audit = okla.logs
    assert (errors.name, errors.kept_days, errors.archive_only) == ("error_logs", 90, False)
    assert [(table.name, table.archive_only) for table in audit] == [
        ("audit.audit_logs", True), ("audit.audit_events", True),
    ]  # fmt: skip


def test_every_word_is_explained_on_the_page() -> None:
    for room, words in WORDS.items():
        (explained,) = re.findall(rf"{room}: ([^.|]*)", PAGE.partition("| `columns` |")[2].partition("\n")[0])
        assert set(re.findall(r"`(\w+)`", explained)) >= set(words.all), room


# --- A third one -----------------------------------------------------------------------------------------------------
def test_the_one_that_the_page_prints_is_read_as_the_page_says(written: Write) -> None:
    (printed,) = PRINTED
    third, okla = mapping_named(written(printed)), mapping_named("okla")
    vehicles = third.vehicles
    assert (vehicles.database, vehicles.name) == ("vehiclessaleservice", "sales.listings")
    assert vehicles.columns == {**okla.vehicles.columns, "published_at": "ListedOn"}
    assert vehicles.only == {"IsDeleted": False, "TenantId": "4f1d", "BlockedAt": None}
    assert vehicles.stamps == {"UpdatedAt": Stamp.NOW, "Version": Stamp.NEW_GUID}
    assert (third.statuses.active, third.statuses.expired) == ("Active", "Paused")
    assert [(table.name, table.kept_days, table.archive_only) for table in third.logs] == [
        ("error_logs", 180, False), ("Invoices", 0, True),
    ]  # fmt: skip
    assert (third.tokens, third.appointments, third.analyses) == (okla.tokens, okla.appointments, okla.analyses)


def test_a_section_that_is_no_part_takes_the_place_of_the_base_as_a_whole(written: Write) -> None:
    third = mapping_named(written('extends = "okla"\nconditions = { Usado = "used" }\n[expirable]\nIsPremium = false'))
    assert third.conditions == {"Usado": "used"}
    assert third.expirable_only == {"IsPremium": False}


def test_one_that_extends_nothing_says_everything(written: Write) -> None:
    whole = (HERE / "okla.toml").read_text()
    third, okla = mapping_named(written(whole)), mapping_named("okla")
    assert {**vars(third), "name": ""} == {**vars(okla), "name": ""}


def test_a_jobs_run_goes_by_it(
    okla: Okla, written: Write, configured: Callable[..., None], run_job: Callable[..., Any]
) -> None:
    okla.execute(
        "authservice", "CREATE SCHEMA vault; CREATE TABLE vault.keys (nr int, until timestamptz, dead boolean)"
    )
    try:
        okla.execute(
            "authservice",
            "INSERT INTO vault.keys VALUES (1, '2020-01-01', false), (2, '2020-01-01', NULL), (3, 'infinity', NULL)",
        )
        text = 'extends = "original"\n[[tokens]]\ndatabase = "authservice"\nname = "vault.keys"\n'
        text += 'columns = { id = "nr", expires_at = "until" }\nonly = { dead = { null = true } }\n'
        configured(SCHEDULER_TABLE_MAPPING=written(text))
        assert run_job("CleanupExpiredTokensJob").result == {"deleted": 1, "tables": {"vault.keys": 1}}
        assert okla.execute("authservice", "SELECT nr FROM vault.keys ORDER BY 1") == [(1,), (3,)]
    finally:
        okla.execute("authservice", "DROP SCHEMA vault CASCADE")


# --- What is refused -------------------------------------------------------------------------------------------------
def test_a_name_that_is_none_is_refused_with_those_there_are() -> None:
    told = "SCHEDULER_TABLE_MAPPING is 'other'; choose from: original, okla, or name a file that ends with .toml."
    assert fault_of("other") == told


def test_a_file_that_is_not_there_is_told_with_the_place_that_was_looked_at() -> None:
    assert fault_of("no/such.toml").endswith(f"there is no such file: looked for {ROOT / 'no/such.toml'}.")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a = ", "it cannot be read as TOML"),
        ("extends = 1", "extends: 1 is no mapping to extend; choose from original, okla"),
        ('extends = "other"', "extends: 'other' is no mapping to extend"),
        ('extends = "okla"\nvehicels = 1', "vehicels is no key that a mapping knows; there are extends, reminder_mark"),
        ('extends = "okla"\nvehicles = 1', "vehicles: Input should be a valid dictionary"),
        ('extends = "okla"\nvehicles = { nam = "x" }', "vehicles.nam is no key that a mapping knows; there are dat"),
        ('extends = "okla"\nvehicles = { name = "" }', "vehicles.name: String should have at least 1 character"),
        ('extends = "okla"\nvehicles = { database = "a b" }', "vehicles.database: String should match pattern"),
        ('extends = "okla"\n[vehicles.columns]\nprize = "x"', "vehicles.columns.prize is no word of ours; vehicles"),
        ('extends = "okla"\n[vehicles.columns]\nprice = 1', "vehicles.columns.price: Input should be a valid string"),
        ('extends = "okla"\nvehicles = { only = { A = 1.5 } }', "vehicles.only.A: a text, a whole number, true, false"),
        ('extends = "okla"\nvehicles = { only = { A = [] } }', "vehicles.only.A: a text, a whole number"),
        ('extends = "okla"\nvehicles = { only = { A = { null = false } } }', "vehicles.only.A: a text, a whole number"),
        ('extends = "okla"\nvehicles = { only = { A = "50%" } }', "holds a percent sign, which is not supported: '50"),
        ('extends = "okla"\nvehicles = { stamps = { A = "then" } }', "vehicles.stamps.A: choose from now, new_guid,"),
        ('extends = "okla"\nreminder_mark = "flag"', "reminder_mark: choose from boolean, instant"),
        ('extends = "okla"\nstatuses = { expird = "x" }', "statuses.expird is no key that a mapping knows; there are"),
        ('extends = "okla"\nconditions = { New = "fresh" }', "conditions.New: Input should be 'new', 'certified'"),
        ('extends = "okla"\nconditions = {}', "vehicles.columns.condition and conditions belong together"),
        ('extends = "okla"\nkilometres = { Miles = 0 }', "kilometres.Miles: Input should be greater than 0"),
        ('extends = "okla"\nkilometres = { Miles = nan }', "kilometres.Miles: Input should be a finite number"),
        ('extends = "okla"\ntokens = []', "tokens: List should have at least 1 item"),
        ('extends = "okla"\n[[tokens]]\ndatabase = "x"\nname = "y"\ncolumns = { id = "i" }',
         "tokens[0].columns.expires_at is missing: name the column that is our 'expires_at'"),
        ('extends = "okla"\n[[logs]]\nname = "y"', "logs[0].database is missing; logs[0].columns is missing"),
        ('extends = "okla"\n[[logs]]\ndatabase = "x"\nname = "y"\nkept_days = "90"\ncolumns = {}',
         "logs[0].kept_days: Input should be a valid integer"),
        ('extends = "okla"\n[vehicles.columns]\nsuggested_price = "P"', "name vehicles.columns.suggested_price or ana"),
        ('extends = "okla"\nanalyses = { positions = [] }', "analyses.positions and a figure that is position belong"),
        ('extends = "okla"\nanalyses = { positions = [{ name = "a" }, { name = "b", up_to = 1 }] }',
         "analyses.positions: each needs an up_to above the one before, and the last one none"),
        ('extends = "okla"\nanalyses.positions = [{ name = "a", up_to = 2 }, { name = "b", up_to = 2 }]',
         "analyses.positions: each needs an up_to above"),
        ('extends = "okla"\nanalyses = { ours = {} }', "analyses.ours: Dictionary should have at least 1 item"),
        ('extends = "okla"\nanalyses = { figures = { A = "x" } }', "analyses.figures.A: choose from suggested_price"),
        ('extends = "okla"\nanalyses = { constants = { A = "50%" } }', "analyses holds a percent sign"),
        ('extends = "okla"\nanalyses = { positions = [{ nam = "x" }] }', "analyses.positions[0].nam is no key"),
        ('reminder_mark = "boolean"', "tokens is missing; appointments is missing; vehicles is missing"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_told_by_its_key_and_its_remedy(written: Write, text: str, told: str) -> None:
    path = written(text)
    message = fault_of(path)
    assert message.startswith(f"The table mapping {path} cannot be used: ")
    assert told in message
    assert message.endswith("docs/neighbours.md tells what a mapping may say.")


def test_all_that_is_wrong_is_told_at_once(written: Write) -> None:
    message = fault_of(written('extends = "okla"\nvehicles = { nam = 1, kept_days = -1 }\nstatuses = { sold = 2 }'))
    assert [part in message for part in ("vehicles.nam", "vehicles.kept_days", "statuses.sold")] == [True] * 3


# --- At start --------------------------------------------------------------------------------------------------------
def test_a_bad_one_is_an_error_of_the_system_check(written: Write, configured: Callable[..., None]) -> None:
    configured(SCHEDULER_TABLE_MAPPING=written("extends = 1"))
    (error,) = checks.gateways_can_be_built(None)
    assert (error.id, error.is_serious()) == ("jobs.E003", True)
    assert "choose from original, okla" in error.msg and "manage.py check_mapping" in error.hint
    with pytest.raises(SystemCheckError, match=r"jobs\.E003"):
        call_command("check")


def test_migrate_which_every_start_begins_with_refuses_a_bad_one(written: Write) -> None:
    settings = {"DJANGO_SETTINGS_MODULE": "scheduler_project.settings", "SCHEDULER_TABLE_MAPPING": written("x = 1")}
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate", "--plan"],
        cwd=ROOT, env={**os.environ, **settings}, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode and "x is no key that a mapping knows" in done.stderr


# --- Against the databases -------------------------------------------------------------------------------------------
@pytest.fixture
def schema(every_schema: str) -> str:
    return every_schema


def checked() -> list[str]:
    """What `manage.py check_mapping` says, line by line; with its complaint as the last one."""
    lines: list[str] = []

    class Lines:
        def write(self, text: str) -> None:
            lines.extend(text.rstrip("\n").split("\n"))

    try:
        call_command("check_mapping", stdout=Lines(), no_color=True)
    except CommandError as fault:
        lines.append(str(fault))
    return lines


def test_the_command_says_for_each_table_that_it_fits(okla: Okla) -> None:
    *lines, last = checked()
    assert last == f"The mapping {okla.schema} fits."
    assert [line[:5] for line in lines] == ["ok   "] * len(lines) and len(lines) == (
        6 if okla.schema == "original" else 9
    )
    assert any(line.endswith(f"{okla['logs'].service}.{okla['logs'].table}") for line in lines)
    assert sum(line.endswith(", only archived") for line in lines) == (0 if okla.schema == "original" else 2)


def test_the_command_says_for_each_table_what_is_missing(okla: Okla, configured: Callable[..., None]) -> None:
    users, logs = okla["users"], okla["logs"]
    okla.execute(users.service, f"ALTER TABLE {users} RENAME COLUMN {users['email']} TO mail")
    away = {name: address for name, address in okla.addresses.items() if name != logs.service}
    configured(SCHEDULER_SERVICE_DATABASES=away)
    try:
        lines = checked()
    finally:
        okla.execute(users.service, f"ALTER TABLE {users} RENAME COLUMN mail TO {users['email']}")
    text = "\n".join(lines)
    assert f'table "Users" of database userservice has no column {users["email"]}' in text
    assert "set ERRORSERVICE_DATABASE_CONNECTION_STRING" in text
    assert f"2 tables are not as the mapping {okla.schema} says, or cannot be used." == lines[-1]


def test_the_command_says_which_rights_are_missing(okla: Okla) -> None:
    logs, vehicles = okla["logs"], okla["vehicles"]
    if okla.execute(logs.service, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == [(True,)]:
        pytest.skip("nothing can be forbidden to a superuser")
    okla.execute(logs.service, f"REVOKE UPDATE, DELETE ON {logs} FROM current_user")
    okla.execute(vehicles.service, f"REVOKE UPDATE ON {vehicles} FROM current_user")
    okla.execute(vehicles.service, f"GRANT UPDATE ({vehicles['status']}) ON {vehicles} TO current_user")
    try:
        lines = checked()
    finally:
        for names in (logs, vehicles):
            okla.execute(names.service, f"GRANT ALL ON {names} TO current_user")
    at = next(number for number, line in enumerate(lines) if line.endswith(f"{logs.service}.{logs.table}"))
    assert [line.strip() for line in lines[at + 1 : at + 3]] == ["this role may not UPDATE", "this role may not DELETE"]
    (told,) = [line for line in lines if line.endswith(f"{vehicles.service}.{vehicles.table}")]
    assert told.startswith("ok"), "a right on the columns that are written does"
