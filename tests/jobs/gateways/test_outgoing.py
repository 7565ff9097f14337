"""Calls to listed hosts over real sockets: which URLs are refused, which addresses, and what secrets leave behind."""

import json
import ssl
import traceback
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.core.exceptions import ImproperlyConfigured
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from jobs.gateways import http
from jobs.gateways.outgoing import OutgoingError, OutgoingHttp
from tests.jobs.gateways.conftest import RawServer, saying

HERE = OutgoingHttp(["localhost", "127.0.0.1"])
SECRET = 'Bearer s3cr3t-"quoted"-/slashed/'


def asked(url: str, method: str = "GET", *, timeout_seconds: float = 10, body: object = None) -> http.Request:
    return http.Request(method, url, timeout_seconds, body=body)


def refused(outgoing: OutgoingHttp, request: http.Request, **secrets: str) -> OutgoingError:
    with pytest.raises(OutgoingError) as fault:
        outgoing.call(request, secret_headers=secrets)
    return fault.value


class Lookups:
    """A resolver that gives these answers, one a lookup."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers, self.asked = list(answers), 0

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked += 1
        return list(self.answers.pop(0))


# --- Which URLs ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("hosts", "url"),
    [
        (["gateway"], "http://gateway"),
        (["gateway"], "http://gateway:8080/api?x=1#part"),
        (["gateway"], "https://gateway/"),
        (["other", "gateway:8080"], "http://gateway:8080/"),
        (["gateway:80"], "http://gateway/"),
        (["gateway:443"], "https://gateway/"),
        (["*.example.com"], "https://a.example.com/"),
        (["*.example.com"], "https://a.b.example.com:8443/"),
        (["*.example.com:8443"], "https://a.example.com:8443/"),
        (["127.0.0.1"], "http://127.0.0.1:5000/"),
        (["[::1]"], "http://[::1]:5000/"),
        (["[::1]:5000"], "http://[::1]:5000/"),
        (["2130706433"], "http://2130706433/"),
        (["gateway."], "http://gateway./"),
        (["GateWay"], "http://GateWay/"),
        (["xn--bcher-kva.example"], "http://xn--bcher-kva.example/"),
    ],
)
def test_a_listed_host_may_be_called(hosts: list[str], url: str) -> None:
    assert OutgoingHttp(hosts).refusal(url) is None


@pytest.mark.parametrize(
    ("hosts", "url", "host"),
    [
        ([], "http://gateway/", "gateway:80"),
        (["gateway"], "http://gateway2/", "gateway2:80"),
        (["gateway"], "http://a.gateway/", "a.gateway:80"),
        (["gateway:8080"], "http://gateway/", "gateway:80"),
        (["gateway:8080"], "http://gateway:80801/", None),
        (["gateway:80"], "https://gateway/", "gateway:443"),
        (["*.example.com"], "https://example.com/", "example.com:443"),
        (["*.example.com"], "https://.example.com/", None),
        (["*.example.com"], "https://badexample.com/", "badexample.com:443"),
        (["*.example.com"], "https://a.example.com.evil.org/", "a.example.com.evil.org:443"),
        (["*.example.com", "1"], "http://127.0.0.1/", "127.0.0.1:80"),
        (["[::1]"], "http://[0:0:0:0:0:0:0:1]/", "[0:0:0:0:0:0:0:1]:80"),
    ],
)
def test_any_other_host_may_not(hosts: list[str], url: str, host: str | None) -> None:
    refusal = OutgoingHttp(hosts).refusal(url)
    assert refusal
    if host:
        assert host in refusal and "SCHEDULER_OUTGOING_HOSTS" in refusal


@pytest.mark.parametrize(
    "host",
    [
        "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0", "017700000001", "0x7f.1", "127.0.0.1.", "localhost.",
        "LOCALHOST", "Gateway", "gateway.", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::1]", "[::]", "ⓛocalhost",
        "bücher.example", "l%6fcalhost", "127。0。0。1",
    ],
)  # fmt: skip
def test_an_odd_way_to_write_a_listed_host_is_another_host(host: str) -> None:
    outgoing = OutgoingHttp(["localhost", "127.0.0.1", "gateway", "xn--bcher-kva.example", "*.example"])
    for url in (f"http://{host}/", f"http://{host}:8080/x"):
        assert outgoing.refusal(url)
        assert refused(outgoing, asked(url)).permanent


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://gateway/", "http:// or https://"),
        ("HTTP://gateway/", "http:// or https://"),
        ("file:///etc/passwd", "http:// or https://"),
        ("gateway/health", "http:// or https://"),
        ("", "http:// or https://"),
        ("http:gateway", "http:// or https://"),
        ("http://user:pw@gateway/", "user name"),
        ("http://gateway@evil.org/", "user name"),
        ("http://gateway\\@evil.org/", "percent-encode"),
        ("http://gateway\t/", "percent-encode"),
        ("http://gate\nway/", "percent-encode"),
        ("http://gateway/a b", "percent-encode"),
        ("http://gateway/ñ", "percent-encode"),
        ("http://bücher.example/", "xn--"),
        ("http://", "names no host"),
        ("http:///path", "names no host"),
        ("http://?x", "names no host"),
        ("http://gateway:0/", "names no host"),
        ("http://gateway:65536/", "names no host"),
        ("http://gateway:x/", "names no host"),
        ("http://gateway:/", "names no host"),
        ("http://[::1/", "names no host"),
        ("http://[fe80::1%25eth0]/", "names no host"),
        ("http://gateway:80:80/", "names no host"),
    ],
)
def test_a_url_that_can_be_read_in_two_ways_or_in_none_is_refused(url: str, words: str) -> None:
    assert words in (OutgoingHttp(["gateway", "evil.org"]).refusal(url) or "")


@pytest.mark.parametrize(
    "entry",
    ["", "*", "*.", "*.*", "*.1", "*.0.0.1", "*.0x1", "*.1.", "*.[::1]", "http://gateway", "gateway/", "gateway:",
     "::1", "a b", "a.*", "bücher.example", ".example.com"],
)  # fmt: skip
def test_an_entry_of_the_list_that_is_no_host_is_named(entry: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="SCHEDULER_OUTGOING_HOSTS") as fault:
        OutgoingHttp(["gateway", entry])
    assert repr(entry) in str(fault.value)


# --- Which addresses -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("address", "word"),
    [
        ("169.254.169.254", "link-local"), ("169.254.0.1", "link-local"), ("fe80::1", "link-local"),
        ("fe80::1%eth0", "link-local"), ("fd00:ec2::254", "metadata"), ("fd20:ce::254", "metadata"),
        ("100.100.100.200", "metadata"), ("168.63.129.16", "metadata"), ("0.0.0.0", "unspecified"),
        ("0.1.2.3", "unspecified"), ("::", "unspecified"), ("224.0.0.1", "multicast"), ("ff02::1", "multicast"),
        ("255.255.255.255", "broadcast"), ("::ffff:169.254.169.254", "link-local"), ("::ffff:a9fe:a9fe", "link-local"),
        ("::169.254.169.254", "link-local"), ("64:ff9b::a9fe:a9fe", "link-local"), ("64:ff9b::e000:1", "multicast"),
        ("2002:a9fe:a9fe::1", "link-local"), ("2001:0:5601:5601:0:0:5601:5601", "link-local"),
        ("::ffff:0.0.0.0", "unspecified"),
    ],
)  # fmt: skip
def test_what_no_list_allows_is_refused_after_the_lookup(address: str, word: str) -> None:
    fault = refused(OutgoingHttp(["partner.test"], resolve=Lookups([address])), asked("http://partner.test/"))
    assert fault.permanent and not fault.is_uncertain
    assert "partner.test" in str(fault) and address in str(fault) and word in str(fault)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("169.254.169.254", "http://169.254.169.254/latest/meta-data"),
        ("2852039166", "http://2852039166/"),
        ("0", "http://0/"),
        ("[::ffff:169.254.169.254]", "http://[::ffff:169.254.169.254]/"),
    ],
)
def test_it_is_refused_also_when_it_is_listed_itself_and_looked_up_for_real(host: str, url: str) -> None:
    assert "never called" in str(refused(OutgoingHttp([host]), asked(url)))


def test_one_bad_address_among_good_ones_is_enough(httpserver: HTTPServer) -> None:
    outgoing = OutgoingHttp(["partner.test"], resolve=Lookups(["127.0.0.1", "169.254.169.254"]))
    assert refused(outgoing, asked(f"http://partner.test:{httpserver.port}/")).permanent
    assert not httpserver.log


def test_the_address_that_was_checked_is_the_one_that_is_called(httpserver: HTTPServer) -> None:
    """DNS rebinding: a second lookup would lead elsewhere, and the system's own one nowhere."""
    httpserver.expect_request("/path", query_string="a=1").respond_with_data("here")
    lookups = Lookups(["127.0.0.1"], ["169.254.169.254"])
    answer = OutgoingHttp(["partner.test"], resolve=lookups).call(
        asked(f"http://partner.test:{httpserver.port}/path?a=1")
    )
    assert (answer.status, answer.text, lookups.asked) == (200, "here", 1)
    assert httpserver.log[0][0].headers["Host"] == f"partner.test:{httpserver.port}"


def test_a_host_with_several_addresses_is_called_at_the_first_that_takes_the_request(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data("here")
    outgoing = OutgoingHttp(["partner.test"], resolve=Lookups(["127.0.0.2", "127.0.0.1"]))
    assert outgoing.call(asked(f"http://partner.test:{httpserver.port}/", "POST", body={})).text == "here"
    assert len(httpserver.log) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433"])
def test_loopback_may_be_called_where_its_name_is_listed(httpserver: HTTPServer, host: str) -> None:
    httpserver.expect_request("/").respond_with_data("here")
    assert OutgoingHttp([host]).call(asked(f"http://{host}:{httpserver.port}/")).text == "here"


# --- TLS -------------------------------------------------------------------------------------------------------------
@pytest.fixture
def tls_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[HTTPServer, list[str | None]]]:
    """A server with a certificate for partner.test that this machine trusts, and the names that clients asked for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "partner.test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("partner.test")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, key_pem = tmp_path / "certificate.pem", tmp_path / "key.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key_pem)
    names: list[str | None] = []
    context.sni_callback = lambda _socket, wanted, _context: names.append(wanted)
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(pem))  # what a machine trusts
    with HTTPServer(ssl_context=context) as server:
        server.expect_request("/").respond_with_data("here")
        yield server, names


def test_over_tls_the_certificate_must_be_the_hosts_own_though_an_address_is_called(
    tls_server: tuple[HTTPServer, list[str | None]],
) -> None:
    server, names = tls_server
    outgoing = OutgoingHttp(["partner.test"], resolve=Lookups(["127.0.0.1"]))
    assert outgoing.call(asked(f"https://partner.test:{server.port}/")).text == "here"
    assert names == ["partner.test"]


def test_a_certificate_of_another_host_is_refused_and_nothing_was_sent(
    tls_server: tuple[HTTPServer, list[str | None]],
) -> None:
    server, names = tls_server
    outgoing = OutgoingHttp(["other.test"], resolve=Lookups(["127.0.0.1"]))
    fault = refused(outgoing, asked(f"https://other.test:{server.port}/", "POST", body={}))
    assert names == ["other.test"]
    assert "other.test" in str(fault) and not fault.is_uncertain
    assert not server.log


# --- Answers ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer(httpserver: HTTPServer, status: int) -> None:
    httpserver.expect_request("/").respond_with_data("", status, {"Location": httpserver.url_for("/elsewhere")})
    answer = HERE.call(asked(httpserver.url_for("/")))
    assert (answer.status, answer.headers["location"]) == (status, httpserver.url_for("/elsewhere"))
    assert [request.path for request, _response in httpserver.log] == ["/"]


@pytest.mark.parametrize(("method", "permanent"), [("POST", True), ("PATCH", True), ("GET", False), ("PUT", False)])
def test_a_request_that_left_and_was_not_answered_may_have_been_carried_out(
    raw_server: Callable[..., RawServer], method: str, permanent: bool
) -> None:
    server = raw_server(saying(b""))
    fault = refused(HERE, asked(server.url, method))
    assert len(server.seen) == 1
    assert fault.is_uncertain
    assert fault.permanent is permanent is ("may have been carried out" in str(fault))


def test_a_request_that_never_left_may_be_asked_again(free_port: int) -> None:
    fault = refused(HERE, asked(f"http://127.0.0.1:{free_port}/", "POST", body={}))
    assert (fault.permanent, fault.is_uncertain) == (False, False)
    assert "no connection" in str(fault)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "x" * 64])
def test_a_host_that_nobody_knows_is_named(host: str) -> None:
    fault = refused(OutgoingHttp([host]), asked(f"http://{host}/"))
    assert host in str(fault) and not fault.is_uncertain


# --- Secrets ---------------------------------------------------------------------------------------------------------
@pytest.fixture
def partner_secret(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("SCHEDULER_SECRET_PARTNER", SECRET + "\n")
    return SECRET


def test_a_secret_goes_in_its_header_and_is_blanked_out_of_the_answer(
    httpserver: HTTPServer, partner_secret: str
) -> None:
    def repeat(request: Request) -> Response:
        given = request.headers["Authorization"]
        told = {"as it is": given, "its last word": given.split()[-1]}
        return Response(json.dumps(told) + given, headers={"X-Given": given, "Content-Type": "application/json"})

    httpserver.expect_request("/").respond_with_handler(repeat)
    answer = HERE.call(asked(httpserver.url_for("/")), secret_headers={"Authorization": "PARTNER"})
    assert httpserver.log[0][0].headers["Authorization"] == partner_secret
    assert answer.text == '{"as it is": "***", "its last word": "***"}***'
    assert answer.headers["x-given"] == "***"


def test_a_secret_that_is_not_there_is_named_by_its_variable_and_nothing_is_asked(httpserver: HTTPServer) -> None:
    fault = refused(HERE, asked(httpserver.url_for("/")), Authorization="NOWHERE")
    assert fault.permanent and "SCHEDULER_SECRET_NOWHERE" in str(fault)
    assert not httpserver.log


@pytest.mark.parametrize("value", ["s3cr3t\r\nX-Other: 1", "s3cr3t-ñ", "s3cr3t\t1"])
def test_a_secret_that_no_header_can_carry_is_named_and_not_shown(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("SCHEDULER_SECRET_PARTNER", value)
    fault = refused(HERE, asked(httpserver.url_for("/")), Authorization="PARTNER")
    assert fault.permanent and "SCHEDULER_SECRET_PARTNER" in str(fault) and "s3cr3t" not in str(fault)


def test_a_broken_answer_that_repeats_the_secret_does_not_bring_it_into_the_error(
    raw_server: Callable[..., RawServer], partner_secret: str
) -> None:
    server = raw_server(saying(f"HTTP/1.1 {partner_secret}\r\n\r\n".encode()))
    fault = refused(HERE, asked(server.url), Authorization="PARTNER")
    told = "".join(traceback.format_exception(fault))
    assert "s3cr3t" not in told and "***" in told
