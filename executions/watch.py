"""For how long the database has been seen to answer without a gap, whoever took the turns or asked the rules."""

from django.db import connection

# A leader that dies is followed within 9 s, and each turn of the watch is at most 5 s after the last. No worker that
# lives and beats every 10 s looks silent for 45 s because of a gap this long.
LONGEST_GAP_SECONDS = 20


def seconds() -> float:
    """Note that the database answers now; return since when it has done so."""
    with connection.cursor() as cursor:
        cursor.execute(_NOTE, {"gap": LONGEST_GAP_SECONDS})
        return float(cursor.fetchone()[0])


_NOTE = """
INSERT INTO executions_watch AS watch (id, since, last_turn_at) VALUES (1, clock_timestamp(), clock_timestamp())
ON CONFLICT (id) DO UPDATE SET
    since = CASE WHEN watch.last_turn_at > clock_timestamp() - %(gap)s * interval '1 second'
        THEN watch.since ELSE clock_timestamp() END,
    last_turn_at = clock_timestamp()
RETURNING extract(epoch FROM last_turn_at - since)
"""
