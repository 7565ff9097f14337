"""The outgoing heartbeat: somebody else is told once a minute that alerts would be raised, and misses it when not."""

import logging

from django.conf import settings
from django.db import connection

from jobs.gateways import http

logger = logging.getLogger(__name__)

EVERY_SECONDS = 60
# Without a round for so long nobody asks the rules, and the silence is what is to be noticed.
ROUNDS_STOPPED_AFTER_SECONDS = 30
TIMEOUT_SECONDS = 10.0
ANSWER_MAX_BYTES = 1_024

_faults: list[str] = []  # one or none: what is said once


def send() -> bool:
    """Send it if one is due for all processes together and rounds are being asked; whether it was heard.

    Raises the database's errors; what the other side does is only logged, once until it hears again.
    """
    url = settings.SCHEDULER_SIGN_OF_LIFE_URL
    if not url or not _take():
        return False
    try:
        answer = http.ask(http.Request("GET", url, TIMEOUT_SECONDS, answer_max_bytes=ANSWER_MAX_BYTES))
        fault = "" if answer.is_success else f"HTTP {answer.status}"
    except http.NoAnswer as no_answer:
        fault = str(no_answer)
    if fault and not _faults:
        logger.warning("The sign of life is not heard, it is tried again each minute: %s", fault)
    elif _faults and not fault:
        logger.info("The sign of life is heard again.")
    _faults[:] = [fault] if fault else []
    return not fault


def _take() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, {"every": EVERY_SECONDS, "stopped": ROUNDS_STOPPED_AFTER_SECONDS})
        return cursor.fetchone() is not None


_TAKE = """
WITH due AS (
    SELECT id FROM executions_alertround
    WHERE asked_at > statement_timestamp() - %(stopped)s * interval '1 second'
        AND sign_of_life_at BETWEEN statement_timestamp() - %(every)s * interval '1 second' AND statement_timestamp()
            IS NOT TRUE
    FOR UPDATE SKIP LOCKED
)
UPDATE executions_alertround SET sign_of_life_at = statement_timestamp() FROM due
WHERE executions_alertround.id = due.id RETURNING due.id
"""
