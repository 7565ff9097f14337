"""The stage of the crash tests: OKLA's databases and services, cold storage, and the zygote, all of them real."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

from django.test import override_settings

from executions.models import Alert, JobExecution
from jobs import gateways
from jobs.messages import SentMessage
from jobs.models import ScheduledJob
from tests import okla as okla_databases
from tests import s3
from tests.crashes import attempts, leftovers, peers
from tests.crashes.attempts import Attempts
from tests.crashes.peers import Peers
from tests.okla import Okla
from tests.s3 import Bucket


@dataclass
class Stage:
    """`okla_of`: makes the databases of a mapping when they are first asked for. `folder`: for all that is written."""

    folder: Path
    peers: Peers
    bucket: Bucket
    attempts: Attempts
    okla_of: Callable[[str], Okla] = field(default_factory=lambda: cache(okla_databases.create))

    @property
    def work(self) -> Path:
        return self.folder / "work"

    @property
    def cold(self) -> Path:
        """Cold storage in a folder."""
        return self.folder / "cold"

    @contextmanager
    def set_for(self, schema: str, more: Mapping[str, Any]) -> Iterator[Okla]:
        """OKLA in the tables of that mapping; the gateways here and in each child are those of these settings."""
        okla = self.okla_of(schema)
        settings = {
            **self.peers.settings,
            "SCHEDULER_SERVICE_DATABASES": {name: dict(address) for name, address in okla.addresses.items()},
            "SCHEDULER_TABLE_MAPPING": schema,
            "SCHEDULER_WORK_DIR": str(self.work),
            "SCHEDULER_ARCHIVE_URL": self.bucket.url,
            "SCHEDULER_BACKUP_URL": self.cold.as_uri(),
            **more,
        }
        self.attempts.settings = settings
        self.attempts.databases = [address["dbname"] for address in okla.addresses.values()]
        with override_settings(**settings):
            gateways.current.cache_clear()
            yield okla
        gateways.current.cache_clear()

    def empty(self, okla: Okla) -> None:
        """Of all that a play before has left, on our side and on the others'."""
        leftovers.drop_databases()
        for model in (Alert, SentMessage, JobExecution):
            model.objects.all().delete()
        okla.empty()
        self.peers.forget()
        for folder in (self.work, self.cold):
            shutil.rmtree(folder, ignore_errors=True)
        if keys := self.bucket.keys:
            objects: Any = {"Objects": [{"Key": key} for key in keys]}
            self.bucket.server.client().delete_objects(Bucket=self.bucket.name, Delete=objects)


@dataclass(frozen=True)
class Scene:
    """What one run finds."""

    stage: Stage
    okla: Okla
    run: JobExecution

    @property
    def job(self) -> ScheduledJob:
        return self.run.job

    @property
    def now(self) -> datetime:
        """The instant that the run stands for."""
        return self.run.reference_time

    @property
    def peers(self) -> Peers:
        return self.stage.peers

    def left_behind(self) -> list[str]:
        return leftovers.names(self.stage.work, self.stage.cold)

    def a_day_passes(self) -> None:
        leftovers.grow_old(self.stage.work, self.stage.cold)


@contextmanager
def opened(folder: Path) -> Iterator[Stage]:
    """On this process's database, which is migrated. Nothing of it outlives the context but the folder."""
    with (
        patch.dict(os.environ, s3.KEY),
        peers.serving() as known,
        s3.serving() as server,
        attempts.zygote(folder / "zygote.log") as made,
    ):
        yield Stage(folder, known, server.new_bucket(), made)
