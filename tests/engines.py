"""One throw-away PostgreSQL and one Valkey for a whole test run, real ones.

They start before Django's settings are read and end with pytest, however pytest ends. Under pytest-xdist the
controller starts them; every worker gets a PostgreSQL database of its own from pytest-django and a Valkey database of
its own from here. TEST_DATABASE_URL and TEST_CELERY_BROKER_URL name servers to use instead.
"""

import atexit
import os
import re
import shutil
import tempfile
from pathlib import Path

from scheduler_project.local.engine import Engine
from scheduler_project.local.postgres import Postgres
from scheduler_project.local.valkey import Valkey


def start() -> None:
    """Start them, or in a worker of pytest-xdist join those of the controller, and say in the environment where."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        use_own_valkey_database(os.environ["PYTEST_XDIST_WORKER"])
    else:
        start_engines()


def start_engines() -> None:
    folder = Path(tempfile.mkdtemp(prefix="schedulerservice-tests-"))
    folder.chmod(0o711)  # as root the engines run under another account, which has to get through
    engines: list[Engine] = []

    @atexit.register
    def end() -> None:
        for engine in engines:
            engine.kill()  # nothing in there is worth a clean end
        shutil.rmtree(folder, ignore_errors=True)

    os.environ["DATABASE_URL"] = os.environ.get("TEST_DATABASE_URL") or started(
        engines, Postgres(folder, is_durable=False)
    )
    os.environ["CELERY_BROKER_URL"] = os.environ.get("TEST_CELERY_BROKER_URL") or started(
        engines, Valkey(folder, is_durable=False)
    )


def started(engines: list[Engine], engine: Postgres | Valkey) -> str:
    engines.append(engine)
    engine.start()
    return engine.url()


def use_own_valkey_database(worker: str) -> None:
    """gw0 takes database 1, gw1 database 2: 0 is that of a run without xdist."""
    number = int(worker.removeprefix("gw")) + 1
    os.environ["CELERY_BROKER_URL"] = re.sub(r"/\d*$", f"/{number}", os.environ["CELERY_BROKER_URL"])
