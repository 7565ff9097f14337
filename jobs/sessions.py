"""What this database session may do to others that wait for its locks, within the transaction that is under way."""

from django.db import connection

# Within a transaction nothing is waited for but the database. A process that stands still there, frozen or cut off from
# the network, keeps its locks until PostgreSQL ends its session: before anybody gives its run up (45 s).
FROZEN_AFTER_SECONDS = 20


def end_if_frozen(seconds: int = FROZEN_AFTER_SECONDS) -> None:
    """Have PostgreSQL end this session when it stands idle in this transaction for so long."""
    _set("idle_in_transaction_session_timeout", seconds)


def give_up_waiting(seconds: int) -> None:
    """Have the wait for a lock end with an OperationalError after so long, in this transaction."""
    _set("lock_timeout", seconds)


def _set(name: str, seconds: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config(%s, %s, true)", [name, f"{seconds}s"])
