"""The commands of the system's processes, in one place; docker-compose.yml is compared with it by a test."""

PREPARE = (("manage.py", "migrate", "--noinput"), ("manage.py", "ensure_access"))


def web(host: str, port: int) -> tuple[str, ...]:
    # No lifespan events are used; an open event stream must not hold up a stop.
    return (
        *("uvicorn", "scheduler_project.asgi:application", "--host", host, "--port", str(port)),
        *("--lifespan", "off", "--timeout-graceful-shutdown", "3"),
    )


def worker(concurrency: int) -> tuple[str, ...]:
    # What workers tell one another at the start costs a second; the ledger already knows all of it.
    alone = ("--without-mingle", "--without-gossip")
    return (*celery("worker"), "-l", "info", "--concurrency", str(concurrency), *alone)


def beat() -> tuple[str, ...]:
    return (*celery("beat"), "-l", "info")


def flower(host: str, port: int) -> tuple[str, ...]:
    """Its login comes by FLOWER_BASIC_AUTH. It shows; what changes a run goes through the service."""
    return (*celery("flower"), f"--address={host}", f"--port={port}", "--read_only=true")


def demo(host: str, port: int) -> tuple[str, ...]:
    """Its databases are made, and brought up to today, before it answers: that is what its lifespan does."""
    return (
        *("uvicorn", "scheduler_project.demo.asgi:application", "--host", host, "--port", str(port)),
        *("--lifespan", "on", "--timeout-graceful-shutdown", "3"),
    )


def celery(program: str) -> tuple[str, ...]:
    return ("celery", "-A", "scheduler_project", program)
