"""What waits for the jobs in the demo's databases, counted as the jobs count it."""

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.utils.functional import Promise

from jobs import business_days
from scheduler_project.demo.databases import DemoDatabases
from scheduler_project.demo.environment import HEALTH_OF
from scheduler_project.demo.questions import ON_OFFER, QUESTIONS, Question
from scheduler_project.demo.rows.logs import KEPT_DAYS
from scheduler_project.demo.rows.vehicles import ACTIVE_DAYS

BACKED_UP = ("vehiclessaleservice", "authservice", "userservice")  # by BackupDatabaseJob, unless told otherwise


@dataclass(frozen=True)
class Figure:
    title: str | Promise
    count: int
    job: str  # whose work it is


def figures(databases: DemoDatabases, now: datetime) -> list[Figure]:
    """As they stand at that instant. Raises psycopg.Error."""
    questions = QUESTIONS[databases.schema]
    facts = _facts(databases, now)
    counts: dict[Question, int] = {}
    for service in dict.fromkeys(question.service for question in questions):
        with databases.connect(service) as connection:
            for question in questions:
                if question.service == service:
                    row = connection.execute(question.query.encode(), facts).fetchone()
                    counts[question] = int(row[0]) if row else 0
    return [Figure(question.about.title, counts[question], question.about.job) for question in questions]


def _facts(databases: DemoDatabases, now: datetime) -> dict[str, Any]:
    day = business_days.day_of(now)
    return {
        "now": now,
        "yesterday": business_days.begin_of(day - business_days.ONE_DAY),
        "today": business_days.begin_of(day),
        "tomorrow": day + business_days.ONE_DAY,
        "log_limit": business_days.begin_of(day - timedelta(days=KEPT_DAYS)),
        "listing_limit": now - timedelta(days=ACTIVE_DAYS),
        "backed_up": [databases.name(service) for service in BACKED_UP],
        "watched": list(HEALTH_OF),
        "on_offer": _on_offer(databases) if databases.schema == "okla" else [],
    }


def _on_offer(databases: DemoDatabases) -> list[Any]:
    with databases.connect("vehiclessaleservice") as connection:
        return [key for (key,) in connection.execute(ON_OFFER).fetchall()]


@dataclass(frozen=True)
class ColdStorage:
    """The folder that archives and backups go to. `files` is None where they go somewhere else."""

    folder: str
    files: int | None
    size: int = 0  # bytes


def cold_storage() -> ColdStorage:
    parts = urlsplit(settings.SCHEDULER_ARCHIVE_URL)
    if parts.scheme != "file":
        return ColdStorage(settings.SCHEDULER_ARCHIVE_URL.partition("?")[0], None)
    folder = Path(unquote(parts.path))
    files = [Path(place, name) for place, _folders, names in os.walk(folder) for name in names]
    return ColdStorage(str(folder), len(files), sum(file.stat().st_size for file in files if file.exists()))
