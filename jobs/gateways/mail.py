"""The other sender of messages: a mail server, spoken to by SMTP."""

import smtplib
from collections.abc import Sequence
from email.utils import getaddresses, make_msgid, parseaddr

from django.core.mail import EmailMultiAlternatives

from jobs.gateways import smtp_connection
from jobs.gateways.content_rules import BREAKING
from jobs.gateways.errors import NotConfigured
from jobs.gateways.notifications import (
    AlertMessage,
    Delivery,
    Email,
    MessageRefused,
    NotificationError,
    is_address,
    mail_alert,
)
from jobs.gateways.smtp_connection import VARIABLE, Session, reply
from jobs.gateways.smtp_sessions import Sessions

SENDER_VARIABLE = "SCHEDULER_MAIL_FROM"
TIMEOUT_SECONDS = 10.0  # of each answer of the server
TOO_LARGE, NEEDS_LOGIN = 552, (530, 535)


class Smtp:
    """smtp://user:password@host:587?tls=starttls or smtps://…; certificates are checked against the system's and ours.

    Empty `url`: not configured. `alerts_to`: the administrators' addresses.
    """

    def __init__(
        self, url: str, *, sender: str, alerts_to: Sequence[str], timeout_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        self._url, self._sender, self._alerts_to = url, sender, alerts_to
        self._timeout_seconds = timeout_seconds
        self._sessions = Sessions(self._open)

    def check(self) -> None:
        if not self._url:
            raise NotConfigured("The mail server", VARIABLE)
        smtp_connection.server_of(self._url)
        if not _is_sender(self._sender):
            raise NotificationError(f"{SENDER_VARIABLE} is no e-mail address: {self._sender!r}.", permanent=True)

    def send(self, email: Email) -> Delivery:
        self.check()
        message = self._message(email)
        session = self._sessions.take()
        try:
            session.send(message)
        except OSError as fault:  # smtplib's are OSErrors too
            error, is_stale = _explain(fault, session), session.has_hung_up
            session.leave()
            if not is_stale:
                raise error from fault
            self._send_alone(message)
        else:
            self._sessions.keep(session)
        return Delivery.SENT

    def alert(self, alert: AlertMessage) -> None:
        self.check()
        mail_alert(alert, to=self._alerts_to, send=self.send)

    def _open(self) -> Session:
        server = smtp_connection.server_of(self._url)
        return smtp_connection.open_patiently(server, timeout_seconds=self._timeout_seconds)

    def _send_alone(self, message: EmailMultiAlternatives) -> None:
        """Over a session of its own: the one that was kept had ended before the message was on its way."""
        session = self._open()
        try:
            session.send(message)
        except OSError as fault:
            raise _explain(fault, session) from fault
        finally:
            session.leave()

    def _message(self, email: Email) -> EmailMultiAlternatives:
        if not is_address(email.to):
            raise MessageRefused(f"{email.to[:100]!r} is no e-mail address.")
        if BREAKING.search(email.subject):
            raise MessageRefused("The subject holds a line break or another control character.")
        domain = parseaddr(self._sender)[1].rpartition("@")[2]
        headers = {"Message-ID": make_msgid(domain=domain), "Auto-Submitted": "auto-generated"}
        message = EmailMultiAlternatives(email.subject, email.text, self._sender, [email.to], headers=headers)
        message.attach_alternative(email.html, "text/html")
        try:
            message.message().as_bytes()
        except ValueError as fault:  # half a character, say
            raise MessageRefused(f"The message cannot be written: {fault}") from fault
        return message


def _is_sender(text: str) -> bool:
    """One address, with a name or without."""
    addresses = [address for _name, address in getaddresses([text])]
    return len(addresses) == 1 and is_address(addresses[0]) and not BREAKING.search(text)


def _explain(fault: OSError, session: Session) -> NotificationError:
    """What it means that the server did not take a message: for this one, for all for now, or for us."""
    words: bytes | str
    if isinstance(fault, smtplib.SMTPRecipientsRefused):
        code, words = next(iter(fault.recipients.values()))
    elif isinstance(fault, smtplib.SMTPResponseException):
        code, words = fault.smtp_code, fault.smtp_error
    else:  # Once the message itself was on its way, nobody knows whether it was taken.
        return NotificationError(f"The mail server broke off: {fault}", is_uncertain=session.has_begun_data)
    said = f"The mail server answered {reply(code, words)}"
    if code in NEEDS_LOGIN:
        return NotificationError(f"{said}. Look at {VARIABLE}.", permanent=True)
    if isinstance(fault, smtplib.SMTPSenderRefused) and code >= 500 and code != TOO_LARGE:
        return NotificationError(f"{said}. Look at {SENDER_VARIABLE}.", permanent=True)
    if 500 <= code < 600:
        return MessageRefused(said)
    is_clear = 400 <= code < 500 or not isinstance(fault, smtplib.SMTPDataError)
    return NotificationError(said, is_uncertain=not is_clear)
