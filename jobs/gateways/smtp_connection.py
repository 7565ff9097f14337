"""A mail server's address, and a connection to it that is ready to send and answers in time."""

import smtplib
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO
from urllib.parse import parse_qs, unquote, urlsplit

import stamina
from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend
from django.utils.functional import cached_property

from jobs.gateways import trust
from jobs.gateways.content_rules import storable
from jobs.gateways.http import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, TRIES
from jobs.gateways.notifications import NotificationError

VARIABLE = "SCHEDULER_SMTP_URL"
TLS = ("none", "starttls")
REPLY_MAX_BYTES = 65_536  # of all its lines; smtplib would keep each of them
# By scheme and by whether STARTTLS is asked for.
PORTS = {("smtp", False): 25, ("smtp", True): 587, ("smtps", False): 465}


@dataclass(frozen=True)
class Server:
    """Where mail goes. `is_tls`: from the first byte on; `starttls`: demanded before anything else is said."""

    host: str
    port: int
    user: str
    password: str
    is_tls: bool
    starttls: bool


def server_of(url: str) -> Server:
    """Raises NotificationError that names the variable and the part at fault, without a password."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as fault:
        raise _misconfigured("is no address of a mail server") from fault
    query = parse_qs(parts.query, keep_blank_values=True)
    tls = query.pop("tls", ["none"])[-1].lower()
    if not parts.hostname or parts.scheme not in ("smtp", "smtps"):
        raise _misconfigured("is no address of a mail server")
    if bool(parts.username) != bool(parts.password):
        raise _misconfigured("names a user without a password, or a password without a user")
    if query:
        raise _misconfigured(f"has a parameter that means nothing: {next(iter(query))}")
    if tls not in TLS or (parts.scheme, tls == "starttls") not in PORTS:
        raise _misconfigured(f"asks for tls={tls}")
    return Server(
        host=parts.hostname,
        port=port or PORTS[parts.scheme, tls == "starttls"],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        is_tls=parts.scheme == "smtps",
        starttls=tls == "starttls",
    )


def _misconfigured(what: str) -> NotificationError:
    return NotificationError(
        f"{VARIABLE} {what}: use smtp://user:password@host:587?tls=starttls or smtps://user:password@host:465.",
        permanent=True,
    )


def open_patiently(server: Server, *, timeout_seconds: float) -> "Session":
    """A session ready to send; a server that cannot be reached is tried again within bounds.

    `timeout_seconds`: of each of its answers. Raises NotificationError; nothing was sent.
    """
    for attempt in stamina.retry_context(
        on=lambda fault: isinstance(fault, NotificationError) and not fault.permanent,
        attempts=TRIES,
        timeout=None,
        wait_initial=FIRST_PAUSE_SECONDS,
        wait_max=LONGEST_PAUSE_SECONDS,
    ):
        with attempt:
            return _open(server, timeout_seconds)
    raise AssertionError("unreachable")


def reply(code: int, words: bytes | str) -> str:
    """What the server said, on one line and fit to be kept."""
    text = words.decode(errors="replace") if isinstance(words, bytes) else words
    return f"{code} {storable(' '.join(text.split()))[:200]}"


class _WholeLines:
    """What a server said, of which half a line is nothing: smtplib would take what came before a cut for an answer.

    `left`: how many bytes the reply that is being read may still have.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.left = REPLY_MAX_BYTES

    def readline(self, limit: int) -> bytes:
        line = self._file.readline(limit)
        self.left -= len(line)
        if self.left < 0:
            raise OSError("its answer does not end")
        return line if line.endswith(b"\n") or len(line) == limit else b""

    def close(self) -> None:
        self._file.close()


class _InTime:
    """A whole answer within its time: a socket's own timeout begins anew with every byte that drips in."""

    timeout: float
    sock: Any
    file: Any
    has_begun_data = False

    def getreply(self) -> tuple[int, bytes]:
        self.file = self.file or _WholeLines(self.sock.makefile("rb"))
        self.file.left = REPLY_MAX_BYTES
        timer = threading.Timer(self.timeout, self._cut)
        timer.daemon = True
        timer.start()
        try:
            reply: tuple[int, bytes] = super().getreply()  # type: ignore[misc]
            return reply
        finally:
            timer.cancel()

    def data(self, msg: Any) -> tuple[int, bytes]:
        self.has_begun_data = True
        reply: tuple[int, bytes] = super().data(msg)  # type: ignore[misc]
        return reply

    def _cut(self) -> None:
        with suppress(OSError, AttributeError):  # closed already
            self.sock.shutdown(socket.SHUT_RDWR)


class _Plain(_InTime, smtplib.SMTP):
    pass


class _Encrypted(_InTime, smtplib.SMTP_SSL):
    pass


class Session(EmailBackend):
    """One connection, for one message after another. `messages`: how many went through."""

    messages = 0

    @cached_property
    def ssl_context(self) -> ssl.SSLContext:
        return trust.extend(ssl.create_default_context())

    @property
    def connection_class(self) -> Any:
        return _Encrypted if self.use_ssl else _Plain

    @property
    def has_begun_data(self) -> bool:
        """Whether the message itself may have reached the server."""
        connection: Any = self.connection
        return connection is None or bool(connection.has_begun_data)

    @property
    def has_hung_up(self) -> bool:
        """Whether it ended, after other messages, before this one was on its way: this one certainly was not sent."""
        connection: Any = self.connection
        return self.messages > 0 and not self.has_begun_data and connection.sock is None

    def send(self, message: EmailMessage) -> None:
        """Raises OSError, of which smtplib's are kinds."""
        connection: Any = self.connection
        connection.has_begun_data = False
        self.send_messages([message])

    def is_alive(self) -> bool:
        """Whether the server answers as it should; it may have left long ago."""
        connection: Any = self.connection
        try:
            return bool(connection.noop()[0] == 250)
        except OSError:
            return False

    def greet(self) -> None:
        """Now, so that a refusal is told from that of a message."""
        connection: Any = self.connection
        connection.ehlo_or_helo_if_needed()

    def leave(self) -> None:
        """Whatever comes of it: what was sent is sent."""
        with suppress(OSError):
            self.close()


def _open(server: Server, timeout_seconds: float) -> Session:
    session = Session(
        host=server.host, port=server.port, username=server.user, password=server.password,
        use_ssl=server.is_tls, use_tls=server.starttls, timeout=timeout_seconds, ssl_certfile="", ssl_keyfile="",
    )  # fmt: skip
    try:
        session.open()
        session.greet()
    except (OSError, ValueError) as fault:  # smtplib's are OSErrors; ValueError: letters that cannot be sent
        session.leave()
        raise _unopened(fault, server) from fault
    return session


def _unopened(fault: Exception, server: Server) -> NotificationError:
    """Nothing was sent. Somebody has to mend what is neither the way there nor a passing trouble of the server."""
    where = f"The mail server {server.host}:{server.port}"
    if isinstance(fault, smtplib.SMTPResponseException):
        said = f"{where} answered {reply(fault.smtp_code, fault.smtp_error)}"
        if 400 <= fault.smtp_code < 500:
            return NotificationError(said)
        return NotificationError(f"{said}. Look at {VARIABLE}.", permanent=True)
    if isinstance(fault, smtplib.SMTPServerDisconnected | ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return NotificationError(f"{where} broke off: {fault}")
    if isinstance(fault, smtplib.SMTPException | ssl.SSLError | ValueError):
        return NotificationError(f"{where} cannot be used: {fault}. Look at {VARIABLE}.", permanent=True)
    return NotificationError(f"{where} cannot be reached: {fault}")
