"""Services' health over real sockets: whatever the other side does, one answer within its time."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from jobs.gateways.health import ANSWER_MAX_BYTES, Health, HealthTargets

QUICK = 0.4  # seconds
Peer = Callable[[socket.socket], None]


def ask(url: str, timeout_seconds: float = QUICK) -> Health:
    return HealthTargets().ask("service", url=url, timeout_seconds=timeout_seconds)


def words(health: Health) -> tuple[str, bool, int | None]:
    return health.status, health.is_healthy, health.http_status


@pytest.fixture
def peer() -> Iterator[Callable[[Peer], str]]:
    """A server that does with each connection what the test says; its URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def start(behave: Peer) -> str:
        def serve() -> None:
            while not ended.is_set():
                try:
                    connection, _address = listener.accept()
                except OSError:
                    return
                with connection:
                    try:
                        connection.recv(65_536)
                        behave(connection)
                    except OSError:
                        pass  # the client has gone, which is what it should do

        threading.Thread(target=serve, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/health"

    yield start
    ended.set()
    listener.close()


# --- What services say -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        ("Healthy", 200, ("Healthy", True, 200)),
        ("healthy\n", 200, ("Healthy", True, 200)),
        ("Degraded", 200, ("Degraded", True, 200)),
        ("Unhealthy", 503, ("Unhealthy", False, 503)),
        ("Healthy", 503, ("Unhealthy", False, 503)),
        (json.dumps({"status": "Healthy"}), 200, ("Healthy", True, 200)),
        (json.dumps({"status": "DEGRADED", "entries": {}}), 200, ("Degraded", True, 200)),
        (json.dumps({"status": "Unhealthy"}), 503, ("Unhealthy", False, 503)),
        ("", 204, ("Healthy", True, 204)),
        ("", 200, ("Healthy", True, 200)),
        ("<html>hello</html>", 200, ("Healthy", True, 200)),
        ("{not json", 200, ("Healthy", True, 200)),
        ('{"status": ["x"]}', 200, ("Healthy", True, 200)),
        ('{"a":' * 3_000, 200, ("Healthy", True, 200)),
        ("\xff\x00\xfe", 200, ("Healthy", True, 200)),
        ("gone", 404, ("Unhealthy", False, 404)),
        ("oops", 500, ("Unhealthy", False, 500)),
    ],
)
def test_the_answer_is_judged_by_its_http_status_and_named_by_its_word(
    httpserver: HTTPServer, body: str, status: int, expected: tuple[str, bool, int]
) -> None:
    httpserver.expect_request("/health").respond_with_data(body, status)
    health = ask(httpserver.url_for("/health"))
    assert words(health) == expected
    assert (health.error is None) == health.is_healthy
    if not health.is_healthy:
        assert str(status) in health.error


def test_a_redirect_is_not_followed_and_not_healthy(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/health").respond_with_data("", 302, {"Location": httpserver.url_for("/elsewhere")})
    httpserver.expect_request("/elsewhere").respond_with_data("Healthy")
    assert words(ask(httpserver.url_for("/health"))) == ("Unhealthy", False, 302)
    assert [request.path for request, _response in httpserver.log] == ["/health"]


def test_an_answer_in_gzip_is_understood(httpserver: HTTPServer) -> None:
    import gzip

    httpserver.expect_request("/health").respond_with_response(
        Response(gzip.compress(b'{"status": "Degraded"}'), headers={"Content-Encoding": "gzip"})
    )
    assert ask(httpserver.url_for("/health")).status == "Degraded"


def test_an_answer_that_claims_gzip_and_is_none_is_an_answer_too(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/health").respond_with_data("Healthy", headers={"Content-Encoding": "gzip"})
    health = ask(httpserver.url_for("/health"))
    assert not health.is_healthy and health.error


def test_the_environments_proxy_is_not_asked(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    httpserver.expect_request("/health").respond_with_data("Healthy")
    assert ask(httpserver.url_for("/health")).is_healthy


# --- What broken peers do --------------------------------------------------------------------------------------------
def test_a_service_that_refuses_the_connection_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    health = ask(f"http://127.0.0.1:{port}/health")
    assert words(health) == ("Unreachable", False, None)
    assert "no connection" in health.error and "refused" in health.error


def test_a_name_that_does_not_resolve_is_unreachable() -> None:
    assert words(ask("http://no-such-host.invalid/health", 5)) == ("Unreachable", False, None)


def test_a_service_that_never_answers_is_unreachable_after_its_time(peer: Callable[[Peer], str]) -> None:
    began = time.monotonic()
    health = ask(peer(lambda connection: time.sleep(5)))
    assert words(health) == ("Unreachable", False, None)
    assert time.monotonic() - began < 4 * QUICK
    assert "0.4 s" in health.error


def test_a_service_that_drips_its_answer_does_not_hold_the_job(peer: Callable[[Peer], str]) -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(100):
            connection.sendall(b"H")
            time.sleep(QUICK / 4)

    began = time.monotonic()
    health = ask(peer(drip))
    assert time.monotonic() - began < 5 * QUICK
    assert not health.is_healthy and "0.4 s" in health.error


def test_a_service_that_drips_chunks_does_not_hold_the_job(peer: Callable[[Peer], str]) -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(100):
            connection.sendall(b"1\r\nH\r\n")
            time.sleep(QUICK / 4)

    began = time.monotonic()
    assert not ask(peer(drip)).is_healthy
    assert time.monotonic() - began < 5 * QUICK


def test_a_service_that_drips_its_headers_does_not_hold_the_job(peer: Callable[[Peer], str]) -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        for _ in range(60):
            connection.sendall(b"y")
            time.sleep(QUICK / 4)

    began = time.monotonic()
    assert not ask(peer(drip)).is_healthy
    assert time.monotonic() - began < 5 * QUICK


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nHeal",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nHeal",
        b"garbage without any meaning\r\n\r\n",
        b"\x16\x03\x01\x00\x00",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n",
    ],
    ids=["nothing", "cut off", "bad chunk", "cut chunk", "garbage", "tls", "bad status", "500 headers"],
)
def test_an_answer_that_breaks_off_or_is_none_is_unreachable(peer: Callable[[Peer], str], answer: bytes) -> None:
    health = ask(peer(lambda connection: connection.sendall(answer)), 5)
    assert (health.status, health.is_healthy) == ("Unreachable", False)
    assert health.error


def test_an_endless_answer_is_not_read_to_its_end(peer: Callable[[Peer], str]) -> None:
    sent = 0

    def pour(connection: socket.socket) -> None:
        nonlocal sent
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65_536)
            sent += 65_536

    assert ask(peer(pour), 5).is_healthy
    assert sent < 500 * ANSWER_MAX_BYTES


@pytest.mark.parametrize(
    "url", ["", "nonsense", "ftp://x/y", "http://", "http://[::1", "http://a b/", "http://x:99999/"]
)
def test_an_address_that_is_none_is_an_answer_too(url: str) -> None:
    health = ask(url)
    assert not health.is_healthy and health.error


# --- Addresses -------------------------------------------------------------------------------------------------------
def test_a_service_is_asked_at_its_template_unless_it_is_redirected() -> None:
    targets = HealthTargets(addresses={"gateway": "http://127.0.0.1:5038/health"})
    template = "http://{service}:8080/health"
    assert targets.url_of("gateway", template) == "http://127.0.0.1:5038/health"
    assert targets.url_of("authservice", template) == "http://authservice:8080/health"


@pytest.mark.parametrize(
    "url",
    ["http://169.254.169.254/health", "http://2852039166/health", "http://[::ffff:169.254.169.254]/", "http://0/"],
)
def test_an_address_that_nothing_of_ours_may_call_is_not_called(url: str) -> None:
    health = ask(url)
    assert words(health) == ("Unreachable", False, None)
    assert "never called" in health.error


def test_a_name_that_leads_to_a_metadata_service_is_not_called() -> None:
    targets = HealthTargets(resolve=lambda _host, _port: ["169.254.169.254"])
    health = targets.ask("service", url="http://metadata.example/health", timeout_seconds=QUICK)
    assert words(health) == ("Unreachable", False, None)
    assert "metadata.example leads to 169.254.169.254" in health.error


def test_the_address_that_was_checked_is_the_one_that_is_asked(httpserver: HTTPServer) -> None:
    """DNS rebinding: a second lookup would lead elsewhere."""
    httpserver.expect_request("/health").respond_with_data("Healthy")
    answers = [["127.0.0.1"], ["169.254.169.254"]]
    targets = HealthTargets(resolve=lambda _host, _port: answers.pop(0))
    url = f"http://gateway.example:{httpserver.port}/health"
    assert targets.ask("gateway", url=url, timeout_seconds=5).is_healthy
    assert len(answers) == 1
    assert httpserver.log[0][0].headers["Host"] == f"gateway.example:{httpserver.port}"


def test_a_user_name_in_an_address_is_refused_and_the_password_not_told() -> None:
    health = ask("http://ana:s3cr3t@127.0.0.1/health")
    assert not health.is_healthy and "user name" in health.error and "s3cr3t" not in health.error
