"""What is counted of rows of the ledger, and how counts are added up: pieces of SQL, made from two lists of bounds."""

from collections.abc import Mapping, Sequence

# In seconds, each included, as in a histogram of Prometheus. The arrays in the roll-ups have a place for each: whoever
# changes them has a migration to write.
DURATION_BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 900.0, 1_800.0, 3_600.0)
LATENESS_BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3_600.0)
FINISHED = ("completed", "failed", "cancelled", "skipped", "missed")


def _at_most(value: str, bounds: Sequence[float]) -> str:
    return f"ARRAY[{', '.join(f'count(*) FILTER (WHERE {value} <= {bound})' for bound in bounds)}]"


# A clock that is put back adds nothing negative. Late can be what the schedule itself asked for.
ENDED = """
SELECT job_id, status, completed_at, retry_attempt,
    greatest(duration, interval '0') AS duration, extract(epoch FROM duration)::float8 AS seconds,
    greatest(queued_at - scheduled_for, interval '0') AS lateness,
    extract(epoch FROM queued_at - scheduled_for)::float8 AS seconds_late
FROM (
    SELECT job_id, status, completed_at, retry_attempt, duration, queued_at,
        CASE WHEN trigger IN ('Schedule', 'CatchUp') THEN scheduled_for END AS scheduled_for
    FROM executions_jobexecution WHERE completed_at > %(after)s AND completed_at <= %(until)s
) AS ended
"""
COUNTS: Mapping[str, str] = {
    **{name: f"count(*) FILTER (WHERE status = '{name.capitalize()}')" for name in FINISHED},
    "retries": "count(seconds) FILTER (WHERE retry_attempt > 0)",
    "ran": "count(seconds)",
    "duration_total": "coalesce(sum(duration), interval '0')",
    "took_at_most": _at_most("seconds", DURATION_BOUNDS),
    "fired": "count(seconds_late)",
    "lateness_total": "coalesce(sum(lateness), interval '0')",
    "late_at_most": _at_most("seconds_late", LATENESS_BOUNDS),
}
NAMES = ", ".join(COUNTS)
COUNTED = ", ".join(f"{expression} AS {name}" for name, expression in COUNTS.items())


def counted_unless(is_small: str) -> str:
    """The counts, without histograms in those groups of which the condition is true: they are most of a row."""
    return ", ".join(
        f"CASE WHEN {is_small} THEN '{{}}' ELSE {expression} END" if name in HISTOGRAMS else expression
        for name, expression in COUNTS.items()
    )


HISTOGRAMS = ("took_at_most", "late_at_most")


def added_to(table: str) -> str:
    """The assignments of an upsert that adds what is `excluded` to what is there."""
    return ", ".join(
        f"{name} = ARRAY(SELECT old + new"  # noqa: S608 - the names above
        f" FROM unnest({table}.{name}, excluded.{name}) WITH ORDINALITY AS both_of (old, new, place) ORDER BY place)"
        if name in HISTOGRAMS
        else f"{name} = {table}.{name} + excluded.{name}"
        for name in COUNTS
    )
