"""A mail server over real sockets: what its answers mean, what is encrypted, and that nothing is sent twice."""

import datetime
import ipaddress
import multiprocessing
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from jobs.gateways import smtp_connection, trust
from jobs.gateways.errors import GatewayError, NotConfigured
from jobs.gateways.mail import Smtp
from jobs.gateways.notifications import AlertMessage, Delivery, Email, MessageRefused, NotificationError
from jobs.gateways.smtp_sessions import MOST_MESSAGES, Sessions
from tests.jobs.gateways.conftest import Behaviour, RawServer, Retries, saying, wait_for_hang_up

EMAIL = Email(to="ana@example.com", subject="Reporte de añadidos", html="<p>¡Hola!</p>", text="¡Hola!\n.\nAdiós")
ALERT = AlertMessage("Service auth is unhealthy!", "HTTP 503\n<since> 03:00", "Critical")
QUICK, BOUND = 0.5, 10.0  # seconds: a short time-out, and what a test takes at most

pytestmark = [
    pytest.mark.usefixtures("without_pauses"),
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning"),
]


class Postbox:
    """Takes messages, or answers a verb as the test says."""

    def __init__(self) -> None:
        self.envelopes: list[Any] = []
        self.replies: dict[str, str] = {}

    async def handle_MAIL(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        envelope.mail_from = address
        return self.replies.get("MAIL", "250 OK")

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        if "RCPT" in self.replies:
            return self.replies["RCPT"]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:
        self.envelopes.append((envelope, session.ssl is not None, session.authenticated))
        return self.replies.get("DATA", "250 OK")

    @property
    def messages(self) -> list[EmailMessage]:
        return [message_from_bytes(envelope.content, policy=policy.default) for envelope, *_rest in self.envelopes]


@pytest.fixture
def postbox() -> Postbox:
    return Postbox()


@pytest.fixture
def server(postbox: Postbox, free_port: int) -> Iterator[Callable[..., str]]:
    """`server(**options)`: a running aiosmtpd with these options; its host and port."""
    controllers: list[Controller] = []

    def start(**options: Any) -> str:
        controllers.append(Controller(postbox, hostname="127.0.0.1", port=free_port, **options))
        controllers[-1].start()
        return f"127.0.0.1:{free_port}"

    yield start
    for controller in controllers:
        controller.stop()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that somebody made for 127.0.0.1, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail of the tests")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("certificate") / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def trusting(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system trusts that certificate."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))


def smtp(url: str, **more: Any) -> Smtp:
    more = {"sender": "noreply@okla.com.do", "alerts_to": ["admin@okla.com.do"], "timeout_seconds": 5, **more}
    return Smtp(url, **more)


def fault_of(use: Callable[[], object], kind: type[GatewayError] = NotificationError) -> Any:
    with pytest.raises(kind) as fault:
        use()
    return fault.value


def facts(fault: Any) -> tuple[bool, bool, bool]:
    return fault.permanent, fault.is_uncertain, isinstance(fault, MessageRefused)


# Permanent, uncertain, refused.
LATER, MEND, UNCERTAIN, REFUSED = (False, False, False), (True, False, False), (False, True, False), (True, False, True)


def dialogue(replies: Mapping[str, Any], said: list[str], greeting: bytes = b"220 hi\r\n") -> Behaviour:
    """A server that answers each verb as given: by these bytes, by what a function does, or by hanging up (None).

    A list holds such answers, one for each time.

    "." is the end of the message. `said`: the verbs that it heard, over all connections.
    """

    def behave(connection: socket.socket) -> None:
        connection.sendall(greeting)
        lines = connection.makefile("rb")
        in_data = False
        while line := lines.readline():
            verb = "." if in_data and line == b".\r\n" else "" if in_data else line.split()[0].decode().upper()
            if not verb:
                continue
            said.append(verb)
            reply = replies.get(verb, b"354 go on\r\n" if verb == "DATA" else b"250 fine\r\n")
            if isinstance(reply, list):
                reply = reply.pop(0)
            if reply is None:
                return
            if callable(reply):
                reply(connection)
                return
            connection.sendall(reply)
            in_data = verb == "DATA" and reply.startswith(b"354")

    return behave


# --- A message -------------------------------------------------------------------------------------------------------
def test_a_message_arrives_as_html_and_as_text(server: Callable[..., str], postbox: Postbox) -> None:
    assert smtp(f"smtp://{server()}").send(EMAIL) is Delivery.SENT
    ((envelope, _is_tls, _is_known),) = postbox.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == ("noreply@okla.com.do", ["ana@example.com"])
    (message,) = postbox.messages
    assert (message["To"], message["From"], message["Subject"]) == (
        "ana@example.com", "noreply@okla.com.do", "Reporte de añadidos",
    )  # fmt: skip
    text, html = message.iter_parts()
    assert (text.get_content_type(), text.get_content().replace("\r\n", "\n").strip()) == ("text/plain", EMAIL.text)
    assert (html.get_content_type(), html.get_content().strip()) == ("text/html", EMAIL.html)


def test_its_headers_say_who_made_it_and_that_nobody_need_answer(server: Callable[..., str], postbox: Postbox) -> None:
    smtp(f"smtp://{server()}", sender="OKLA <noreply@okla.com.do>").send(EMAIL)
    (message,) = postbox.messages
    assert message["From"] == "OKLA <noreply@okla.com.do>"
    assert message["Message-ID"].endswith("@okla.com.do>")
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"] and "Bcc" not in message


def test_a_message_of_any_letters_arrives(server: Callable[..., str], postbox: Postbox) -> None:
    email = Email("ana@ñandú.example", "😀 \u2060" + "á" * 150, "<p>" + "ñ😀" * 2_000 + "</p>", "x" * 5_000)
    assert smtp(f"smtp://{server()}").send(email) is Delivery.SENT
    assert postbox.envelopes[0][0].rcpt_tos == ["ana@xn--and-6ma2c.example"]
    assert postbox.messages[0]["Subject"].strip() == email.subject  # a folded header begins with a blank


@pytest.mark.parametrize(
    "changes",
    [
        {"to": "no tiene"},
        {"to": "ana@example.com\nBcc: x@example.com"},
        {"to": "ana@example.com,x@example.com"},
        {"subject": "hello\r\nBcc: x@example.com"},
        {"subject": "hello\nworld"},
        {"subject": "hello\0"},
        {"subject": "half \ud83d"},
        {"html": "half \ud83d"},
        {"text": "half \ud83d"},
    ],
)
def test_a_message_that_cannot_be_one_is_refused_without_a_connection(
    raw_server: Callable[..., RawServer], changes: dict[str, str]
) -> None:
    peer = raw_server(wait_for_hang_up, reads_first=False)
    email = Email(**{"to": EMAIL.to, "subject": "s", "html": "h", "text": "t", **changes})
    assert facts(fault_of(lambda: smtp(f"smtp://127.0.0.1:{peer.port}").send(email))) == REFUSED
    assert peer.seen == []


# --- What the server answers -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("verb", "reply", "expected", "words"),
    [
        ("RCPT", "550 5.1.1 no such mailbox", REFUSED, "550 5.1.1 no such mailbox"),
        ("RCPT", "450 4.2.1 greylisted", LATER, "greylisted"),
        ("RCPT", "421 4.3.2 going down", LATER, "going down"),
        ("RCPT", "530 authentication required", MEND, "SCHEDULER_SMTP_URL"),
        ("MAIL", "550 not your address", MEND, "SCHEDULER_MAIL_FROM"),
        ("MAIL", "530 authentication required", MEND, "SCHEDULER_SMTP_URL"),
        ("MAIL", "552 too large", REFUSED, "too large"),
        ("MAIL", "451 try later", LATER, "try later"),
        ("DATA", "554 looks like spam", REFUSED, "looks like spam"),
        ("DATA", "452 disk full", LATER, "disk full"),
        ("DATA", "421 going down", LATER, "going down"),
    ],
)
def test_an_answer_says_whose_fault_it_is(
    server: Callable[..., str], postbox: Postbox, verb: str, reply: str, expected: tuple[bool, ...], words: str
) -> None:
    postbox.replies[verb] = reply
    fault = fault_of(lambda: smtp(f"smtp://{server()}").send(EMAIL))
    assert facts(fault) == expected
    assert words in str(fault)
    assert len(postbox.envelopes) == (verb == "DATA")


@pytest.mark.parametrize(
    ("replies", "expected", "greeting"),
    [
        ({}, LATER, b"421 busy\r\n"),
        ({}, MEND, b"554 go away\r\n"),
        ({}, MEND, b"SSH-2.0-OpenSSH_9.2\r\n"),
        ({"EHLO": b"550 no\r\n", "HELO": b"550 no\r\n"}, MEND, b"220 hi\r\n"),
        ({"EHLO": b"421 no\r\n", "HELO": b"421 no\r\n"}, LATER, b"220 hi\r\n"),
        ({"DATA": b"451 not now\r\n"}, LATER, b"220 hi\r\n"),
        ({"DATA": b"554 never\r\n"}, REFUSED, b"220 hi\r\n"),
        ({".": b"999 what?\r\n"}, UNCERTAIN, b"220 hi\r\n"),
        ({".": lambda connection: connection.sendall(b"250 O")}, UNCERTAIN, b"220 hi\r\n"),
        ({"RCPT": lambda connection: connection.sendall(b"550")}, LATER, b"220 hi\r\n"),
        ({".": b"garbage\r\n"}, UNCERTAIN, b"220 hi\r\n"),
        ({".": b"451-not\r\n451 now\r\n"}, LATER, b"220 hi\r\n"),
        ({"QUIT": None}, None, b"220 hi\r\n"),
        ({"QUIT": b"500 no\r\n"}, None, b"220 hi\r\n"),
        ({"QUIT": wait_for_hang_up}, None, b"220 hi\r\n"),
    ],
)
def test_an_odd_server_is_understood_too(
    raw_server: Callable[..., RawServer],
    replies: dict[str, Any],
    expected: tuple[bool, ...] | None,
    greeting: bytes,
) -> None:
    said: list[str] = []
    peer = raw_server(dialogue(replies, said, greeting), reads_first=False)
    gateway = smtp(f"smtp://127.0.0.1:{peer.port}", timeout_seconds=2)
    if expected is None:  # what was taken was sent, whatever comes after
        assert gateway.send(EMAIL) is Delivery.SENT
    else:
        assert facts(fault_of(lambda: gateway.send(EMAIL))) == expected
    assert said.count("MAIL") <= 1


# --- Servers that break off ------------------------------------------------------------------------------------------
def drip(connection: socket.socket) -> None:
    """A byte now and then, each well within the time."""
    connection.settimeout(QUICK / 4)
    while True:
        connection.sendall(b"2")
        try:
            connection.recv(1)
        except TimeoutError:
            continue
        return


@pytest.mark.parametrize("end", [None, wait_for_hang_up, drip], ids=["hangs up", "silence", "drips"])
@pytest.mark.parametrize(
    ("verb", "expected"), [("MAIL", LATER), ("RCPT", LATER), ("DATA", UNCERTAIN), (".", UNCERTAIN)]
)
def test_a_message_is_uncertain_once_it_was_on_its_way_and_never_sent_twice(
    raw_server: Callable[..., RawServer], verb: str, expected: tuple[bool, ...], end: Behaviour | None
) -> None:
    said: list[str] = []
    peer = raw_server(dialogue({verb: end}, said), reads_first=False)
    began = time.monotonic()
    fault = fault_of(lambda: smtp(f"smtp://127.0.0.1:{peer.port}", timeout_seconds=QUICK).send(EMAIL))
    assert facts(fault) == expected and "broke off" in str(fault)
    assert time.monotonic() - began < BOUND
    assert said.count("MAIL") == 1


def test_a_server_that_hangs_up_in_the_middle_of_a_message_leaves_it_uncertain(
    raw_server: Callable[..., RawServer],
) -> None:
    def cut(connection: socket.socket) -> None:
        connection.sendall(b"354 go on\r\n")
        connection.recv(10)
        # With what has come unread: the client meets a reset while it writes.

    said: list[str] = []
    peer = raw_server(dialogue({"DATA": cut}, said), reads_first=False)
    large = Email(EMAIL.to, "s", "<p>" + "x" * 5_000_000 + "</p>", "t")
    fault = fault_of(lambda: smtp(f"smtp://127.0.0.1:{peer.port}").send(large))
    assert facts(fault) == UNCERTAIN
    assert said.count("MAIL") == 1


@pytest.mark.parametrize("greeting", [b"", b"220"], ids=["silence", "half a line"])
def test_a_server_that_does_not_greet_is_tried_three_times(
    raw_server: Callable[..., RawServer], greeting: bytes
) -> None:
    def behave(connection: socket.socket) -> None:
        connection.sendall(greeting)
        wait_for_hang_up(connection)

    peer = raw_server(behave, reads_first=False)
    began = time.monotonic()
    assert facts(fault_of(lambda: smtp(f"smtp://127.0.0.1:{peer.port}", timeout_seconds=QUICK).send(EMAIL))) == LATER
    assert time.monotonic() - began < BOUND
    assert len(peer.seen) == 3


def test_a_refusal_in_words_that_no_database_keeps_is_told_in_others(raw_server: Callable[..., RawServer]) -> None:
    peer = raw_server(dialogue({"RCPT": b"550 no\0such \xff mailbox\r\n"}, []), reads_first=False)
    fault = fault_of(lambda: smtp(f"smtp://127.0.0.1:{peer.port}").send(EMAIL))
    assert facts(fault) == REFUSED and "550 no\ufffdsuch \ufffd mailbox" in str(fault)


@pytest.mark.parametrize("greeting", [b"", b"220 hi\r\n"], ids=["greeting", "capabilities"])
def test_an_answer_without_an_end_is_left_before_it_fills_the_memory(
    raw_server: Callable[..., RawServer], greeting: bytes
) -> None:
    """Every line was kept for as long as they came: a gigabyte in two seconds."""
    poured = 0

    def pour(connection: socket.socket) -> None:
        nonlocal poured
        connection.sendall(greeting)
        while True:
            connection.sendall((b"250-" if greeting else b"220-") + b"x" * 900 + b"\r\n")
            poured += 1_000

    peer = raw_server(pour, reads_first=False)
    fault = fault_of(lambda: smtp(f"smtp://127.0.0.1:{peer.port}").send(EMAIL))
    assert facts(fault) == LATER and "its answer does not end" in str(fault)
    assert poured < 50_000_000


def test_a_server_that_cannot_be_reached_is_tried_three_times(free_port: int, retries: Retries) -> None:
    fault = fault_of(lambda: smtp(f"smtp://127.0.0.1:{free_port}").send(EMAIL))
    assert facts(fault) == LATER and f"127.0.0.1:{free_port} cannot be reached" in str(fault)
    assert retries.count == 2


def test_a_server_that_comes_up_between_two_tries_gets_the_message(
    server: Callable[..., str], postbox: Postbox, free_port: int, retries: Retries
) -> None:
    retries.on_first = server
    assert smtp(f"smtp://127.0.0.1:{free_port}").send(EMAIL) is Delivery.SENT
    assert (retries.count, len(postbox.envelopes)) == (1, 1)


# --- One session for many messages -----------------------------------------------------------------------------------
def test_the_messages_of_a_run_share_one_connection_and_one_login(raw_server: Callable[..., RawServer]) -> None:
    said: list[str] = []
    peer = raw_server(
        dialogue({"EHLO": b"250-hi\r\n250 AUTH PLAIN\r\n", "AUTH": b"235 in\r\n"}, said), reads_first=False
    )
    gateway = smtp(f"smtp://ana:pw@127.0.0.1:{peer.port}")
    for _ in range(3):
        gateway.send(EMAIL)
    assert (len(peer.seen), said.count("EHLO"), said.count("AUTH"), said.count(".")) == (1, 1, 1, 3)


def test_after_many_messages_a_connection_is_left(raw_server: Callable[..., RawServer]) -> None:
    said: list[str] = []
    peer = raw_server(dialogue({}, said), reads_first=False)
    gateway = smtp(f"smtp://127.0.0.1:{peer.port}")
    for _ in range(MOST_MESSAGES + 1):
        gateway.send(EMAIL)
    assert (len(peer.seen), said.count("QUIT"), said.count(".")) == (2, 1, MOST_MESSAGES + 1)


def test_a_connection_that_nobody_needs_is_left_after_a_while(raw_server: Callable[..., RawServer]) -> None:
    left = threading.Event()
    peer = raw_server(dialogue({"QUIT": lambda _connection: left.set()}, []), reads_first=False)
    server = smtp_connection.server_of(f"smtp://127.0.0.1:{peer.port}")
    sessions = Sessions(lambda: smtp_connection.open_patiently(server, timeout_seconds=5), idle_seconds=0.05)
    session = sessions.take()
    sessions.keep(session)
    assert left.wait(BOUND)
    assert sessions.take() is not session


@pytest.mark.parametrize("noop", [None, b"421 too long idle\r\n", wait_for_hang_up], ids=["left", "421", "silence"])
def test_a_server_that_left_between_two_messages_gets_the_next_one_anew(
    raw_server: Callable[..., RawServer], noop: Any
) -> None:
    said: list[str] = []
    peer = raw_server(dialogue({"NOOP": noop}, said), reads_first=False)
    gateway = smtp(f"smtp://127.0.0.1:{peer.port}", timeout_seconds=QUICK)
    assert [gateway.send(EMAIL), gateway.send(EMAIL)] == [Delivery.SENT] * 2
    assert (len(peer.seen), said.count(".")) == (2, 2)


def on_the_second(verb: str, last: bytes | Behaviour, said: list[str]) -> Behaviour:
    """A server that answers the second `verb` of each connection like that."""
    first = b"354 go on\r\n" if verb == "DATA" else b"250 fine\r\n"

    def behave(connection: socket.socket) -> None:
        dialogue({verb: [first, last]}, said)(connection)

    return behave


@pytest.mark.parametrize("last", [b"421 no more over this connection\r\n", b""], ids=["421", "hangs up"])
def test_a_server_that_takes_one_message_a_connection_gets_each_once(
    raw_server: Callable[..., RawServer], last: bytes
) -> None:
    said: list[str] = []
    peer = raw_server(on_the_second("MAIL", saying(last), said), reads_first=False)
    gateway = smtp(f"smtp://127.0.0.1:{peer.port}")
    assert [gateway.send(EMAIL) for _ in range(3)] == [Delivery.SENT] * 3
    assert said.count(".") == 3


@pytest.mark.parametrize("verb", ["DATA", "."])
def test_a_later_message_that_was_on_its_way_is_uncertain_and_not_sent_twice_either(
    raw_server: Callable[..., RawServer], verb: str
) -> None:
    said: list[str] = []
    peer = raw_server(on_the_second(verb, saying(b""), said), reads_first=False)
    gateway = smtp(f"smtp://127.0.0.1:{peer.port}")
    gateway.send(EMAIL)
    assert facts(fault_of(lambda: gateway.send(EMAIL))) == UNCERTAIN
    assert (len(peer.seen), said.count("MAIL")) == (1, 2)
    assert gateway.send(EMAIL) is Delivery.SENT


def test_a_refused_address_is_not_asked_about_again_over_another_connection(
    raw_server: Callable[..., RawServer],
) -> None:
    said: list[str] = []
    peer = raw_server(on_the_second("RCPT", b"450 not now\r\n", said), reads_first=False)
    gateway = smtp(f"smtp://127.0.0.1:{peer.port}")
    gateway.send(EMAIL)
    assert facts(fault_of(lambda: gateway.send(EMAIL))) == LATER
    assert len(peer.seen) == 1


def test_messages_sent_at_the_same_time_do_not_share_a_connection(
    raw_server: Callable[..., RawServer],
) -> None:
    together, said = threading.Barrier(2), list[str]()

    def wait_for_the_other(connection: socket.socket) -> None:
        together.wait(BOUND)  # broken unless both messages are under way
        connection.sendall(b"250 fine\r\n")

    peer = raw_server(dialogue({".": wait_for_the_other}, said), reads_first=False)
    gateway = smtp(f"smtp://127.0.0.1:{peer.port}")
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(gateway.send, [EMAIL, EMAIL])) == [Delivery.SENT] * 2
    assert len(peer.seen) == 2


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_process_does_not_speak_over_the_connection_of_its_parent(raw_server: Callable[..., RawServer]) -> None:
    said: list[str] = []
    peer = raw_server(dialogue({}, said), reads_first=False)
    gateway = smtp(f"smtp://127.0.0.1:{peer.port}")
    gateway.send(EMAIL)
    child = multiprocessing.get_context("fork").Process(target=gateway.send, args=[EMAIL])
    child.start()
    child.join(BOUND)
    gateway.send(EMAIL)
    assert (child.exitcode, len(peer.seen), said.count(".")) == (0, 2, 3)


# --- Logging in ------------------------------------------------------------------------------------------------------
def knows_ana(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    is_known = isinstance(data, LoginPassword) and (data.login, data.password) == (b"ana", b"p@ss/word")
    return AuthResult(success=is_known, handled=False)


GUARDED = {"authenticator": knows_ana, "auth_required": True, "auth_require_tls": False}


def test_a_user_of_the_url_is_logged_in(server: Callable[..., str], postbox: Postbox) -> None:
    assert smtp(f"smtp://ana:p%40ss%2Fword@{server(**GUARDED)}").send(EMAIL) is Delivery.SENT
    assert postbox.envelopes[0][2] is True


def test_a_wrong_password_is_ours_to_mend_and_is_not_told(server: Callable[..., str], retries: Retries) -> None:
    fault = fault_of(lambda: smtp(f"smtp://ana:wrong-word@{server(**GUARDED)}").send(EMAIL))
    assert facts(fault) == MEND and "SCHEDULER_SMTP_URL" in str(fault) and "535" in str(fault)
    assert "wrong-word" not in str(fault)
    assert retries.count == 0


def test_a_missing_login_is_ours_to_mend(server: Callable[..., str]) -> None:
    fault = fault_of(lambda: smtp(f"smtp://{server(**GUARDED)}").send(EMAIL))
    assert facts(fault) == MEND and "SCHEDULER_SMTP_URL" in str(fault)


def test_a_server_that_knows_no_logins_is_ours_to_mend(server: Callable[..., str]) -> None:
    fault = fault_of(lambda: smtp(f"smtp://ana:word@{server()}").send(EMAIL))
    assert facts(fault) == MEND and "cannot be used" in str(fault)


def test_a_password_of_letters_that_smtp_cannot_say_is_ours_to_mend(server: Callable[..., str]) -> None:
    assert facts(fault_of(lambda: smtp(f"smtp://ana:ñ@{server(**GUARDED)}").send(EMAIL))) == MEND


def test_a_login_that_fails_for_now_may_be_tried_again(raw_server: Callable[..., RawServer]) -> None:
    replies = {"EHLO": b"250-hi\r\n250 AUTH PLAIN\r\n", "AUTH": b"454 directory down\r\n"}
    peer = raw_server(dialogue(replies, []), reads_first=False)
    assert facts(fault_of(lambda: smtp(f"smtp://ana:word@127.0.0.1:{peer.port}").send(EMAIL))) == LATER
    assert len(peer.seen) == 3


# --- Encryption ------------------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("trusting")
def test_starttls_encrypts_before_the_login(server: Callable[..., str], postbox: Postbox, tls: ssl.SSLContext) -> None:
    options = {**GUARDED, "auth_require_tls": True, "tls_context": tls, "require_starttls": True}
    assert smtp(f"smtp://ana:p%40ss%2Fword@{server(**options)}?tls=starttls").send(EMAIL) is Delivery.SENT
    assert postbox.envelopes[0][1:] == (True, True)


@pytest.mark.usefixtures("trusting")
def test_smtps_encrypts_from_the_first_byte(raw_server: Callable[..., RawServer], tls: ssl.SSLContext) -> None:
    said: list[str] = []

    def behave(connection: socket.socket) -> None:
        with tls.wrap_socket(connection, server_side=True) as encrypted:
            dialogue({}, said)(encrypted)

    peer = raw_server(behave, reads_first=False)
    assert smtp(f"smtps://127.0.0.1:{peer.port}").send(EMAIL) is Delivery.SENT
    assert said == ["EHLO", "MAIL", "RCPT", "DATA", "."]


def test_a_certificate_that_nobody_trusts_is_refused_before_the_login(
    server: Callable[..., str], postbox: Postbox, tls: ssl.SSLContext, retries: Retries
) -> None:
    address = server(tls_context=tls)
    fault = fault_of(lambda: smtp(f"smtp://ana:word@{address}?tls=starttls").send(EMAIL))
    assert facts(fault) == MEND and "certificate verify failed" in str(fault)
    assert (postbox.envelopes, retries.count) == ([], 0)


def test_an_untrusted_certificate_is_refused_by_smtps_too(
    raw_server: Callable[..., RawServer], tls: ssl.SSLContext
) -> None:
    peer = raw_server(lambda connection: tls.wrap_socket(connection, server_side=True), reads_first=False)
    fault = fault_of(lambda: smtp(f"smtps://127.0.0.1:{peer.port}").send(EMAIL))
    assert facts(fault) == MEND and "certificate verify failed" in str(fault)


def test_a_certificate_of_the_operators_own_authority_is_believed(
    server: Callable[..., str], postbox: Postbox, tls: ssl.SSLContext, certificate: Path
) -> None:
    trust.trust(str(certificate))
    try:
        place = server(tls_context=tls, require_starttls=True)
        assert smtp(f"smtp://{place}?tls=starttls").send(EMAIL) is Delivery.SENT
    finally:
        trust.trust("")


@pytest.mark.usefixtures("trusting")
def test_a_trusted_certificate_of_another_host_is_refused(server: Callable[..., str], tls: ssl.SSLContext) -> None:
    port = server(tls_context=tls).rpartition(":")[2]
    fault = fault_of(lambda: smtp(f"smtp://localhost:{port}?tls=starttls").send(EMAIL))
    assert facts(fault) == MEND and "certificate" in str(fault)


def test_a_server_without_starttls_gets_nothing_unencrypted(server: Callable[..., str], postbox: Postbox) -> None:
    fault = fault_of(lambda: smtp(f"smtp://{server()}?tls=starttls").send(EMAIL))
    assert facts(fault) == MEND and "STARTTLS" in str(fault)
    assert postbox.envelopes == []


def test_a_handshake_that_breaks_off_may_be_tried_again(raw_server: Callable[..., RawServer]) -> None:
    peer = raw_server(lambda connection: connection.recv(10), reads_first=False)
    assert facts(fault_of(lambda: smtp(f"smtps://127.0.0.1:{peer.port}").send(EMAIL))) == LATER
    assert len(peer.seen) == 3


# --- Alerts ----------------------------------------------------------------------------------------------------------
def test_an_alert_is_an_e_mail_to_each_administrator(server: Callable[..., str], postbox: Postbox) -> None:
    smtp(f"smtp://{server()}", alerts_to=["a@okla.com.do", "b@okla.com.do"]).alert(ALERT)
    assert [envelope.rcpt_tos for envelope, *_rest in postbox.envelopes] == [["a@okla.com.do"], ["b@okla.com.do"]]
    text, html = postbox.messages[0].iter_parts()
    assert postbox.messages[0]["Subject"] == ALERT.title
    assert "HTTP 503" in text.get_content() and "<since>" in text.get_content()
    assert "HTTP 503<br>&lt;since&gt; 03:00" in html.get_content()


def test_an_alert_of_several_lines_has_a_subject_of_one(server: Callable[..., str], postbox: Postbox) -> None:
    smtp(f"smtp://{server()}").alert(AlertMessage("a\r\nBcc: x@example.com", ""))
    assert postbox.messages[0]["Subject"] == "a Bcc: x@example.com"
    assert postbox.envelopes[0][0].rcpt_tos == ["admin@okla.com.do"]


# --- What is configured ----------------------------------------------------------------------------------------------
def test_without_an_address_it_names_the_variable() -> None:
    for use in (smtp("").check, lambda: smtp("").send(EMAIL), lambda: smtp("").alert(ALERT)):
        assert "set SCHEDULER_SMTP_URL." in str(fault_of(use, NotConfigured))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("smtp://", "no address"),
        ("smtp://host:none", "no address"),
        ("smtp://[::1", "no address"),
        ("http://host", "no address"),
        ("smtp://secret-user@host", "without a password"),
        ("smtp://:secret-word@host", "password without a user"),
        ("smtp://u:secret-word@host?tls=maybe", "tls=maybe"),
        ("smtps://host?tls=starttls", "tls=starttls"),
        ("smtp://u:secret-word@host?starttls=1", "a parameter that means nothing: starttls"),
    ],
)
def test_an_address_that_is_none_says_what_is_wrong_without_the_password(url: str, words: str) -> None:
    fault = fault_of(smtp(url).check)
    assert facts(fault) == MEND
    assert words in str(fault) and "SCHEDULER_SMTP_URL" in str(fault) and "secret" not in str(fault)


@pytest.mark.parametrize(
    "sender", ["", "OKLA", "OKLA <nobody>", "a@okla.com.do, b@okla.com.do", "OKLA\n <a@okla.com.do>"]
)
def test_a_sender_that_is_no_address_names_its_variable(sender: str) -> None:
    fault = fault_of(smtp("smtp://host", sender=sender).check)
    assert facts(fault) == MEND and "SCHEDULER_MAIL_FROM" in str(fault)


@pytest.mark.parametrize(
    "url", ["smtp://host", "smtp://host:2525?tls=none", "smtps://u:p@host", "smtp://u:p@[::1]:587?tls=STARTTLS"]
)
def test_a_configured_server_passes_the_check_without_being_asked(url: str) -> None:
    smtp(url).check()
