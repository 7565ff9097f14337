"""Our transport over a real Valkey: what cannot be read is put aside, and what comes after it is read."""

import json
import os
import shutil
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pytest
import redis
from kombu import Connection, Consumer, Exchange, Queue
from kombu.exceptions import OperationalError

from executions import envelope, transport
from tests.hostile_messages import HARMLESS, NO_MESSAGE, WRONG_ENVELOPE, WRONG_TASK, message, raw
from tests.tls import _certificate, _pass_on

PATIENCE_SECONDS = 30
OPTIONS = {"priority_steps": list(range(10)), "unacked_restore_throttle": 1, "visibility_timeout": 1}


def connected(**changes: Any) -> Connection:
    return Connection(os.environ["CELERY_BROKER_URL"], transport_options={**OPTIONS, **changes})


@pytest.fixture
def connection(broker: redis.Redis) -> Iterator[Connection]:
    with connected() as connection:
        yield connection


def read(connection: Connection, count: int = 1, on_message: Callable[[Any], None] | None = None) -> list[str]:
    """The ids of as many messages as come through, acknowledged."""
    got: list[str] = []

    def take(received: Any) -> None:
        if on_message:
            on_message(received)
        received.ack()
        got.append(received.headers["id"])

    queue = Queue("default", Exchange("default"), routing_key="default")
    with Consumer(connection.default_channel, [queue], on_message=take, accept=["json"]):
        while len(got) < count:
            connection.drain_events(timeout=PATIENCE_SECONDS)
    return got


def good(key: str) -> bytes:
    return raw(headers={"id": key})


# --- Messages --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", [*NO_MESSAGE, *WRONG_ENVELOPE])
def test_what_is_no_message_is_put_aside_and_the_next_one_is_read(
    connection: Connection, broker: redis.Redis, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    broker.lpush("default", {**NO_MESSAGE, **WRONG_ENVELOPE}[name], good("next"))
    assert read(connection) == ["next"]
    assert "Unreadable message in 'default' put aside" in caplog.text
    assert not broker.exists("default", "unacked", "unacked_index")


@pytest.mark.parametrize("priority", [1, 9])
def test_so_it_is_in_the_list_of_each_priority(connection: Connection, broker: redis.Redis, priority: int) -> None:
    key = f"default\x06\x16{priority}"
    broker.lpush(key, b"\xff", b"[]", good("next"))
    assert read(connection) == ["next"]
    assert not broker.exists(key)


@pytest.mark.parametrize("name", [*HARMLESS, *WRONG_TASK])
def test_what_is_a_message_and_only_no_task_is_left_to_the_consumer(
    connection: Connection, broker: redis.Redis, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    sent = json.loads({**HARMLESS, **WRONG_TASK}[name])
    sent["headers"].setdefault("id", None)
    broker.lpush("default", json.dumps(sent))
    if name == "a header nested":
        broker.lpush("default", good("next"))
        assert read(connection) == ["next"]
    else:
        assert read(connection) == [sent["headers"]["id"]]
        assert "put aside" not in caplog.text


@pytest.mark.parametrize("name", WRONG_TASK)
def test_what_is_no_task_for_a_job_is_told_by_its_headers_and_its_payload(name: str) -> None:
    sent = json.loads(WRONG_TASK[name])
    with pytest.raises((envelope.Unreadable, ValueError, RecursionError)):
        payload = json.loads(transport.Channel.codecs["base64"].decode(sent["body"]))
        envelope.check_task(sent["headers"], payload, is_job=True)


@pytest.mark.parametrize(
    "headers",
    [
        {"eta": "2999-01-01T00:00:00+00:00"},
        {"expires": "2999-01-01T00:00:00"},
        {"id": "mine"},
        {"timelimit": [0.5, None]},
    ],
)
def test_other_tasks_than_jobs_may_come_later_expire_and_have_ids_of_their_own(headers: dict[str, Any]) -> None:
    payload = [[1, {"a": [2]}], {"b": 3}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]
    envelope.check_task(message(headers=headers)["headers"], payload, is_job=False)


def test_a_message_whose_handling_fails_is_put_aside_and_does_not_come_again(
    connection: Connection, broker: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    def stumble(received: Any) -> None:
        if received.headers["id"] == "stone":
            raise KeyError("as if the connection were lost")

    broker.lpush("default", good("stone"), good("next"))
    assert read(connection, on_message=stumble) == ["next"]
    assert "as if the connection were lost" in caplog.text
    assert not broker.exists("default", "unacked", "unacked_index")


def test_what_is_wrong_with_the_broker_is_still_told(connection: Connection, broker: redis.Redis) -> None:
    def break_off(received: Any) -> None:
        raise redis.ConnectionError("gone")

    broker.lpush("default", good("kept"))
    with pytest.raises(redis.ConnectionError):
        read(connection, on_message=break_off)
    assert broker.hlen("unacked") == 1


def test_a_broadcast_that_is_no_message_is_passed_over(
    connection: Connection, broker: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    got: list[Any] = []
    queue = Queue("ear", Exchange("shout", type="fanout"), exclusive=True)
    address = f"/{connection.virtual_host}.shout"
    with Consumer(
        connection.default_channel, [queue], callbacks=[lambda body, _message: got.append(body)], no_ack=True
    ):
        with suppress(TimeoutError):
            connection.drain_events(timeout=0.2)  # subscribes
        for hostile in (*NO_MESSAGE.values(), *WRONG_ENVELOPE.values()):
            broker.publish(address, hostile)
        broker.publish(address, raw(["heard"]))
        while not got:
            connection.drain_events(timeout=PATIENCE_SECONDS)
    assert got == [["heard"]]
    assert caplog.text.count("put aside") == len(NO_MESSAGE) - 1 + len(WRONG_ENVELOPE)  # an empty one is none at all


# --- Taken and not acknowledged --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "entry",
    [
        b"garbage",
        b"",
        b"null",
        b"[1, 2]",
        b"[5, 5, 5]",
        NO_MESSAGE["deep"],
        b'[{}, {"a": 1}, "default"]',
        b'[{}, "", {}]',
    ],
)
def test_what_cannot_be_put_back_is_put_aside_and_the_rest_is_put_back(
    connection: Connection, broker: redis.Redis, caplog: pytest.LogCaptureFixture, entry: bytes
) -> None:
    broker.hset("unacked", mapping={"odd": entry, "good": json.dumps([message(headers={"id": "back"}), "", "default"])})
    broker.zadd("unacked_index", {"odd": 1, "good": 2})
    channel: Any = connection.default_channel
    channel.qos.restore_visible(interval=1)  # a worker's event loop does it every few seconds
    assert read(connection) == ["back"]
    assert "Unreadable message in 'unacked' put aside" in caplog.text
    assert not broker.exists("unacked", "unacked_index")


def test_a_key_of_another_type_under_a_name_of_ours_is_renamed(connection: Connection, broker: redis.Redis) -> None:
    broker.set("default", "text")
    broker.hset("default\x06\x163", "a", "hash")
    broker.set("unacked", "text")
    broker.lpush("_kombu.binding.default", "a list")
    broker.sadd("_kombu.binding.other", "as it should be")
    channel: Any = connection.default_channel
    channel.put_aside_wrong_keys(["default"], ["default", "other"])
    assert sorted(broker.keys()) == sorted(
        [b"parked:default", b"parked:default\x06\x163", b"parked:unacked", b"parked:_kombu.binding.default",
         b"_kombu.binding.other"]
    )  # fmt: skip
    assert broker.get("parked:default") == b"text"
    broker.lpush("default", good("again"))
    assert read(connection) == ["again"]


def test_a_channel_of_a_closed_connection_says_so_as_a_broken_one_does(broker: redis.Redis) -> None:
    """Kombu 5.7.0 raised AttributeError, which ended a worker that held a message when the broker died."""
    connection = connected()
    channel: Any = connection.channel()
    connection.collect()
    channel._disconnect_pools()
    with pytest.raises(redis.ConnectionError):
        channel.qos.restore_unacked(None)


# --- Addresses -------------------------------------------------------------------------------------------------------
@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: that of a socket may have 107 bytes."""
    path = Path(tempfile.mkdtemp(prefix="socket-"))
    yield path
    shutil.rmtree(path)


def serve(listener: socket.socket, context: ssl.SSLContext | None = None) -> None:
    """Pass whoever calls on to the suite's broker."""
    broker = urlparse(os.environ["CELERY_BROKER_URL"])

    def attend(client: socket.socket) -> None:
        with suppress(OSError), socket.create_connection((broker.hostname, broker.port)) as server:
            _pass_on(context.wrap_socket(client, server_side=True) if context else client, server)
        client.close()

    def listen() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=attend, args=[listener.accept()[0]], daemon=True).start()

    threading.Thread(target=listen, daemon=True).start()


def by_socket(folder: Path) -> str:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / "broker"))
    listener.listen()
    serve(listener)
    broker = urlparse(os.environ["CELERY_BROKER_URL"])
    return f"redis+socket://:{broker.password}@{folder}/broker?virtual_host={broker.path[1:]}"


def by_tls(folder: Path) -> str:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = _certificate(folder)
    context.load_cert_chain(certificate)
    listener = socket.create_server(("127.0.0.1", 0))
    serve(listener, context)
    broker = urlparse(os.environ["CELERY_BROKER_URL"])
    address = f"localhost:{listener.getsockname()[1]}{broker.path}"
    return f"rediss://:{broker.password}@{address}?ssl_cert_reqs=required&ssl_ca_certs={certificate}"


@pytest.mark.parametrize("way", [by_socket, by_tls])
def test_it_is_the_transport_over_tls_and_over_a_socket_too(
    broker: redis.Redis, folder: Path, way: Callable[[Path], str]
) -> None:
    with Connection(way(folder), transport_options=OPTIONS) as connection:
        broker.lpush("default", b"\xff", good("there"))
        assert read(connection) == ["there"]
        assert isinstance(connection.transport, transport.Transport)


def test_rediss_is_not_spoken_without_tls(broker: redis.Redis) -> None:
    plain = os.environ["CELERY_BROKER_URL"].replace("redis://", "rediss://")
    # The broker waits for the end of a line that does not come: it is the client that gives up.
    options = {**OPTIONS, "socket_timeout": 2, "socket_connect_timeout": 2}
    with (
        pytest.raises((OperationalError, redis.RedisError, OSError)),
        Connection(plain, transport_options=options, connect_timeout=2) as connection,
    ):
        connection.default_channel.client.ping()
