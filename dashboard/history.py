"""How runs have ended over time: from the roll-ups, with what they do not hold yet added from the ledger.

All is read by one statement, as of one moment: nothing is counted twice while somebody folds, and nothing left out.
"""

import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any

from django.db import connection

from dashboard.charts.bars import Bucket
from executions import ids

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ENDS = ("Completed", "Failed", "Cancelled", "Skipped", "Missed")
# The last minutes are told by the second, from the ledger itself.
FINE, FINE_STEP = timedelta(minutes=10), timedelta(seconds=10)
# What is not folded yet is a minute's worth; after a long outage no more of it than this is counted one by one.
LONGEST_TAIL = timedelta(days=2)
# Of one job there are no roll-ups by time: so many of its rows are counted. A job of every hour has these in a year.
MOST_OF_ONE_JOB = 10_000
# What ends today was due within so many days; what was due earlier stands in its day from tomorrow on.
LONGEST_RUN = timedelta(days=2)
QUARTER = timedelta(minutes=15)  # no zone's day begins between two of them


@dataclass(frozen=True)
class Ended:
    """What ended within a piece of time that begins at `begins_at`. `ran`: those that a worker had, for `duration`."""

    begins_at: datetime
    counts: Counter[str]
    ran: int
    duration: timedelta

    @property
    def mean(self) -> timedelta | None:
        """None when nothing ran."""
        return self.duration / self.ran if self.ran else None

    @property
    def average(self) -> timedelta:
        """The mean in whole seconds; zero when nothing ran."""
        return timedelta(seconds=round((self.mean or timedelta()).total_seconds()))


def pieces(begin: datetime, now: datetime) -> list[Ended]:
    """What ended since the hour of `begin`, each once, in pieces of an hour or less; one query.

    No piece reaches over the instant 24 hours before `now`, nor over one of the last minutes' steps.
    """
    fine, cut = minute_of(now - FINE), now - DAY
    asked: dict[str, Any] = {
        "begin": begin - HOUR, "now": now, "cut": cut, "cut_minute": minute_of(cut), "cut_hour": _hour(cut),
        "fine": fine, "fine_hour": _hour(fine), "step": FINE_STEP, "tail": max(begin - HOUR, now - LONGEST_TAIL),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_PIECES, asked)
        return [Ended(row[0], _counter(row[1:6]), *row[6:]) for row in cursor.fetchall()]


def last_day(now: datetime) -> Ended:
    """What ended in the 24 hours before `now`, to the instant; one query."""
    return together(pieces(now - DAY, now), since=now - DAY)


def together(found: Iterable[Ended], *, since: datetime) -> Ended:
    counts, ran, duration = Counter[str](), 0, timedelta()
    for each in found:
        if each.begins_at >= since:
            counts.update(each.counts)
            ran, duration = ran + each.ran, duration + each.duration
    return Ended(since, counts, ran, duration)


def buckets(found: Iterable[Ended], begin: datetime, *, step: timedelta, number: int, zone: tzinfo) -> list[Bucket]:
    """`number` buckets of `step` from `begin` on. A step of whole days follows the zone's calendar."""
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    first_day = begin.astimezone(zone).date()
    for each in found:
        if each.begins_at >= begin:
            counts[_place(each.begins_at, begin, first_day, step, zone)].update(each.counts)
    return [Bucket(_start(begin, step * place, zone), dict(counts[place])) for place in range(number)]


def last_minutes(found: Iterable[Ended], now: datetime) -> list[Bucket]:
    """The last ten minutes by ten seconds, the oldest first, empty ones included; of `pieces`."""
    number = FINE // FINE_STEP
    begin = minute_of(now) + (now - minute_of(now)) // FINE_STEP * FINE_STEP - FINE_STEP * (number - 1)
    return buckets(found, begin, step=FINE_STEP, number=number, zone=UTC)


def minute_of(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def days_of_job(
    job_id: uuid.UUID, now: datetime, zone: tzinfo, *, number: int, most: int = MOST_OF_ONE_JOB
) -> Mapping[date, Counter[str]]:
    """The last `number` days by the calendar of that zone; of a frequent job as many whole days as `most` rows make.

    Days that are over stay as they were: this process counts them once.
    """
    today = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    of_today = _days(job_id, today, None, due_since=today - LONGEST_RUN, most=most)
    return {**_days_before(job_id, today, number, most), **of_today}


@lru_cache(maxsize=64)
def _days_before(job_id: uuid.UUID, today: datetime, number: int, most: int) -> Mapping[date, Counter[str]]:
    begin = today - timedelta(days=number)
    found = _days(job_id, begin, today, due_since=begin, most=most)
    if sum(map(Counter.total, found.values())) >= most:
        del found[min(found)]  # not all of that day were counted
    return found


def _days(
    job_id: uuid.UUID, begin: datetime, end: datetime | None, *, due_since: datetime, most: int
) -> dict[date, Counter[str]]:
    counts: dict[date, Counter[str]] = defaultdict(Counter)
    asked: dict[str, Any] = {
        "job": job_id, "begin": begin, "end": end, "least": ids.floor(due_since), "most": most, "quarter": QUARTER,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_OF_JOB, asked)
        for at, status, count in cursor.fetchall():
            counts[at.astimezone(begin.tzinfo).date()][status] += count
    return counts


def _place(at: datetime, begin: datetime, first_day: date, step: timedelta, zone: tzinfo) -> int:
    if step >= DAY:
        return (at.astimezone(zone).date() - first_day) // step
    return (at - begin) // step


def _start(begin: datetime, offset: timedelta, zone: tzinfo) -> datetime:
    """On the clock of the zone where whole days are counted."""
    return begin.astimezone(zone) + offset


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _counter(counts: Iterable[int]) -> Counter[str]:
    return Counter({status: count for status, count in zip(ENDS, counts, strict=True) if count})


_COUNTED = ", ".join(f"count(*) FILTER (WHERE status = '{status}')" for status in ENDS)
_COLUMNS = ", ".join(status.lower() for status in ENDS)
_SUMMED = ", ".join(f"sum({status.lower()})::bigint" for status in ENDS)
# `folded` is of the same moment as the roll-ups beside it; the plain instants are what an index is chosen by.
_PIECES = f"""
WITH cursor AS MATERIALIZED (SELECT coalesce(max(folded_until), '-infinity') AS folded FROM executions_rollupcursor)
SELECT begins_at, {_COLUMNS}, ran, duration_total FROM executions_rollup
WHERE span = 'Hour' AND job_id IS NULL AND begins_at > %(begin)s AND begins_at < %(fine_hour)s
    AND begins_at <> %(cut_hour)s
UNION ALL
SELECT CASE WHEN begins_at > %(cut)s AND begins_at < %(cut_hour)s + interval '1 hour' THEN %(cut)s
        ELSE date_trunc('hour', begins_at, 'UTC') END, {_SUMMED}, sum(ran)::bigint, sum(duration_total)
FROM executions_rollup
WHERE span = 'Minute' AND job_id IS NULL
    AND (begins_at >= %(cut_hour)s AND begins_at < %(cut_hour)s + interval '1 hour' AND begins_at <> %(cut_minute)s
        OR begins_at >= %(fine_hour)s AND begins_at < %(fine)s)
GROUP BY 1
UNION ALL
SELECT CASE WHEN completed_at >= %(fine)s THEN date_bin(%(step)s, completed_at, %(fine)s)
        WHEN completed_at > %(cut)s AND completed_at < %(cut_hour)s + interval '1 hour' THEN %(cut)s
        ELSE date_trunc('hour', completed_at, 'UTC') END, {_COUNTED},
    count(duration), coalesce(sum(greatest(duration, interval '0')), interval '0')
FROM executions_jobexecution, cursor
WHERE completed_at > %(tail)s AND completed_at <= %(now)s
    AND completed_at >= least((SELECT folded FROM cursor), %(fine)s)
    AND (completed_at > folded OR completed_at >= %(fine)s)
GROUP BY 1
UNION ALL
SELECT CASE WHEN completed_at > %(cut)s THEN %(cut)s ELSE %(cut_hour)s END, {_COUNTED},
    count(duration), coalesce(sum(greatest(duration, interval '0')), interval '0')
FROM executions_jobexecution, cursor
WHERE completed_at >= %(cut_minute)s AND completed_at < %(cut_minute)s + interval '1 minute' AND completed_at <= folded
GROUP BY 1
"""  # noqa: S608 - nothing in it comes from outside
_OF_JOB = """
SELECT date_bin(%(quarter)s, completed_at, timestamptz 'epoch'), status, count(*)
FROM (
    SELECT completed_at, status FROM executions_jobexecution
    WHERE job_id = %(job)s AND id >= %(least)s ORDER BY id DESC LIMIT %(most)s
) AS newest
WHERE completed_at >= %(begin)s AND (%(end)s::timestamptz IS NULL OR completed_at < %(end)s)
GROUP BY 1, 2
"""
