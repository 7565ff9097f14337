"""The stage's own PostgreSQL and Valkey, durable ones: what is acknowledged there must survive each fault."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from scheduler_project.local.postgres import Postgres
from scheduler_project.local.valkey import Valkey


@dataclass(frozen=True)
class Engines:
    postgres: Postgres
    valkey: Valkey

    @classmethod
    def of(cls, folder: Path) -> "Engines":
        """Ports and passwords are chosen here, nothing is started."""
        folder.chmod(0o711)  # as root the engines run under another account, which has to get through
        return cls(Postgres(folder), Valkey(folder))

    @property
    def environment(self) -> dict[str, str]:
        return {"DATABASE_URL": self.postgres.url(), "CELERY_BROKER_URL": self.valkey.url()}

    def start(self) -> None:
        self.postgres.start()
        self.valkey.start()

    def kill(self) -> None:
        self.valkey.kill()
        self.postgres.kill()

    def forget_messages(self) -> None:
        """Take the stopped broker's data away."""
        for folder in self.valkey.data.glob("appendonlydir"):
            shutil.rmtree(folder)
