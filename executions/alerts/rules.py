"""The rules, asked in this order. To add one: a word in `AlertRule`, a statement here, its texts in `sentences`."""

from executions.alerts.failures import CONSECUTIVE_FAILURES
from executions.alerts.lateness import NOT_STARTED, RUNNING_TOO_LONG
from executions.alerts.own_words import JOB
from executions.alerts.service import NO_BEAT, UNACCOUNTED, UNTOLD
from executions.alerts.staffing import NO_WORKER, WAITING_TOO_LONG, WORKER_LOST

# What concerns everything comes first: it is cheap to ask, and the cause of many of the others.
RULES = (
    NO_BEAT,
    NO_WORKER,
    WORKER_LOST,
    UNTOLD,
    UNACCOUNTED,
    WAITING_TOO_LONG,
    RUNNING_TOO_LONG,
    CONSECUTIVE_FAILURES,
    NOT_STARTED,
    JOB,
)
