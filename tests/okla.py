"""OKLA's databases as tests need them: empty, real, one set for each process of the suite."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from scheduler_project import connection_strings
from scheduler_project.demo.databases import drop_database
from scheduler_project.demo.schema import TABLES, create_tables


@dataclass(frozen=True)
class Okla:
    """`addresses`: libpq's parameters by service."""

    addresses: Mapping[str, Mapping[str, str]]

    def connect(self, service: str) -> psycopg.Connection[Any]:
        return psycopg.connect(make_conninfo(**self.addresses[service]), autocommit=True)

    def execute(self, service: str, statement: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        with self.connect(service) as connection:
            cursor = connection.execute(statement, parameters)  # type: ignore[call-overload]
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
        for service in TABLES:
            with self.connect(service) as connection:
                tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
                names = sql.SQL(", ").join(sql.Identifier(name) for (name,) in tables)
                connection.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY").format(names))


def create() -> Okla:
    """Make the databases anew on the suite's server."""
    server = connection_strings.parse("DATABASE_URL", os.environ["DATABASE_URL"])
    prefix = f"okla_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}_"
    addresses = {service: {**server, "dbname": prefix + service} for service in TABLES}
    with psycopg.connect(make_conninfo(**server), autocommit=True) as connection:
        for service in TABLES:
            name = sql.Identifier(prefix + service)
            drop_database(connection, prefix + service)
            connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
    okla = Okla(addresses)
    for service in TABLES:
        with okla.connect(service) as connection:
            create_tables(connection, service)
    return okla
