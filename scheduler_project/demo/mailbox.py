"""The e-mails that NotificationService of the demo has sent: kept, never delivered to anybody."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row

from scheduler_project.demo.databases import Connection, storable

TABLE = """
    CREATE TABLE emails (
        number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
        received_at timestamptz NOT NULL DEFAULT now(), recipient text NOT NULL, subject text NOT NULL,
        body text NOT NULL, is_html boolean NOT NULL, status text NOT NULL, recipient_user_id text
    )
"""
# So many are kept; each new one beyond them pushes out the eldest.
KEPT = 5_000
SENT, SKIPPED, CONSENT_BLOCKED = "Sent", "Skipped", "ConsentBlocked"


@dataclass(frozen=True)
class Email:
    """`status`: Sent; Skipped or ConsentBlocked where the service took it and sent nothing."""

    number: int
    id: uuid.UUID
    received_at: datetime
    recipient: str
    subject: str
    body: str
    is_html: bool
    status: str
    recipient_user_id: str | None


def keep(connection: Connection, message: Mapping[str, Any], status: str) -> uuid.UUID:
    """Put a message as NotificationService takes it into the mailbox; return its id."""
    number, key = connection.execute(
        "INSERT INTO emails (recipient, subject, body, is_html, status, recipient_user_id)"
        " VALUES (%s, %s, %s, %s, %s, %s) RETURNING number, id",
        [
            *(storable(message[name]) for name in ("to", "subject", "body")),
            *(message.get("isHtml", True), status, message.get("recipientUserId")),
        ],
    ).fetchone()  # type: ignore[misc]  # an INSERT that returns has one row
    connection.execute("DELETE FROM emails WHERE number <= %s", [number - KEPT])
    return uuid.UUID(str(key))


def newest(connection: Connection, *, before: int | None, at_most: int) -> list[Email]:
    """Newest first, those in front of the number `before`."""
    query = "SELECT * FROM emails WHERE number < coalesce(%s, number + 1) ORDER BY number DESC LIMIT %s"
    with connection.cursor(row_factory=class_row(Email)) as cursor:
        return cursor.execute(query, [before, at_most]).fetchall()


def one(connection: Connection, key: uuid.UUID) -> Email | None:
    with connection.cursor(row_factory=class_row(Email)) as cursor:
        return cursor.execute("SELECT * FROM emails WHERE id = %s", [key]).fetchone()


def count(connection: Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM emails").fetchone()[0])  # type: ignore[index]
