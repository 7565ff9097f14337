"""A request that cannot be sent tells nothing of what it holds; and whose certificates are believed."""

import datetime
import ipaddress
import socket
import ssl
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.core.exceptions import ImproperlyConfigured
from pytest_httpserver import HTTPServer

from jobs.gateways import http, trust
from tests.jobs.gateways.conftest import RawServer, Retries

SECRET = "s3cr3t-of-ours"


def unanswered(request: http.Request) -> http.NoAnswer:
    with pytest.raises(http.NoAnswer) as fault:
        http.ask_patiently(request, again_on=lambda _answer: False, is_repeatable=True)
    return fault.value


# --- Requests that cannot be sent ------------------------------------------------------------------------------------
@pytest.mark.parametrize("value", [f"{SECRET}\n", f"{SECRET}\r\nX: y", f" {SECRET}", f"{SECRET}\0", f"{SECRET}\u2028"])
@pytest.mark.usefixtures("without_pauses")
def test_a_header_that_cannot_be_sent_is_named_and_not_quoted_and_not_tried_again(
    httpserver: HTTPServer, retries: Retries, value: str
) -> None:
    """An internal key from a file that ends with a line break came into the run's error message."""
    fault = unanswered(http.Request("GET", httpserver.url_for("/"), 5, headers={"X-Internal-Api-Key": value}))
    assert (fault.permanent, fault.was_sent, retries.count, httpserver.log) == (True, False, 0, [])
    told = "".join(traceback.format_exception(fault))
    assert "X-Internal-Api-Key" in told and SECRET not in told


@pytest.mark.parametrize(
    "url", [f"{SECRET}/path", f"ftp://{SECRET}/", f"http://[{SECRET}/", f"http://{SECRET}:99999/", f"http://.{SECRET}"]
)
@pytest.mark.usefixtures("without_pauses")
def test_an_address_that_is_none_is_not_quoted_and_not_tried_again(retries: Retries, url: str) -> None:
    fault = unanswered(http.Request("GET", url, 5))
    assert (fault.permanent, fault.was_sent, retries.count) == (True, False, 0)
    assert "its address is none" in str(fault) and SECRET not in str(fault)


def test_a_body_that_is_no_json_is_not_quoted(httpserver: HTTPServer) -> None:
    fault = unanswered(http.Request("POST", httpserver.url_for("/"), 5, body={SECRET: float("nan")}))
    assert fault.permanent and not httpserver.log
    assert SECRET not in "".join(traceback.format_exception(fault))


def test_a_header_of_letters_that_can_be_sent_is_sent(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data("ok")
    headers = {"X-Empty": "", "X-Name": "año nuevo\t!"}
    assert http.ask(http.Request("GET", httpserver.url_for("/"), 5, headers=headers)).is_success


# --- How long, and for how long not ----------------------------------------------------------------------------------
def test_a_handshake_that_drips_ends_in_the_time_of_the_whole(raw_server: Callable[..., RawServer]) -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(b"\x16\x03\x03\x40\x00")  # a record of 16 KiB, of which a byte comes now and then
        for _ in range(100):
            connection.sendall(b"\x02")
            time.sleep(0.1)

    url = raw_server(drip, reads_first=False).url.replace("http:", "https:")
    began = time.monotonic()
    with pytest.raises(http.NoAnswer, match=r"no answer within 0\.5 s") as fault:
        http.ask(http.Request("GET", url, 0.5))
    assert time.monotonic() - began < 4
    assert not fault.value.was_sent


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("7", 7, 7), (" 3600 ", 3_600, 3_600), ("9" * 400, 1e300, float("inf")),
        ("Wed, 21 Oct 2099 07:28:00 GMT", 1e9, 1e10), ("Sun, 06 Nov 1994 08:49:37 -0000", 0, 0),
        ("Fri, 31 Dec 9999 23:59:59 -2359", 1e9, 1e12),
    ],
)  # fmt: skip
def test_a_pause_is_told_in_seconds_or_until_when(text: str, least: float, most: float) -> None:
    pause = http.Answer(503, {"Retry-After": text}, b"", 0).retry_after_seconds
    assert pause is not None and least <= pause <= most


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "-1",
        "1e3",
        "٣",
        "9" * 5_000 + "x",
        "Wed, 21 Oct 99999999999 07:28:00 GMT",
        "1 Jan 2099 0:0 +99999999999999999999",
    ],
)
def test_a_pause_that_makes_no_sense_is_none(text: str) -> None:
    """The year, or the zone, raised an OverflowError."""
    assert http.Answer(503, {"Retry-After": text}, b"", 0).retry_after_seconds is None


def test_a_date_without_a_zone_is_in_utc_whatever_this_machine_is_set_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was read as the machine's own time."""
    monkeypatch.setenv("TZ", "America/Santo_Domingo")
    time.tzset()
    try:
        soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=600)
        answer = http.Answer(503, {"Retry-After": f"{soon:%a, %d %b %Y %H:%M:%S} -0000"}, b"", 0)
        assert answer.retry_after_seconds == pytest.approx(600, abs=60)
    finally:
        monkeypatch.undo()
        time.tzset()


# --- Certificates ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Authority:
    """An authority that nobody knows, and a certificate for 127.0.0.1 that it has signed."""

    bundle: Path
    tls: ssl.SSLContext


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "authority of the tests")])
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "server of the tests")])
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    itself = certificate(issuer, issuer, key.public_key()).add_extension(x509.BasicConstraints(True, None), True)
    signed = certificate(name, issuer, server_key.public_key()).add_extension(here, False)
    bundle, server = tmp_path / "authority.pem", tmp_path / "server.pem"
    bundle.write_bytes(itself.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    server.write_bytes(
        server_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + signed.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server)
    return Authority(bundle, context)


def certificate(name: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return x509.CertificateBuilder(
        subject_name=name, issuer_name=issuer, public_key=key, serial_number=x509.random_serial_number(),
        not_valid_before=now - datetime.timedelta(days=1), not_valid_after=now + datetime.timedelta(days=1),
    )  # fmt: skip


@pytest.fixture
def inside(authority: Authority) -> Iterator[HTTPServer]:
    """A server of the house, whose certificate is of the house's own authority."""
    with HTTPServer(host="127.0.0.1", ssl_context=authority.tls) as server:
        server.expect_request("/").respond_with_data("inside")
        yield server


@pytest.fixture(autouse=True)
def _nobody_else_trusts_it() -> Iterator[None]:
    yield
    trust.trust("")


def test_a_certificate_of_an_unknown_authority_is_refused_and_nothing_was_sent(inside: HTTPServer) -> None:
    fault = unanswered(http.Request("GET", inside.url_for("/"), 5))
    assert "certificate" in str(fault) and "SCHEDULER_CA_BUNDLE" in str(fault) and not fault.was_sent
    assert not inside.log


def test_the_operators_own_authority_is_believed_until_it_is_not(inside: HTTPServer, authority: Authority) -> None:
    request = http.Request("GET", inside.url_for("/"), 5)
    trust.trust(str(authority.bundle))
    assert http.ask(request).text == "inside"
    trust.trust("")
    assert "certificate" in str(unanswered(request))


def test_the_public_authorities_are_believed_beside_it(
    inside: HTTPServer, authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(authority.bundle))  # what a machine trusts
    other = tmp_path / "other.pem"
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "another authority")])
    itself = certificate(name, name, key.public_key()).add_extension(x509.BasicConstraints(True, None), True)
    other.write_bytes(itself.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    trust.trust(str(other))
    assert http.ask(http.Request("GET", inside.url_for("/"), 5)).text == "inside"


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_bundle_that_is_none_names_its_variable(tmp_path: Path, content: bytes | None) -> None:
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_bytes(content)
    with pytest.raises(ImproperlyConfigured, match="SCHEDULER_CA_BUNDLE"):
        trust.trust(str(bundle))
