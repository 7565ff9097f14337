"""`python -m benchmarks.notification_peer`: a NotificationService that takes each e-mail at once and does nothing."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.stage import ROOT

BODY = json.dumps({"notificationId": "8d6d3a2e-0000-4000-8000-000000000001", "status": "Sent", "message": "Sent"})
ANSWER = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n{BODY}".encode()
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


@contextmanager
def serving() -> Iterator[str]:
    """Its URL."""
    peer = subprocess.Popen(
        [sys.executable, "-m", __spec__.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        assert peer.stdout
        yield f"http://127.0.0.1:{int(peer.stdout.readline())}"
    finally:
        peer.kill()
        peer.wait()


async def serve() -> None:
    """Ends with its standard input, which ends with whoever started it, however that ends."""
    server = await asyncio.start_server(attend, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Every request on one connection."""
    try:
        while True:
            length = LENGTH.search(await reader.readuntil(b"\r\n\r\n"))
            await reader.readexactly(int(length[1]) if length else 0)
            writer.write(ANSWER)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


if __name__ == "__main__":
    asyncio.run(serve())
