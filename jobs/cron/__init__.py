"""Cron expressions: when a job is due. Pure arithmetic; the time is always an argument."""

from jobs.cron.errors import CronError
from jobs.cron.expression import Cron, CrontabSuperset
from jobs.cron.parsing import DEFAULT_TIME_ZONE, LONGEST_EXPRESSION, MACROS, parse
from jobs.cron.prose import describe
from jobs.cron.remarks import NextExecution, lint, preview

__all__ = [
    "DEFAULT_TIME_ZONE",
    "LONGEST_EXPRESSION",
    "MACROS",
    "Cron",
    "CronError",
    "CrontabSuperset",
    "NextExecution",
    "describe",
    "lint",
    "parse",
    "preview",
]
