"""What may befall the broker, and what somebody may put into it."""

from contextlib import suppress
from random import Random

from celery import Celery
from kombu.transport import TRANSPORT_ALIASES
from redis import Redis
from redis.exceptions import RedisError

from executions import bell
from executions.bell import BROKER_ERRORS
from tests.faults.harm import Steps
from tests.faults.stage import Stage

GARBAGE = (
    b"garbage", b"\xff\xfe\x00", b"", b"[]", b"{}", b"null", b'{"body": 1}', b"[" * 5_000,
    b'{"body": "e30=", "headers": {}, "properties": {}, "content-type": "application/json"}',
    b'{"body": "W10=", "headers": {"task": "WitnessJob", "id": "no-uuid"}, "content-encoding": "utf-8",'
    b' "content-type": "application/json", "properties": {"delivery_tag": "1", "delivery_info": {},'
    b' "body_encoding": "base64"}}',
)  # fmt: skip
BROADCASTS = ("shutdown", "pool_shrink", "cancel_consumer", "no_such_command")


def restart_valkey(stage: Stage, random: Random) -> Steps:
    yield from _without(stage, 2, "with its data")


def kill_valkey(stage: Stage, random: Random) -> Steps:
    stage.tell("kill -9 of Valkey")
    stage.engines.valkey.kill()
    yield random.uniform(0.5, 3)
    stage.engines.valkey.start()
    stage.tell("Valkey is back")


def replace_valkey(stage: Stage, random: Random) -> Steps:
    yield from _without(stage, 2, "without its data")


def long_valkey_outage(stage: Stage, random: Random) -> Steps:
    yield from _without(stage, 20, "with its data")


def flush_valkey(stage: Stage, random: Random) -> Steps:
    stage.tell("FLUSHALL in Valkey")
    with suppress(RedisError), Redis.from_url(stage.engines.valkey.url(), socket_timeout=2) as client:
        client.flushall()
    yield 0


def is_guarded() -> bool:
    """Whether this service's workers look at what lies in the broker before they believe it."""
    return str(TRANSPORT_ALIASES["redis"]).startswith("executions.")


def garbage(stage: Stage, random: Random) -> Steps:
    """What no worker can read, in the queue that they consume."""
    message = random.choice(GARBAGE)
    stage.tell(f"garbage in the queue: {message[:40]!r}")
    with suppress(RedisError), Redis.from_url(stage.engines.valkey.url(), socket_timeout=2) as client:
        client.lpush("default", message)
    yield 0


def broadcast(stage: Stage, random: Random) -> Steps:
    """Anybody who reaches the broker can say this to all workers."""
    command = random.choice(BROADCASTS)
    stage.tell(f"a broadcast to all workers: {command}")
    # Celery's own client would wait for an absent broker without end, and with it the whole schedule of faults.
    with suppress(RedisError), Redis.from_url(stage.engines.valkey.url(), socket_timeout=2) as client:
        client.ping()
        _broadcast(stage, command)
    yield 0


def _broadcast(stage: Stage, command: str) -> None:
    with suppress(*BROKER_ERRORS), Celery(set_as_current=False) as anybody:
        anybody.conf.update(broker_write_url=stage.engines.valkey.url(), broker_transport_options=bell.HASTY)
        anybody.control.broadcast(command)


def _without(stage: Stage, seconds: float, how: str) -> Steps:
    stage.tell(f"stop of Valkey, for {seconds:.0f} s; it comes back {how}")
    stage.engines.valkey.stop()
    yield seconds
    if how == "without its data":
        stage.engines.forget_messages()
    stage.engines.valkey.start()
    stage.tell("Valkey is back")
