"""On what was measured: the machine, how long its disk takes to be sure, and the versions of all that took part."""

import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from statistics import median

import psutil
import psycopg
from redis import Redis

from benchmarks.stage import Stage

PACKAGES = ("Django", "celery", "psycopg", "redis")
BLOCK, WRITES = b"\0" * 8192, 100
GIB = 1024**3


def described(stage: Stage) -> str:
    """One paragraph of Markdown."""
    with psycopg.connect(stage.postgres.url()) as connection:
        postgres = connection.execute("SHOW server_version").fetchall()[0][0].split()[0]
    with Redis.from_url(stage.valkey.url()) as client:
        about = client.info("server")
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{time.strftime('%Y-%m-%d', time.gmtime())}; {os.cpu_count()} cores of {processor()},"
        f" {psutil.virtual_memory().total / GIB:.0f} GiB of memory, {platform.system()} {platform.release()}, a write"
        f" of 8 KiB is on the disk after {1000 * seconds_to_the_disk(stage.folder):.2f} ms; Python"
        f" {platform.python_version()}, PostgreSQL {postgres}, Valkey {about.get('valkey_version', '?')}, {packages}."
        " All on this one machine; fsync on, as `bin/up` has it."
    )


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def seconds_to_the_disk(folder: Path) -> float:
    """The median of a hundred: what each commit costs at least."""
    taken = []
    with (folder / "written").open("wb") as file:
        for _ in range(WRITES):
            began = time.perf_counter()
            file.write(BLOCK)
            file.flush()
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - began)
    (folder / "written").unlink()
    return median(taken)
