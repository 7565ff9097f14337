"""A real server that speaks S3, in a process of its own, and one in front of it that does what a test says."""

import http.client
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import boto3

REGION = "us-east-1"
KEY = {"AWS_ACCESS_KEY_ID": "a-key", "AWS_SECRET_ACCESS_KEY": "a-secret"}
# Ends with its standard input, which ends with this process, however that ends.
SERVER = """
import logging, sys
from moto.server import ThreadedMotoServer
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True)
class S3Server:
    endpoint: str

    def client(self, service: str = "s3") -> Any:
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=KEY["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=KEY["AWS_SECRET_ACCESS_KEY"],
        )

    def new_bucket(self) -> "Bucket":
        name = f"bucket-{uuid.uuid4()}"
        self.client().create_bucket(Bucket=name)
        return Bucket(self, name)


@dataclass(frozen=True)
class Bucket:
    server: S3Server
    name: str

    @property
    def url(self) -> str:
        return f"s3://{self.name}?endpoint={self.server.endpoint}&region={REGION}"

    @property
    def keys(self) -> list[str]:
        found = self.server.client().list_objects_v2(Bucket=self.name).get("Contents", [])
        return sorted(each["Key"] for each in found)

    @property
    def unfinished_uploads(self) -> list[Any]:
        found: list[Any] = self.server.client().list_multipart_uploads(Bucket=self.name).get("Uploads", [])
        return found

    def head(self, key: str) -> dict[str, Any]:
        found: dict[str, Any] = self.server.client().head_object(Bucket=self.name, Key=key, ChecksumMode="ENABLED")
        return found

    def read(self, key: str) -> bytes:
        """The content; one in cold storage is had restored before, as the server does it at once."""
        client = self.server.client()
        if self.head(key).get("StorageClass") in ("GLACIER", "DEEP_ARCHIVE"):
            client.restore_object(Bucket=self.name, Key=key, RestoreRequest={"Days": 1})
        content: bytes = client.get_object(Bucket=self.name, Key=key)["Body"].read()
        return content


@contextmanager
def serving() -> Iterator[S3Server]:
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout
        yield S3Server(f"http://127.0.0.1:{int(server.stdout.readline())}")
    finally:
        server.kill()
        server.wait()


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    def without(self, *names: str) -> "Reply":
        return replace(self, headers={name: value for name, value in self.headers.items() if name.lower() not in names})

    def having(self, **headers: str) -> "Reply":
        new = {name.replace("_", "-"): value for name, value in headers.items()}
        return replace(
            self.without(*map(str.lower, new)), headers={**self.without(*map(str.lower, new)).headers, **new}
        )


def problem(status: int, code: str) -> Reply:
    """A refusal as S3 words it."""
    body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
    return Reply(status, {"Content-Type": "application/xml"}, body)


Alter = Callable[[str, str, Callable[[], Reply]], Reply | None]


@dataclass
class Between:
    """Passes requests on to a server, and alters answers.

    `alter(method, path, pass_on)` gives the answer; None cuts the connection. What it raises is the test's mistake.
    """

    server: S3Server
    alter: Alter = lambda method, path, pass_on: pass_on()
    asked: list[str] = field(default_factory=list)  # "PUT /bucket/key?partNumber=1"

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Its URL."""
        listener = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        listener.daemon_threads = True
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.server_port}"
        finally:
            listener.shutdown()
            listener.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        between = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                if self.headers.get("Expect"):
                    self.send_response_only(100)
                    self.end_headers()
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                between.asked.append(f"{self.command} {self.path}")
                reply = between.alter(self.command, self.path, lambda: self.pass_on(body))
                self.close_connection = True
                if reply:
                    self.answer(reply)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any

            def pass_on(self, body: bytes) -> Reply:
                connection = http.client.HTTPConnection(urlsplit(between.server.endpoint).netloc)
                headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
                connection.request(self.command, self.path, body, headers)
                answer = connection.getresponse()
                return Reply(answer.status, dict(answer.getheaders()), answer.read())

            def answer(self, reply: Reply) -> None:
                self.send_response(reply.status)
                given = {name.lower() for name in reply.headers}
                for name, value in reply.headers.items():
                    if name.lower() not in ("connection", "transfer-encoding"):
                        self.send_header(name, value)
                if "content-length" not in given:
                    self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(reply.body)

            def log_message(self, format: str, *words: Any) -> None:
                pass

        return Handler
