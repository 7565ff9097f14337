"""The mapping of other services' names: what is missing is told exactly, and what must be written along is."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import psycopg
import pytest
from django.core.exceptions import ImproperlyConfigured
from psycopg import sql

from jobs.gateways.appointments import AppointmentBook, Appointments
from jobs.gateways.databases import ServiceDatabase, ServiceDatabases
from jobs.gateways.mappings import mapping_named
from jobs.gateways.mappings.inspection import tables_of
from jobs.gateways.tables import MappingError, Mark, Stamp, Table, check, one_of, variable_of
from tests.okla import Okla

ORIGINAL = mapping_named("original")


def test_each_mapping_fits_its_schema(okla_of_this_process: Callable[[str], Okla], every_schema: str) -> None:
    okla = okla_of_this_process(every_schema)
    for _room, table in tables_of(okla.mapping):
        with okla.connect(table.database) as connection:
            check(connection, [table])


def test_the_other_mapping_fits_neither(okla_of_this_process: Callable[[str], Okla]) -> None:
    for schema, other in (("original", "okla"), ("okla", "original")):
        vehicles = mapping_named(other).vehicles
        with okla_of_this_process(schema).connect(vehicles.database) as connection, pytest.raises(MappingError):
            check(connection, [vehicles])


def test_all_that_is_missing_is_told_at_once(okla: Okla) -> None:
    wrong = replace(ORIGINAL.vehicles, columns={**ORIGINAL.vehicles.columns, "price": "price", "make": "Brand"})
    gone = replace(ORIGINAL.vehicles, name="sales.vehicles")
    with okla.connect("vehiclessaleservice") as connection, pytest.raises(MappingError) as told:
        check(connection, [wrong, gone])
    message = str(told.value)
    assert 'table "Vehicles" of database vehiclessaleservice has no column "Brand", "price"' in message
    assert '"Price"' in message
    assert 'database vehiclessaleservice has no table "sales.vehicles"' in message
    assert "SCHEDULER_TABLE_MAPPING" in message
    assert told.value.permanent


def test_a_table_may_stand_in_a_schema_of_its_own(okla: Okla) -> None:
    table = Table("errorservice", "audit.audit_logs", {"id": "Id"})
    with okla.connect("errorservice") as connection:
        connection.execute('CREATE SCHEMA audit; CREATE TABLE audit.audit_logs ("Id" text)')
        try:
            check(connection, [table])
            assert table.identifier.as_string(connection) == '"audit"."audit_logs"'
        finally:
            connection.execute("DROP SCHEMA audit CASCADE")


@pytest.fixture
def connection(okla: Okla) -> psycopg.Connection[object]:
    connection = okla.connect("appointmentservice")
    connection.execute("""
        CREATE TEMPORARY TABLE visits (
            id bigint PRIMARY KEY, mail text, day timestamptz, start text, told_at timestamptz, state int,
            hidden boolean, stamp text, changed timestamptz
        );
        INSERT INTO visits VALUES
            (1, 'a@example.com', '2026-11-26 00:00Z', '9:30', NULL, 0, false, 'old', NULL),
            (2, 'b@example.com', '2026-11-26 00:00Z', '9:30', NULL, 4, false, 'old', NULL),
            (3, 'c@example.com', '2026-11-26 00:00Z', '9:30', NULL, 1, true, 'old', NULL)
    """)
    return connection


def test_another_schema_needs_another_mapping_and_no_other_code(
    okla: Okla, connection: psycopg.Connection[object]
) -> None:
    """A mark that is an instant, a status that is a number, rows that are deleted softly, columns to be stamped."""
    table = Table(
        "appointmentservice",
        "visits",
        {"id": "id", "email": "mail", "date": "day", "time": "start", "reminded": "told_at"},
        only={"state": [0, 1, 6], "hidden": False},
        stamps={"stamp": Stamp.NEW_GUID_TEXT, "changed": Stamp.NOW},
    )
    mapping = replace(ORIGINAL, appointments=table, reminder_mark=Mark.INSTANT)
    book = AppointmentBook(ServiceDatabase("appointmentservice", connection), table, mapping)
    day = date(2026, 11, 26)
    assert book.count_unreminded(day) == 1
    (visit,) = book.unreminded(day, after=None, at_most=10)
    assert (visit.id, visit.email, visit.at and visit.at.isoformat()) == ("1", "a@example.com", "09:30:00")
    assert book.mark(["1", "2", "3"]) == {"1"}
    assert book.mark(["1"]) == set()
    assert [each.id for each in book.reminded(["1", "2"])] == ["1"]
    row = connection.execute("SELECT told_at IS NOT NULL, stamp <> 'old', changed IS NOT NULL FROM visits WHERE id = 1")
    assert row.fetchone() == (True, True, True)
    book.unmark(["1"])
    assert book.count_unreminded(day) == 1


def test_names_and_values_cannot_break_out(okla: Okla) -> None:
    table = Table("x", 'a"; DROP TABLE b; --', {"id": 'c"d'}, only={"e": "it's"})
    with okla.connect("errorservice") as connection:
        assert table.identifier.as_string(connection) == '"a""; DROP TABLE b; --"'
        assert table["id"].as_string(connection) == '"c""d"'
        assert "'it''s'" in table.counts.as_string(connection)
        assert one_of(sql.Identifier("x"), []).as_string(connection) == "FALSE"


def test_the_variable_of_a_database_is_the_services_name() -> None:
    assert variable_of("authservice") == "AUTHSERVICE_DATABASE_CONNECTION_STRING"
    assert variable_of("my-service.x") == "MY_SERVICE_X_DATABASE_CONNECTION_STRING"


def test_a_job_is_told_before_anything_is_done(okla: Okla) -> None:
    table = replace(ORIGINAL.appointments, columns={**ORIGINAL.appointments.columns, "reminded": "Sent"})
    gateway = Appointments(ServiceDatabases(okla.addresses), replace(ORIGINAL, appointments=table))
    with pytest.raises(MappingError, match='no column "Sent"'), gateway.open():
        pytest.fail("it was opened")


def test_a_value_may_be_that_there_is_none(okla: Okla) -> None:
    with okla.connect("errorservice") as connection:
        assert one_of(sql.Identifier("x"), [None]).as_string(connection) == '("x" IS NULL)'
        assert one_of(sql.Identifier("x"), [1, None]).as_string(connection) == '("x" IS NULL OR "x" IN (1))'


def test_a_percent_sign_is_refused_at_once_since_statements_have_parameters() -> None:
    with pytest.raises(ImproperlyConfigured, match="percent sign"):
        Table("errorservice", "Logs", {"id": "Id"}, only={"Level": "50%"})


def test_a_name_that_a_variable_cannot_spell_is_found_all_the_same() -> None:
    assert ServiceDatabases({"pricing_ml": {"host": "db"}}).address("pricing-ML") == {"host": "db"}
