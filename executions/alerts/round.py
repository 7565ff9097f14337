"""One round: the rules are asked, by one of all the processes that would, and what has changed is to be told."""

import json
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from executions import watch
from executions.alerts import episodes
from executions.alerts.rules import RULES
from executions.audit_feed.streams import horizon
from executions.models import AlertRound
from executions.notices import outbox
from executions.workers import SILENT_AFTER_SECONDS
from jobs import sessions

logger = logging.getLogger(__name__)

ROUND_SECONDS = 5
# Between the instant that a run's end bears and the first write of its transaction something may happen, but not for so
# long; from then on `horizon` waits for that transaction.
LATE_COMMITS = timedelta(seconds=60)
TICK = timedelta(microseconds=1)
# The first time, and after an outage: what takes longer to look at than a rule may take would never be looked at.
LONGEST_LOOK_BACK = timedelta(days=3)
# After an outage of the database everybody has been silent: by then who lives has been heard of again.
WATCHED_FOR_SECONDS = 60.0
# Nobody may hold up the rules: neither who is frozen while he asks them, nor who has locked an alert, nor one rule.
FROZEN_AFTER_SECONDS = 8
LONGEST_WAIT_SECONDS = 2
LONGEST_QUESTION_SECONDS = 20

LIMITS: Mapping[str, Any] = {
    "counted": 30,  # consecutive failures beyond this are "at least" so many
    "duration": 1_800,  # SPEC §2, of a job that names no maximum of its own
    "moment": 10,  # what was written just now is given a moment to start
    "silent": SILENT_AFTER_SECONDS,
    "missed": 24 * 3_600,  # a worker that was lost is not waited for any longer
    "unserved": 15,
    "leaderless": 50,  # after the end of a lease of 8 s: for about a minute nothing was heard of a beat
    "tries": 3,
    "untold": 300,
}

_failing: set[str] = set()


def ask(*, lag: timedelta = LATE_COMMITS) -> bool:
    """Ask the rules, unless somebody has done so within ROUND_SECONDS or is doing it; whether this process has.

    What is asked of silence is left out until the database has been seen to answer for a while. Each rule goes on from
    where it has answered last, however many rounds ago. Raises the database's errors: then nothing has changed.
    """
    if not _is_due():
        return False
    # In a transaction of its own: whoever takes a turn of the schedule notes the same.
    watched_seconds = watch.seconds()
    with transaction.atomic():
        sessions.end_if_frozen(FROZEN_AFTER_SECONDS)
        sessions.give_up_waiting(LONGEST_WAIT_SECONDS)
        looked_until = _take()
        if looked_until is None:
            return False
        until = horizon(lag) - TICK
        for rule in RULES:
            if watched_seconds >= WATCHED_FOR_SECONDS or not rule.is_about_silence:
                asked = {**LIMITS, **_chosen(), "since": _since(looked_until.get(rule.name), until)}
                if _apart(rule.name, partial(episodes.bring_up_to_date, rule, asked)):
                    looked_until[rule.name] = until.isoformat()
        AlertRound.objects.update(looked_until=looked_until)
        _apart("release", outbox.release_failed_runs)
    return True


def _chosen() -> Mapping[str, Any]:
    """The limits that an operator sets."""
    return {
        "failures": settings.SCHEDULER_ALERT_FAILURES,
        "waiting": settings.SCHEDULER_ALERT_WAITING_SECONDS,
    }


def _since(looked_until: str | None, until: datetime) -> datetime:
    """After a clock went wrong and was put right, a rule may have looked into the future."""
    earliest = until - LONGEST_LOOK_BACK
    return min(max(datetime.fromisoformat(looked_until), earliest), until) if looked_until else earliest


def _apart(name: str, action: Callable[[], object]) -> bool:
    """What it says itself, or False. What goes wrong in it is undone, said once, and touches nothing else."""
    try:
        with transaction.atomic():
            is_done = bool(action())
    except Exception:
        if connection.needs_rollback:
            raise  # the connection is gone
        if name not in _failing:
            logger.exception("The rule %s cannot be asked; each round tries it again.", name)
        _failing.add(name)
        return False
    _failing.discard(name)
    return is_done


def _is_due() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_IS_DUE, {"seconds": ROUND_SECONDS})
        row = cursor.fetchone()
        if row is None:
            cursor.execute(_FIRST)
    return row is None or bool(row[0])


def _take() -> dict[str, str] | None:
    """Take this round; up to when each rule has looked. None when it is somebody else's."""
    with connection.cursor() as cursor:
        cursor.execute(_LIMIT_QUESTIONS, [f"{LONGEST_QUESTION_SECONDS}s"])
        cursor.execute(_TAKE, {"seconds": ROUND_SECONDS})
        row = cursor.fetchone()
    return None if row is None else json.loads(row[0])


# After a clock went wrong and was put right, the last round may have been in the future.
_DUE = """
asked_at NOT BETWEEN statement_timestamp() - %(seconds)s * interval '1 second'
    AND statement_timestamp() + %(seconds)s * interval '1 second'
"""
_IS_DUE = f"SELECT {_DUE} FROM executions_alertround"  # noqa: S608 - nothing in it comes from outside
_FIRST = """
INSERT INTO executions_alertround (id, asked_at) VALUES (1, statement_timestamp() - interval '1 day')
ON CONFLICT DO NOTHING
"""
# Whoever does not get it does not wait for it.
_TAKE = f"""
WITH due AS (SELECT id FROM executions_alertround WHERE {_DUE} FOR UPDATE SKIP LOCKED)
UPDATE executions_alertround AS round SET asked_at = statement_timestamp() FROM due WHERE round.id = due.id
RETURNING looked_until
"""  # noqa: S608 - nothing in it comes from outside
# To compile a statement that is asked every few seconds takes longer than to run it.
_LIMIT_QUESTIONS = "SELECT set_config('statement_timeout', %s, true), set_config('jit', 'off', true)"
