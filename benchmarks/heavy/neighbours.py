"""The neighbours that the heavy jobs work on: OKLA's databases on the stage's own server, and a NotificationService."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from benchmarks import notification_peer
from benchmarks.heavy.cases import SERVICES, Case
from benchmarks.stage import Stage
from scheduler_project.demo.schemas import create_tables


@dataclass(frozen=True)
class Neighbours:
    """`addresses`: of the databases, by service; a URL or libpq's form."""

    addresses: Mapping[str, str]
    notifications: str
    cold_storage: Path

    @property
    def environment(self) -> dict[str, str]:
        """By which the service reaches them."""
        return {
            "SCHEDULER_TABLE_MAPPING": "original",
            **{f"{service.upper()}_DATABASE_CONNECTION_STRING": url for service, url in self.addresses.items()},
            "ServiceUrls__NotificationService": self.notifications,
            "Security__InternalApiKey": "an-internal-key",
            "SCHEDULER_ARCHIVE_URL": self.cold_storage.as_uri(),
        }

    def connect(self, service: str) -> psycopg.Connection[tuple[int, ...]]:
        return psycopg.connect(self.addresses[service], autocommit=True, application_name="benchmark")

    def fill(self, case: Case, rows: int) -> None:
        """Its rows and no others, in a database that has had its time to rest; nothing in cold storage."""
        for service, statements in case.rows.items():
            with self.connect(service) as connection:
                tables = "SELECT format('%I', tablename) FROM pg_tables WHERE schemaname = 'public'"
                names = ", ".join(str(name) for (name,) in connection.execute(tables).fetchall())
                connection.execute(f"TRUNCATE {names} RESTART IDENTITY".encode())
                for statement in statements:
                    connection.execute(statement.replace("{rows}", str(rows)).encode())
                connection.execute("VACUUM ANALYZE")
        shutil.rmtree(self.cold_storage)
        self.cold_storage.mkdir()

    def due(self, case: Case) -> int:
        """How many rows of the case's table are still to be done."""
        with self.connect(case.service) as connection:
            return connection.execute(f"SELECT count(*) FROM {case.table} WHERE {case.due}".encode()).fetchall()[0][0]


@contextmanager
def living(stage: Stage) -> Iterator[Neighbours]:
    urls = {service: stage.new_database(service) for service in SERVICES}
    for service, url in urls.items():
        with psycopg.connect(url) as connection:
            create_tables(connection, "original", service)
    cold_storage = stage.folder / "cold-storage"
    cold_storage.mkdir()
    with notification_peer.serving() as notifications:
        yield Neighbours(urls, notifications, cold_storage)
