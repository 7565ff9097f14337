"""Peers of the gateways that misbehave, over real sockets, and what shortens and counts the tries."""

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
import stamina
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

Behaviour = Callable[[socket.socket], None]


@dataclass
class RawServer:
    """A server that does with each connection what the test says. `seen`: what each sent before that, in order."""

    behave: Behaviour
    reads_first: bool
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    seen: list[bytes] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def serve(self) -> None:
        while not self.ended.is_set():
            try:
                connection, _address = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._attend, args=[connection], daemon=True).start()

    def _attend(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(10)
            try:
                self.seen.append(read_request(connection) if self.reads_first else b"")
                self.behave(connection)
            except OSError:
                pass  # the client has gone, which is what it should do


def read_request(connection: socket.socket) -> bytes:
    """An HTTP request with its whole body."""
    request = b""
    while b"\r\n\r\n" not in request and (part := connection.recv(65_536)):
        request += part
    head, _separator, body = request.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    while lengths and len(body) < int(lengths[0]) and (part := connection.recv(65_536)):
        body += part
    return head + b"\r\n\r\n" + body


def wait_for_hang_up(connection: socket.socket) -> None:
    """Say nothing until the client gives up."""
    while connection.recv(65_536):
        pass


def saying(answer: bytes) -> Behaviour:
    """Sends these bytes and hangs up."""
    return lambda connection: connection.sendall(answer)


@pytest.fixture
def raw_server() -> Iterator[Callable[..., RawServer]]:
    """`raw_server(behave)`: started. `reads_first=False`: it speaks before the client does."""
    servers: list[RawServer] = []

    def start(behave: Behaviour, *, reads_first: bool = True) -> RawServer:
        server = RawServer(behave, reads_first)
        servers.append(server)
        threading.Thread(target=server.serve, daemon=True).start()
        return server

    yield start
    for server in servers:
        server.ended.set()
        # Closing alone does not end an accept that waits.
        server.listener.shutdown(socket.SHUT_RDWR)
        server.listener.close()


@pytest.fixture
def free_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture
def without_pauses() -> Iterator[None]:
    """As many tries as ever, one right after the other."""
    with stamina.set_testing(True, attempts=100, cap=True):
        yield


@dataclass
class Retries:
    """`count` of tries beside the first ones; `on_first` is called between the first two."""

    count: int = 0
    on_first: Callable[[], object] = lambda: None

    def __call__(self, details: RetryDetails) -> None:
        self.count += 1
        if self.count == 1:
            self.on_first()


@pytest.fixture
def retries() -> Iterator[Retries]:
    counted = Retries()
    set_on_retry_hooks([counted])
    yield counted
    set_on_retry_hooks(None)
