"""The demo's databases: what a reset makes, what further days bring, and that nobody else's database is touched."""

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.utils import timezone
from psycopg import sql

from jobs import business_days
from jobs.gateways import tables
from jobs.gateways.mappings import mapping_named
from jobs.gateways.mappings.inspection import tables_of
from scheduler_project.demo import asgi, population
from scheduler_project.demo.databases import PREFIX_VARIABLE, RECORDS, DemoDatabases, DemoError, drop_database
from scheduler_project.demo.figures import figures
from scheduler_project.demo.questions import ON_OFFER
from scheduler_project.local.process import eventually
from tests.demo import demo_process
from tests.demo.conftest import DAY
from tests.okla import NAMES, Names

NOON = business_days.instant_of(DAY, time(12))
IS_REMINDED = {"original": '"ReminderSent"', "okla": '"ReminderSentAt" IS NOT NULL'}


def rows(databases: DemoDatabases, service: str, query: str, parameters: Any = None) -> list[tuple[Any, ...]]:
    with databases.connect(service) as connection:
        cursor = connection.execute(query.encode(), parameters)
        return cursor.fetchall() if cursor.description else []


def counts(databases: DemoDatabases, now: datetime = NOON) -> dict[str, int]:
    return {figure.job: figure.count for figure in figures(databases, now)}


def names_of(databases: DemoDatabases, room: str) -> Names:
    return NAMES[databases.schema][room]


def every(databases: DemoDatabases) -> tuple[str, ...]:
    """All databases that the demo makes."""
    return (*databases.services, RECORDS)


def do_the_work(databases: DemoDatabases, now: datetime) -> None:
    """What the jobs leave behind."""
    for room in ("refresh_tokens", "verification_tokens"):
        rows(databases, "authservice", f'DELETE FROM {names_of(databases, room)} WHERE "ExpiresAt" < %s', [now])
    appointments, logs = names_of(databases, "appointments"), names_of(databases, "logs")
    mark = "true" if databases.schema == "original" else "now()"
    rows(databases, appointments.service, f"UPDATE {appointments} SET {appointments['reminded']} = {mark}")
    rows(databases, logs.service, f"DELETE FROM {logs} WHERE {logs['at']} < %s", [now - timedelta(days=90)])
    vehicles, long_ago = names_of(databases, "vehicles"), now - timedelta(days=30)
    update = f'UPDATE {vehicles} SET "Status" = \'Archived\' WHERE "Status" = \'Active\' AND "PublishedAt" < %s'
    rows(databases, vehicles.service, update, [long_ago])
    if databases.schema == "original":
        rows(databases, vehicles.service, f'UPDATE {vehicles} SET "SuggestedPrice" = "Price"')
        return
    on_offer = [key for (key,) in rows(databases, vehicles.service, ON_OFFER)]
    rows(databases, "vehicleintelligenceservice", ANALYSE, [on_offer])


ANALYSE = """
    INSERT INTO price_analyses
    SELECT (jsonb_populate_record(a, jsonb_build_object('Id', gen_random_uuid(), 'VehicleId', vehicle))).*
    FROM price_analyses AS a, unnest(%s::uuid[]) AS vehicle WHERE a."Id" = (SELECT "Id" FROM price_analyses LIMIT 1)
"""


@pytest.fixture
def foreign(empty: DemoDatabases) -> Any:
    """A database of somebody else under one of the demo's names."""
    name = sql.Identifier(empty.name("authservice"))
    with empty.alone() as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(name))
    rows(empty, "authservice", 'CREATE TABLE "Precious" ()')
    yield empty
    with empty.alone() as server:
        drop_database(server, empty.name("authservice"))


def test_each_job_finds_something_to_do(filled: DemoDatabases) -> None:
    found = counts(filled)
    if filled.schema == "okla":  # without those that no price can be asked for, and those that have an analysis
        assert 1_200 < found.pop("SyncVehiclePricesJob") < 1_400
    else:
        assert found.pop("SyncVehiclePricesJob") == 1_400
    assert found == {
        "CleanupExpiredTokensJob": 380,
        "GenerateDailyReportsJob": 25,
        "SendReminderEmailsJob": 12,
        "CleanupOldLogsJob": 2_500,
        "UpdateVehicleListingStatusJob": 150,
        "BackupDatabaseJob": 3,
        "HealthCheckMonitoringJob": 0,
    }


def test_the_first_and_the_last_moment_of_the_day_find_the_same(filled: DemoDatabases) -> None:
    begin, end = business_days.begin_of(DAY), business_days.end_of(DAY) - timedelta(microseconds=1)
    assert counts(filled, begin) == counts(filled, end) == counts(filled)


def test_the_tables_are_those_that_the_jobs_look_for(filled: DemoDatabases) -> None:
    for _room, table in tables_of(mapping_named(filled.schema)):
        with filled.connect(table.database) as connection:
            tables.check(connection, [table])


def test_a_price_is_asked_for_few_vehicles(filled: DemoDatabases) -> None:
    vehicles = names_of(filled, "vehicles")
    groups = f'SELECT DISTINCT "Make", "Model", "Year" FROM {vehicles} WHERE "Status" = \'Active\''
    assert 100 <= len(rows(filled, vehicles.service, groups)) <= 120


@pytest.mark.parametrize("days_ago", [1, 2, 8])
def test_the_days_that_a_report_compares_have_sales_in_both_currencies(filled: DemoDatabases, days_ago: int) -> None:
    day = DAY - timedelta(days=days_ago)
    vehicles = names_of(filled, "vehicles")
    query = (
        f'SELECT "Currency", count(*) FROM {vehicles} WHERE "Status" = \'Sold\' AND "SoldAt" >= %s AND "SoldAt" < %s'
        ' AND "PublishedAt" < "SoldAt" AND "CreatedAt" <= "PublishedAt" GROUP BY 1'
    )
    sold = dict(rows(filled, "vehiclessaleservice", query, [business_days.begin_of(day), business_days.end_of(day)]))
    assert set(sold) == {"DOP", "USD"}
    assert 15 <= sum(sold.values()) <= 25
    published = f'SELECT count(*) FROM {vehicles} WHERE "PublishedAt" >= %s AND "PublishedAt" < %s'
    window = [business_days.begin_of(day), business_days.end_of(day)]
    assert rows(filled, "vehiclessaleservice", published, window)[0][0] > 20


def test_prices_are_believable_in_their_currency(filled: DemoDatabases) -> None:
    ranges = f'SELECT "Currency", min("Price"), max("Price"), count(*) FROM {names_of(filled, "vehicles")} GROUP BY 1'
    found = {currency: (low, high, count) for currency, low, high, count in rows(filled, "vehiclessaleservice", ranges)}
    more = 0 if filled.schema == "original" else 65
    assert sum(count for _low, _high, count in found.values()) == 2_000 + more
    assert 5_000 < found["USD"][0] < found["USD"][1] < 200_000
    assert 300_000 < found["DOP"][0] < found["DOP"][1] < 12_000_000


def test_nobody_can_be_written_to_by_mistake_and_some_have_no_address(filled: DemoDatabases) -> None:
    emails = [email for (email,) in rows(filled, "userservice", 'SELECT "Email" FROM "Users"')]
    appointments = names_of(filled, "appointments")
    query = f"SELECT {appointments['email']} FROM {appointments}"
    emails += [email for (email,) in rows(filled, "appointmentservice", query)]
    assert len(emails) == 60 + 40 + (0 if filled.schema == "original" else 4)
    written = [email for email in emails if "@" in email]
    assert all(re.fullmatch(r"[a-z0-9.]+@[a-z-]+\.example", email) for email in written)
    assert {"", "no tiene"} == set(emails) - set(written)


def test_a_date_without_a_time_is_kept_as_dotnet_keeps_it(filled: DemoDatabases) -> None:
    """At midnight in UTC; where it came with a zone, at one of the Dominican Republic."""
    dates = rows(
        filled,
        "appointmentservice",
        'SELECT DISTINCT ("ScheduledDate" AT TIME ZONE \'UTC\')::time FROM "Appointments" ORDER BY 1',
    )
    assert dates == ([(time(),)] if filled.schema == "original" else [(time(),), (time(4),)])


def test_one_of_tomorrows_appointments_was_reminded_of_and_past_ones_are_there(filled: DemoDatabases) -> None:
    tomorrow = datetime.combine(DAY + timedelta(days=1), time(), UTC)
    is_reminded = IS_REMINDED[filled.schema]
    on_day = "(\"ScheduledDate\" AT TIME ZONE 'UTC')::date = %s"
    query = f'SELECT count(*) FROM "Appointments" WHERE {on_day} AND {is_reminded}'
    assert rows(filled, "appointmentservice", query, [tomorrow.date()])[0][0] == 1
    past = f'SELECT count(*) FROM "Appointments" WHERE "ScheduledDate" < %s AND NOT ({is_reminded})'
    assert rows(filled, "appointmentservice", past, [tomorrow - timedelta(days=1)])[0][0] > 0


def test_old_rows_of_the_log_lie_on_ten_days_and_none_on_the_limit(filled: DemoDatabases) -> None:
    logs = names_of(filled, "logs")
    query = f"SELECT DISTINCT ({logs['at']} AT TIME ZONE 'America/Santo_Domingo')::date FROM {logs}"
    days = rows(filled, logs.service, f"{query} WHERE {logs['at']} < %s", [NOON - timedelta(days=90)])
    assert sorted(day for (day,) in days) == [DAY - timedelta(days=back) for back in range(100, 90, -1)]


def test_a_reset_draws_the_same_rows_again_and_forgets_what_was_done(empty: DemoDatabases) -> None:
    population.reset(empty, day=DAY)
    ids = f"SELECT md5(string_agg(v::text, ',' ORDER BY \"Id\")) FROM {names_of(empty, 'vehicles')} v"
    drawn = rows(empty, "vehiclessaleservice", ids)
    do_the_work(empty, NOON)
    assert counts(empty)["CleanupExpiredTokensJob"] == 0
    population.reset(empty, day=DAY)
    assert rows(empty, "vehiclessaleservice", ids) == drawn
    assert counts(empty)["CleanupExpiredTokensJob"] == 380


def test_a_reset_takes_a_database_from_whoever_is_connected(empty: DemoDatabases) -> None:
    population.reset(empty, day=DAY)
    with empty.connect("vehiclessaleservice"):
        population.reset(empty, day=DAY)
    assert counts(empty)["SyncVehiclePricesJob"] > 1_200


def test_ensure_makes_what_is_missing_and_then_finds_nothing_to_add(empty: DemoDatabases) -> None:
    assert population.ensure(empty, day=DAY) == [f"{empty.name(service)}: made" for service in every(empty)]
    assert population.ensure(empty, day=DAY) == []
    with empty.alone() as server:
        empty.remove(server, "errorservice")
    assert population.ensure(empty, day=DAY) == [f"{empty.name('errorservice')}: made"]


def test_every_further_day_brings_work_for_every_job(empty: DemoDatabases) -> None:
    population.reset(empty, day=DAY)
    for days in range(1, 5):
        day = DAY + timedelta(days=days)
        now = business_days.instant_of(day, time(12))
        do_the_work(empty, now - timedelta(days=1))
        population.ensure(empty, day=day)
        assert all(counts(empty, now)[job] > 0 for job in counts(empty) if job != "HealthCheckMonitoringJob"), day


def test_days_that_have_passed_are_not_repeated_and_an_older_day_adds_nothing(empty: DemoDatabases) -> None:
    population.reset(empty, day=DAY)
    population.ensure(empty, day=DAY + timedelta(days=2))
    vehicles = f"SELECT count(*) FROM {names_of(empty, 'vehicles')}"
    (before,) = rows(empty, "vehiclessaleservice", vehicles)
    assert population.ensure(empty, day=DAY + timedelta(days=2)) == []
    assert population.ensure(empty, day=DAY) == []
    assert rows(empty, "vehiclessaleservice", vehicles) == [before]
    assert before[0] == 2_000 + (0 if empty.schema == "original" else 65) + 2 * 65


def test_after_a_long_time_only_the_last_days_are_made_up(empty: DemoDatabases) -> None:
    population.reset(empty, day=DAY)
    later = DAY + timedelta(days=400)
    done = population.ensure(empty, day=later)
    assert done == [f"{empty.name(service)}: rows of 8 days added" for service in empty.services]
    days = [day for (day,) in rows(empty, "authservice", 'SELECT "Day" FROM "__DemoDays" ORDER BY 1')]
    assert days == [DAY, *(later - timedelta(days=back) for back in range(7, -1, -1))]
    assert counts(empty, business_days.instant_of(later, time(9)))["GenerateDailyReportsJob"] == 25


@pytest.mark.parametrize("verb", [population.reset, population.ensure], ids=["reset", "ensure"])
def test_a_database_that_is_not_the_demos_is_left_alone(foreign: DemoDatabases, verb: Callable[..., Any]) -> None:
    with pytest.raises(DemoError, match=f"{foreign.name('authservice')} is not the demo's and was left alone"):
        verb(foreign, day=DAY)
    assert rows(foreign, "authservice", "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == [
        ("Precious",)
    ]


def test_what_a_crash_left_half_made_is_made_again(empty: DemoDatabases) -> None:
    with empty.alone() as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(empty.name("authservice"))))
    population.ensure(empty, day=DAY)
    assert counts(empty)["CleanupExpiredTokensJob"] == 380


def test_two_at_once_do_it_once(empty: DemoDatabases) -> None:
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: population.ensure(empty, day=DAY), range(2)))
    assert sorted(map(len, both)) == [0, len(every(empty))]


@pytest.mark.parametrize("prefix", ["", "demo", "Demo_", "1_", 'x"; DROP_', "x" * 31 + "_", "pg demo_"])
def test_a_prefix_that_could_name_something_else_is_refused(prefix: str) -> None:
    with pytest.raises(DemoError, match=PREFIX_VARIABLE):
        DemoDatabases({"host": "nowhere"}, prefix)


def test_a_demo_that_runs_on_adds_the_rows_of_the_new_day(
    empty: DemoDatabases, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    today = business_days.day_of(timezone.now())
    yesterday = today - timedelta(days=1)
    population.reset(empty, day=yesterday)
    monkeypatch.setenv(PREFIX_VARIABLE, empty.prefix)
    settings.SCHEDULER_TABLE_MAPPING = empty.schema

    def days() -> list[date]:
        return [day for (day,) in rows(empty, "errorservice", 'SELECT "Day" FROM "__DemoDays" ORDER BY 1')]

    async def run() -> bool:
        keeping_up = asyncio.create_task(asgi.keep_up(yesterday, look_seconds=0.01))
        is_there = await asyncio.to_thread(eventually, lambda: len(days()) > 1, 30)
        keeping_up.cancel()
        with suppress(asyncio.CancelledError):
            await keeping_up
        return is_there

    assert asyncio.run(run())
    assert days()[:2] == [yesterday, today]


# --- Another mapping -------------------------------------------------------------------------------------------------
def of_other_mapping(databases: DemoDatabases) -> DemoDatabases:
    """The same names, for the other mapping."""
    return demo_process.databases(databases.prefix, schema="okla" if databases.schema == "original" else "original")


def test_another_mapping_gets_tables_of_its_own_and_what_was_received_stays(empty: DemoDatabases) -> None:
    population.reset(empty, day=DAY)
    rows(empty, RECORDS, "INSERT INTO faults (service, mode, seconds, status) VALUES ('gateway', 'down', 0, 503)")
    other = of_other_mapping(empty)
    done = population.ensure(other, day=DAY)
    shared = [service for service in other.services if service in empty.services]
    assert [line for line in done if line.endswith(f"made anew, it was for the mapping {empty.schema}")] == [
        f"{other.name(service)}: made anew, it was for the mapping {empty.schema}" for service in shared
    ]
    assert counts(other)["UpdateVehicleListingStatusJob"] == 150
    assert rows(other, RECORDS, "SELECT count(*) FROM faults") == [(1,)]
    with other.alone() as server:
        assert {other.schema_of(server, service) for service in other.services} == {other.schema}
        assert [other.schema_of(server, service) for service in other.other_services] == [None] * len(
            other.other_services
        )
    assert population.ensure(other, day=DAY) == []


def test_nothing_of_either_mapping_is_left_behind(empty: DemoDatabases) -> None:
    population.reset(empty, day=DAY)
    population.remove(of_other_mapping(empty))
    with empty.alone() as server:
        assert [empty.schema_of(server, service) for service in every(empty)] == [None] * len(every(empty))


def test_databases_of_the_first_release_are_those_of_the_original_mapping() -> None:
    """Their comment names no mapping."""
    databases = demo_process.databases()
    population.reset(databases, day=DAY)
    try:
        with databases.alone() as server:
            for service in every(databases):
                mark = sql.Literal("made by the demo of SchedulerService")
                name = sql.Identifier(databases.name(service))
                server.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(name, mark))
        assert population.ensure(databases, day=DAY) == []
    finally:
        population.remove(databases)


def test_a_mapping_that_the_demo_has_no_tables_for_is_refused() -> None:
    with pytest.raises(
        DemoError, match=r"SCHEDULER_TABLE_MAPPING is 'ours.toml', and the demo has tables for original"
    ):
        DemoDatabases({"host": "nowhere"}, schema="ours.toml")


# --- What only OKLA's own tables have --------------------------------------------------------------------------------
def test_oklas_tables_have_rows_that_no_job_may_touch() -> None:
    databases = demo_process.databases(schema="okla")
    population.reset(databases, day=DAY)
    try:
        for column in ("IsFeatured", "IsPremium", "IsDeleted"):
            query = f'SELECT count(*) FROM vehicles WHERE "{column}" AND "PublishedAt" < %s AND "Status" = \'Active\''
            assert rows(databases, "vehiclessaleservice", query, [NOON - timedelta(days=30)])[0][0] == 20, column
        statuses = rows(databases, "appointmentservice", 'SELECT DISTINCT "Status" FROM "Appointments" ORDER BY 1')
        assert [status for (status,) in statuses] == list(range(7))
        unset = "SELECT count(*) FROM audit.audit_events WHERE \"EventTimestamp\" = '-infinity'"
        assert rows(databases, "auditservice", unset)[0][0] > 800
        words = 'SELECT array_agg(DISTINCT "Condition"), array_agg(DISTINCT "MileageUnit") FROM vehicles'
        ((conditions, units),) = rows(databases, "vehiclessaleservice", words)
        assert set(conditions) == {"New", "CertifiedPreOwned", "Used", "Salvage", "Rebuilt"}
        assert set(units) == {"Kilometers", "Miles", "Hours"}
        theirs = "SELECT count(*) FROM price_analyses"
        assert rows(databases, "vehicleintelligenceservice", theirs) == [(60,)]
    finally:
        population.remove(databases)
