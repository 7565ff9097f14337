"""Which of several beats leads: a lease in the database, by the database's clock, with a term that only grows.

A beat that is stopped, cut off or frozen loses its lease after LEASE_SECONDS, and what it had begun is refused: each
batch that it fires renews the lease in the batch's own transaction, which fails once somebody else leads.
"""

import logging
import os
import socket
import uuid

from django.db import connection

from jobs import sessions

logger = logging.getLogger(__name__)

LEASE_SECONDS = 8
# Within a batch nothing is waited for but the database: a leader that is frozen there must not hold up its successor.
FROZEN_AFTER_SECONDS = 8


class Deposed(Exception):
    """Another beat leads by now; what this one was about to write is undone."""


class Lease:
    """One beat's claim to lead. `term` is None while it does not."""

    def __init__(self) -> None:
        self.holder = uuid.uuid4()
        self.term: int | None = None

    def hold(self) -> bool:
        """Take the lease if it is free, or keep it; whether this beat leads."""
        term = self._extend(_TAKE) or self._extend(_FIRST)
        if term != self.term:
            logger.info("This beat leads, term %s", term) if term else logger.warning(
                "This beat does not lead any more"
            )
        self.term = term
        return term is not None

    def renew(self) -> None:
        """Inside the transaction of what only a leader may write. Raises Deposed."""
        sessions.end_if_frozen(FROZEN_AFTER_SECONDS)
        if self._extend(_RENEW) is None:
            self.term = None
            raise Deposed

    def release(self) -> None:
        """Give it up at once, so that another beat need not wait for its end."""
        self._extend(_RELEASE)
        self.term = None

    def _extend(self, statement: str) -> int | None:
        facts = {
            "holder": self.holder, "term": self.term, "seconds": LEASE_SECONDS, "machine": socket.gethostname(),
            "process": os.getpid(),
        }  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute(statement, facts)
            row = cursor.fetchone()
        return None if row is None else int(row[0])


# Only a row that matches is locked: whoever waits for the lease does not wait for the leader's transactions.
_TAKE = """
UPDATE executions_beatlease SET
    term = CASE WHEN holder = %(holder)s AND expires_at > clock_timestamp() THEN term ELSE term + 1 END,
    since = CASE WHEN holder = %(holder)s AND expires_at > clock_timestamp() THEN since ELSE clock_timestamp() END,
    holder = %(holder)s, machine_name = %(machine)s, process_id = %(process)s,
    expires_at = clock_timestamp() + %(seconds)s * interval '1 second'
WHERE id = 1 AND (holder = %(holder)s OR expires_at <= clock_timestamp())
RETURNING term
"""
# Not tried where the row is there: that would wait for whoever is just renewing it.
_FIRST = """
INSERT INTO executions_beatlease (id, holder, term, machine_name, process_id, since, expires_at)
SELECT 1, %(holder)s, 1, %(machine)s, %(process)s, clock_timestamp(),
    clock_timestamp() + %(seconds)s * interval '1 second'
WHERE NOT EXISTS (SELECT FROM executions_beatlease)
ON CONFLICT DO NOTHING RETURNING term
"""
_RENEW = """
UPDATE executions_beatlease SET expires_at = clock_timestamp() + %(seconds)s * interval '1 second'
WHERE id = 1 AND holder = %(holder)s AND term = %(term)s AND expires_at > clock_timestamp()
RETURNING term
"""
_RELEASE = """
UPDATE executions_beatlease SET expires_at = clock_timestamp()
WHERE id = 1 AND holder = %(holder)s AND expires_at > clock_timestamp()
RETURNING term
"""
