"""UserService's users: where they can be written to (OKLA.md §1.5)."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg import sql

from jobs.gateways.databases import ServiceDatabase, ServiceDatabases
from jobs.gateways.mappings import Mapping
from jobs.gateways.tables import Table, one_of


@dataclass(frozen=True)
class UserDirectory:
    """The table, ready to work on."""

    database: ServiceDatabase
    table: Table

    def addresses(self, ids: Collection[str]) -> dict[str, str]:
        """The e-mail addresses of these users, by id; those who have none are left out."""
        query = sql.SQL("SELECT {id}::text, {email} FROM {table} WHERE {counts} AND {one_of}").format(
            id=self.table["id"],
            email=self.table["email"],
            table=self.table.identifier,
            counts=self.table.counts,
            one_of=one_of(self.table["id"], ids),
        )
        return {key: email.strip() for key, email in self.database.rows(query) if email and email.strip()}


@dataclass(frozen=True)
class Users:
    databases: ServiceDatabases
    mapping: Mapping

    @contextmanager
    def open(self) -> Iterator[UserDirectory]:
        """The table, after it has been found to be what the mapping says."""
        table = self.mapping.users
        with self.databases.open(table.database, checked=[table]) as database:
            yield UserDirectory(database, table)
