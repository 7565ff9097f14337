"""What every benchmark runs on: PostgreSQL and Valkey of its own, as durable as users get them, and Django set up."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import django
import psycopg
from psycopg import sql

from scheduler_project.local.postgres import Postgres
from scheduler_project.local.process import MARK, Process
from scheduler_project.local.valkey import Valkey

ROOT = Path(__file__).resolve().parent.parent
SUPERUSER = "postgres"


@dataclass(frozen=True)
class Stage:
    """`folder`: for whatever is written; its folder `log` is kept when something fails."""

    folder: Path
    postgres: Postgres
    valkey: Valkey

    def python(self, name: str, *words: str, environment: Mapping[str, str]) -> Process:
        """`python -m words`, not yet started, with this process's environment and more; it ends with this one."""
        return Process(
            name=name,
            command=[sys.executable, "-m", *words],
            log=self.folder / "log" / f"{name}.log",
            directory=ROOT,
            environment={**os.environ, MARK: str(self.folder), "TMPDIR": str(self.folder), **environment},
        )

    def new_database(self, name: str) -> str:
        """Empty, of the service's own role; the URL."""
        with psycopg.connect(self.postgres.url(), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.postgres.url(name)

    def settle(self) -> None:
        """Have written to the disk what waits in memory: who comes next shall not pay for who was before."""
        with psycopg.connect(self.postgres.url(role=SUPERUSER), autocommit=True) as connection:
            connection.execute("CHECKPOINT")


@contextmanager
def opened(folder: Path) -> Iterator[Stage]:
    """Started, with the service's own tables in its database. Once in a process's life, as Django's settings are."""
    folder.chmod(0o711)  # as root the engines run under another account, which has to get through
    stage = Stage(folder, Postgres(folder), Valkey(folder))
    try:
        stage.postgres.start()
        stage.valkey.start()
        set_up_django(stage)
        yield stage
    finally:
        stage.valkey.kill()
        stage.postgres.kill()


def set_up_django(stage: Stage) -> None:
    from django.core.management import call_command

    os.environ.update(
        {
            "DJANGO_SETTINGS_MODULE": "scheduler_project.settings",
            "SCHEDULER_ENVIRONMENT": "development",
            "SCHEDULER_INSTALL_PREDEFINED_JOBS": "false",
            "SCHEDULER_LOG_LEVEL": "WARNING",
            "DATABASE_URL": stage.postgres.url(),
            "CELERY_BROKER_URL": stage.valkey.url(),
        }
    )
    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
