"""OKLA's databases as tests need them: empty, real, in the tables of each mapping, a set for each process of the suite.

Tests speak of a table by its room and of columns by words of ours, and so run against every mapping:

    logs = okla["logs"]
    okla.add("logs", at=NOON)
    okla.execute(logs.service, f"UPDATE {logs} SET {logs['message']} = 'resolved'")
"""

import os
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from jobs.gateways import mappings
from scheduler_project import connection_strings
from scheduler_project.demo.databases import drop_database
from scheduler_project.demo.schemas import SCHEMAS, create_tables

USER = "a-user"  # whose tokens they are where a token must have an owner
USERS = 'INSERT INTO "Users" ("Id", "Email", "CreatedAt") VALUES (%s, \'\', now())'
# What a column gets that must have a value when a test gives it none: by type, as PostgreSQL calls it.
FILLERS = {
    "boolean": False, "integer": 0, "bigint": 0, "numeric": 1, "uuid": lambda: str(uuid.uuid4()), "jsonb": "{}",
    "timestamp with time zone": "2026-01-01 00:00Z", "time without time zone": "12:00",
}  # fmt: skip
# Ids of log rows are drawn from this in every mapping, so that tests can name them: see `Okla.log_id`.
NUMBERED = """
    CREATE SEQUENCE log_ids OWNED BY error_logs.id;
    ALTER TABLE error_logs ALTER COLUMN id
        SET DEFAULT ('00000000-0000-4000-8000-' || lpad(to_hex(nextval('log_ids')), 12, '0'))::uuid
"""


@dataclass(frozen=True)
class Names:
    """A table: as text its quoted name, `names["word"]` a column's. `fixed`: their column -> what rows have there."""

    service: str
    table: str
    columns: Mapping[str, str]
    fixed: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return ".".join(f'"{part}"' for part in self.table.split("."))

    def __getitem__(self, word: str) -> str:
        return f'"{self.columns[word]}"'


TOKEN = {"id": "Id", "at": "ExpiresAt", "token": "Token"}
VEHICLE = {
    "id": "Id", "seller_id": "SellerId", "title": "Title", "make": "Make", "model": "Model", "year": "Year",
    "mileage": "Mileage", "price": "Price", "currency": "Currency", "status": "Status", "published_at": "PublishedAt",
    "sold_at": "SoldAt",
}  # fmt: skip
LISTED = {"Make": "Toyota", "Model": "Corolla", "Year": 2020, "Price": 900_000, "Currency": "DOP", "Status": "Active"}
NAMES: dict[str, dict[str, Names]] = {
    "original": {
        "refresh_tokens": Names("authservice", "RefreshTokens", TOKEN),
        "verification_tokens": Names("authservice", "VerificationTokens", TOKEN),
        "users": Names("userservice", "Users", {"id": "Id", "email": "Email"}),
        "vehicles": Names("vehiclessaleservice", "Vehicles", {**VEHICLE, "suggested": "SuggestedPrice"}, LISTED),
        "appointments": Names(
            "appointmentservice",
            "Appointments",
            {
                "id": "Id",
                "email": "ClientEmail",
                "date": "ScheduledDate",
                "time": "ScheduledTime",
                "reminded": "ReminderSent",
            },
        ),
        "logs": Names(
            "errorservice",
            "Logs",
            {"id": "Id", "at": "Timestamp", "kind": "Level", "message": "Message", "more": "Properties"},
        ),
    },
    "okla": {
        "refresh_tokens": Names("authservice", "RefreshTokens", TOKEN, {"UserId": USER}),
        "verification_tokens": Names("authservice", "VerificationTokens", TOKEN, {"UserId": USER}),
        "users": Names("userservice", "Users", {"id": "Id", "email": "Email"}),
        "vehicles": Names(
            "vehiclessaleservice",
            "vehicles",
            {**VEHICLE, "seller_email": "SellerEmail", "stamp": "ConcurrencyStamp", "changed": "UpdatedAt"},
            {**LISTED, "MileageUnit": "Kilometers", "Condition": "Used", "ConcurrencyStamp": "as it was"},
        ),
        "analyses": Names(
            "vehicleintelligenceservice",
            "price_analyses",
            {"id": "Id", "vehicle_id": "VehicleId", "suggested": "SuggestedPrice", "at": "AnalysisDate"},
        ),
        "appointments": Names(
            "appointmentservice",
            "Appointments",
            {
                "id": "Id",
                "email": "CustomerEmail",
                "date": "ScheduledDate",
                "time": "StartTime",
                "reminded": "ReminderSentAt",
                "status": "Status",
                "changed": "UpdatedAt",
            },
        ),
        "logs": Names(
            "errorservice",
            "error_logs",
            {"id": "id", "at": "occurred_at", "kind": "service_name", "message": "message", "more": "metadata"},
        ),
        "audit_logs": Names("auditservice", "audit.audit_logs", {"id": "Id", "at": "CreatedAt"}),
        "audit_events": Names("auditservice", "audit.audit_events", {"id": "Id", "at": "ConsumedAt"}),
    },
}


@dataclass(frozen=True)
class Okla:
    """`addresses`: libpq's parameters by service. `schema`: the mapping that its tables are for."""

    addresses: Mapping[str, Mapping[str, str]]
    schema: str = "original"
    _touched: set[str] = field(default_factory=set)

    def __getitem__(self, room: str) -> Names:
        return NAMES[self.schema][room]

    @property
    def mapping(self) -> mappings.Mapping:
        """What the gateways have for it."""
        return mappings.mapping_named(self.schema)

    @property
    def expired(self) -> str:
        """The status of a listing that has expired."""
        return {"original": "Expired", "okla": "Archived"}[self.schema]

    @property
    def is_reminded(self) -> str:
        """A condition on appointments."""
        return {"original": '"ReminderSent"', "okla": '"ReminderSentAt" IS NOT NULL'}[self.schema]

    def log_id(self, number: int) -> str:
        """The id of the log row that was added as the `number`th, from 1 on."""
        return str(number) if self.schema == "original" else f"00000000-0000-4000-8000-{number:012x}"

    # --- Rows, in words of ours --------------------------------------------------------------------------------------
    def add(self, room: str, **words: Any) -> str:
        """A row by words of ours, or by columns' own names; return its id as text."""
        names = self[room]
        if "reminded" in words and self.schema == "okla":
            words["reminded"] = datetime.now(UTC) if words["reminded"] else None
        given = {names.columns.get(word, word): value for word, value in words.items()}
        row = {**self._fillers(names), **names.fixed, **given}
        row = {name: value() if callable(value) else value for name, value in row.items()}
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING {}::text").format(
            sql.Identifier(*names.table.split(".")),
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join(map(sql.Literal, row.values())),
            sql.Identifier(names.columns["id"]),
        )
        return str(self.execute(names.service, statement)[0][0])

    def count_of(self, room: str, where: str = "TRUE") -> int:
        return int(self.execute(self[room].service, f"SELECT count(*) FROM {self[room]} WHERE {where}")[0][0])

    def value(self, room: str, word: str, key: str) -> Any:
        """Of one row."""
        names = self[room]
        query = f"SELECT {names[word]} FROM {names} WHERE {names['id']} = %s"
        return self.execute(names.service, query, [key])[0][0]

    def change(self, room: str, key: str, **words: Any) -> None:
        """Of one row."""
        names = self[room]
        for word, value in words.items():
            self.execute(names.service, f"UPDATE {names} SET {names[word]} = %s WHERE {names['id']} = %s", [value, key])

    # --- Rows, in theirs ---------------------------------------------------------------------------------------------
    def connect(self, service: str) -> psycopg.Connection[Any]:
        self._touched.add(service)
        return psycopg.connect(make_conninfo(**self.addresses[service]), autocommit=True)

    def execute(self, service: str, statement: Any, parameters: Any = None) -> list[tuple[Any, ...]]:
        with self.connect(service) as connection:
            cursor = connection.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def insert(self, service: str, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Rows by their columns' names there."""
        with self.connect(service) as connection, connection.cursor() as cursor:
            for row in rows:
                statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                    sql.Identifier(table),
                    sql.SQL(", ").join(map(sql.Identifier, row)),
                    sql.SQL(", ").join(map(sql.Literal, row.values())),
                )
                cursor.execute(statement)

    def count(self, service: str, table: str, where: str = "TRUE") -> int:
        return int(self.execute(service, f'SELECT count(*) FROM "{table}" WHERE {where}')[0][0])

    def empty(self) -> None:
        """All of it; of OKLA's own tables, those of the services that a test has touched."""
        for service in self.addresses if self.schema == "original" else list(self._touched):
            with self.connect(service) as connection:
                names = sql.SQL(", ").join(sql.Identifier(*table) for table in self._tables(service, connection))
                connection.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY CASCADE").format(names))
                if (self.schema, service) == ("okla", "authservice"):
                    connection.execute(USERS, [USER])
        self._touched.clear()

    # --- How ---------------------------------------------------------------------------------------------------------
    def _tables(self, service: str, connection: psycopg.Connection[Any]) -> list[tuple[str, str]]:
        query = (
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        return connection.execute(query).fetchall()  # type: ignore[return-value]

    def _fillers(self, names: Names) -> dict[str, Any]:
        """For each column that must have a value, one that nobody looks at."""
        key = (self.schema, names.service, names.table)
        if key not in _FILLERS:
            query = (
                "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = %s::regclass"
                " AND attnum > 0 AND NOT attisdropped AND attnotnull AND NOT atthasdef AND attidentity = ''"
            )
            found = self.execute(names.service, query, [str(names)])
            unique = (names.columns["id"], "Token")
            _FILLERS[key] = {column: FILLERS.get(kind, new_text if column in unique else "") for column, kind in found}
        return _FILLERS[key]


def new_text() -> str:
    return str(uuid.uuid4())


_FILLERS: dict[tuple[str, str, str], dict[str, Any]] = {}


def create(schema: str = "original") -> Okla:
    """Make the databases anew on the suite's server."""
    server = connection_strings.parse("DATABASE_URL", os.environ["DATABASE_URL"])
    prefix = f"okla_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}_{schema}_"
    addresses = {service: {**server, "dbname": prefix + service} for service in SCHEMAS[schema]}
    with psycopg.connect(make_conninfo(**server), autocommit=True) as connection:
        for service in addresses:
            drop_database(connection, prefix + service)
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(prefix + service)))
    okla = Okla(addresses, schema)
    for service in addresses:
        with okla.connect(service) as connection:
            create_tables(connection, schema, service)
            if (schema, service) == ("okla", "errorservice"):
                connection.execute(NUMBERED)
    return okla
