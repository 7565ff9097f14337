"""What each service of the demo was asked and what it answered."""

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from scheduler_project.demo.databases import Connection, storable

TABLE = """
    CREATE TABLE requests (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, received_at timestamptz NOT NULL DEFAULT now(),
        service text NOT NULL, method text NOT NULL, path text NOT NULL, body text NOT NULL, status int NOT NULL,
        answer text NOT NULL, fault text NOT NULL, milliseconds int NOT NULL
    );
    CREATE INDEX requests_of_service ON requests (service, id)
"""
KEPT = 5_000
TEXT_MAX_CHARACTERS = 20_000


@dataclass(frozen=True)
class Exchange:
    """One request with its answer. `fault`: what the service was told to do instead of answering, or `normal`.

    `body` and `answer` are texts, cut at TEXT_MAX_CHARACTERS. Keys and tokens are in no part of it.
    """

    service: str
    method: str
    path: str
    body: str
    status: int
    answer: str
    fault: str
    milliseconds: int


@dataclass(frozen=True)
class Received(Exchange):
    id: int
    received_at: datetime


def keep(connection: Connection, exchange: Exchange) -> None:
    (number,) = connection.execute(
        "INSERT INTO requests (service, method, path, body, status, answer, fault, milliseconds)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING id",
        [
            *(
                exchange.service,
                exchange.method,
                exchange.path,
                storable(exchange.body[:TEXT_MAX_CHARACTERS]),
                exchange.status,
            ),
            *(storable(exchange.answer[:TEXT_MAX_CHARACTERS]), exchange.fault, exchange.milliseconds),
        ],
    ).fetchone()  # type: ignore[misc]
    connection.execute("DELETE FROM requests WHERE id <= %s", [number - KEPT])


def newest(connection: Connection, *, service: str, before: int | None, at_most: int) -> list[Received]:
    """Newest first, those in front of the id `before`; of one service, or of all when it is empty."""
    query = (
        "SELECT * FROM requests"
        " WHERE id < coalesce(%(before)s, id + 1) AND (%(service)s = '' OR service = %(service)s)"
        " ORDER BY id DESC LIMIT %(most)s"
    )
    with connection.cursor(row_factory=class_row(Received)) as cursor:
        return cursor.execute(query, {"before": before, "service": service, "most": at_most}).fetchall()


def one(connection: Connection, key: int) -> Received | None:
    with connection.cursor(row_factory=class_row(Received)) as cursor:
        return cursor.execute("SELECT * FROM requests WHERE id = %s", [key]).fetchone()


def counts(connection: Connection) -> dict[str, int]:
    """How many were kept, by service."""
    return dict(connection.execute("SELECT service, count(*) FROM requests GROUP BY service").fetchall())
