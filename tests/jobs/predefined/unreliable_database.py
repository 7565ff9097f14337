"""A PostgreSQL server that vanishes or falls silent in the middle of its work: real, with something in front of it."""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

# Before what is asked has come to the server; once it was done there, before anybody hears of it; without a word.
How = Literal["unasked", "answer lost", "silent"]
PART_BYTES = 65_536


@dataclass
class Line:
    """The way to a server. It breaks once, and from then on all goes well."""

    server: tuple[str, int]
    how: How
    during: bytes  # words of a statement,
    nth: int  # the how many-th of its kind,
    asked: bytes  # and what is asked for then
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    has_broken: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    seen: int = 0

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _address = self.listener.accept()
                threading.Thread(target=self._attend, args=[client], daemon=True).start()

    def _attend(self, client: socket.socket) -> None:
        with client, socket.create_connection(self.server) as server:
            threading.Thread(target=_pour, args=[server, client], daemon=True).start()
            with suppress(OSError):
                self._pass_on(client, server)
            _end(client, server)

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        """Return when it breaks, or when the client has had enough."""
        while part := client.recv(PART_BYTES):
            self.seen += self.during in part
            if self.seen < self.nth or self.asked not in part or self.has_broken.is_set():
                server.sendall(part)
                continue
            self.has_broken.set()
            if self.how == "silent":
                self.over.wait()
            elif self.how == "answer lost":
                _end(client)
                server.sendall(part)
                server.shutdown(socket.SHUT_WR)  # it answers, to nobody, and takes its leave
                while server.recv(PART_BYTES):
                    pass
            return


def _pour(server: socket.socket, client: socket.socket) -> None:
    with suppress(OSError):
        while part := server.recv(PART_BYTES):
            client.sendall(part)


def _end(*sockets: socket.socket) -> None:
    for one in sockets:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


@contextmanager
def in_front_of(
    server: Mapping[str, str], how: How, *, during: bytes, nth: int = 1, asked: bytes = b"COMMIT"
) -> Iterator[tuple[dict[str, str], Line]]:
    """The address that leads there, and the line that breaks."""
    line = Line((server["host"], int(server["port"])), how, during, nth, asked)
    threading.Thread(target=line.serve, daemon=True).start()
    try:
        yield {**server, "host": "127.0.0.1", "port": str(line.port)}, line
    finally:
        line.over.set()
        _end(line.listener)
        line.listener.close()
