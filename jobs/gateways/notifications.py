"""Messages to people: what one is, what becomes of one, and NotificationService, which sends them (OKLA.md §2)."""

import logging
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, NoReturn, Protocol

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from jobs.gateways import alert_mail, content_rules, http
from jobs.gateways.errors import GatewayError, NotConfigured
from jobs.gateways.problems import fields_of, said_in
from jobs.gateways.service_token import ServiceToken

Severity = Literal["Info", "Warning", "Error", "Critical"]

TIMEOUT_SECONDS = 10.0  # of each try
ALERT_TYPE = "system_errors"  # one of the eight that the service knows
ALERT_MAX_UNITS = 2000
# Answers that say that nothing was done, and that it may be done later.
NOT_NOW = (408, 425, 429, 503)

logger = logging.getLogger(__name__)


class NotificationError(GatewayError):
    """A message could not be sent, or nobody knows whether it was (`is_uncertain`)."""


class MessageRefused(NotificationError):
    """This one message is at fault, its address or its words; others may well be sent."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=True)


class PartlyTold(NotificationError):
    """Some administrators have it. `left`: the addresses that have not, whom to tell apart from those."""

    def __init__(self, left: Sequence[str]) -> None:
        super().__init__(f"It did not reach {', '.join(left)}.")
        self.left = left


class Delivery(Enum):
    """What became of a message that was taken. Only SENT means sent."""

    SENT = "sent"
    SKIPPED = "skipped"  # the service has e-mail switched off
    BLOCKED = "blocked"  # the recipient has not consented


@dataclass(frozen=True)
class Email:
    """`html` passes the content rules only without images, scripts and data URIs."""

    to: str
    subject: str
    html: str
    text: str
    recipient_user_id: str | None = None


@dataclass(frozen=True)
class AlertMessage:
    """Something that administrators should know."""

    title: str
    message: str
    severity: Severity = "Error"


class Notifier(Protocol):
    """Whoever sends messages. Each verb is bounded in time and tries again only what certainly was not sent."""

    def check(self) -> None:
        """Raise NotConfigured with the variable to set, before anything is marked or claimed."""

    def send(self, email: Email) -> Delivery:
        """Raises MessageRefused (this one is at fault), NotificationError (the service is)."""

    def alert(self, alert: AlertMessage) -> None:
        """Tell the administrators. Raises PartlyTold when some have it, NotificationError when nobody has."""


class NotificationService:
    """OKLA's own sender. Empty `url`: not configured. With `internal_key` it is asked on its internal route."""

    def __init__(
        self,
        url: str,
        *,
        internal_key: str,
        token: ServiceToken,
        alerts_to: Sequence[str],
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._url, self._internal_key, self._token = url.rstrip("/"), internal_key, token
        self._alerts_to, self._timeout_seconds = alerts_to, timeout_seconds

    def check(self) -> None:
        if not self._url:
            raise NotConfigured("NotificationService", "ServiceUrls__NotificationService", "SCHEDULER_SMTP_URL")
        if not self._internal_key:
            if not self._token.is_configured:
                raise NotConfigured("The key of NotificationService", "Security__InternalApiKey", "Jwt__Key")
            self._token.check()

    def send(self, email: Email) -> Delivery:
        self.check()
        _refuse_faulty(email)
        body = {"to": email.to, "subject": email.subject, "body": email.html, "isHtml": True, "isMarketing": False}
        if _is_guid(email.recipient_user_id):
            body["recipientUserId"] = email.recipient_user_id
        if self._internal_key:
            headers = {"X-Internal-Api-Key": self._internal_key}
            answer = self._post("/api/internal/notifications/email", body, headers)
        else:
            answer = self._post("/api/notifications/email", body, self._token.headers())
        return _delivery(answer) if answer.is_success else self._refused(answer)

    def alert(self, alert: AlertMessage) -> None:
        """By the service's own alert, where a token can be made and its policy lets that in; else by e-mail."""
        self.check()
        try:
            headers = self._token.headers()
        except GatewayError:  # no key, or none that signs: the internal key sends e-mail all the same
            return mail_alert(alert, to=self._alerts_to, send=self.send)
        answer = self._post("/api/notifications/admin-alert", _alert_body(alert), headers)
        if answer.status in (401, 403):
            return mail_alert(alert, to=self._alerts_to, send=self.send)
        if not answer.is_success and not _failed_to_alert(answer):
            self._refused(answer)
        if _failed_to_alert(answer):
            raise NotificationError(f"NotificationService could not pass the alert on: {said_in(answer)}")
        if fields_of(answer).get("success") is not True:
            raise _untold(answer)
        return None

    # --- How ---------------------------------------------------------------------------------------------------------
    def _post(self, path: str, body: dict[str, Any], headers: dict[str, str]) -> http.Answer:
        """Asked again, within bounds, only what certainly was not done."""
        request = http.Request("POST", self._url + path, self._timeout_seconds, body=body, headers=headers)
        try:
            return http.ask_patiently(request, again_on=_is_not_now, is_repeatable=False)
        except http.NoAnswer as fault:
            raise self._unanswered(fault) from fault

    def _unanswered(self, fault: http.NoAnswer) -> NotificationError:
        if fault.permanent:
            variables = "ServiceUrls__NotificationService and Security__InternalApiKey"
            return NotificationError(
                f"NotificationService could not be asked: {fault}. Look at {variables}.", permanent=True
            )
        return NotificationError(f"NotificationService did not answer: {fault}.", is_uncertain=fault.was_sent)

    def _refused(self, answer: http.Answer) -> NoReturn:
        said = f"NotificationService answered HTTP {answer.status}: {said_in(answer)}"
        if answer.status in (400, 422):
            raise MessageRefused(said)
        if answer.status in (401, 403):
            variable = "Security__InternalApiKey" if self._internal_key else "Jwt__Key, Jwt__Issuer and Jwt__Audience"
            raise NotificationError(f"{said}. It does not accept our key: look at {variable}.", permanent=True)
        if _misses_its_key(answer):
            raise NotificationError(f"{said}. Set Security__InternalApiKey there and here.", permanent=True)
        if _may_have_sent(answer):
            raise NotificationError(said, is_uncertain=True)
        raise NotificationError(said, permanent=answer.status not in NOT_NOW)


def _alert_body(alert: AlertMessage) -> dict[str, Any]:
    return {
        "alertType": ALERT_TYPE,
        "title": content_rules.neutral_subject(alert.title),
        "message": content_rules.neutral_alert_text(alert.message or alert.title, most=ALERT_MAX_UNITS),
        "severity": alert.severity,
    }


def mail_alert(alert: AlertMessage, *, to: Sequence[str], send: Callable[[Email], Delivery]) -> None:
    """An e-mail to each address. Not repeated once one of them has it: that would be to repeat it to that one."""
    if not to:
        raise NotConfigured("Whom alerts are e-mailed to", "SCHEDULER_ALERT_EMAILS")
    faults: dict[str, NotificationError] = {}
    for address in to:
        try:
            delivery = send(_alert_email(alert, address))
        except NotificationError as fault:
            faults[address] = fault
            logger.warning("The alert %r did not reach %s: %s", alert.title, address, fault)
        else:
            if delivery is not Delivery.SENT:
                faults[address] = NotificationError(f"The alert to {address} was {delivery.value}.", permanent=True)
    if len(faults) == len(to):
        raise max(faults.values(), key=lambda fault: (fault.is_uncertain, not fault.permanent))
    if left := [address for address, fault in faults.items() if not fault.is_uncertain]:
        raise PartlyTold(left)


def _alert_email(alert: AlertMessage, to: str) -> Email:
    return Email(
        to=to,
        subject=content_rules.neutral_subject(alert.title),
        html=alert_mail.html(title=alert.title, message=alert.message, severity=alert.severity),
        text=alert_mail.text(title=alert.title, message=alert.message),
    )


def is_address(text: str) -> bool:
    """Whether `text` is one e-mail address and nothing else."""
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True


def _refuse_faulty(email: Email) -> None:
    """What the service would refuse, before it is asked."""
    if not is_address(email.to):
        raise MessageRefused(f"{email.to[:100]!r} is no e-mail address.")
    if faults := content_rules.subject_faults(email.subject):
        raise MessageRefused(f"The subject {', '.join(faults)}: NotificationService refuses that.")
    if faults := content_rules.body_faults(email.html):
        raise MessageRefused(f"The body {', '.join(faults)}: NotificationService refuses that.")


def _is_guid(text: str | None) -> bool:
    """Ids of theirs are mostly GUIDs; where one is not, the field would make them refuse the whole message."""
    try:
        return bool(text) and str(uuid.UUID(text)) == str(text).lower()
    except ValueError:
        return False


def _delivery(answer: http.Answer) -> Delivery:
    """HTTP 200 does not mean sent."""
    status = str(fields_of(answer).get("status", "")).casefold()
    known = {"sent": Delivery.SENT, "skipped": Delivery.SKIPPED, "consentblocked": Delivery.BLOCKED}
    if status in known:
        return known[status]
    if status == "failed":
        raise NotificationError(f"NotificationService could not send: {said_in(answer)}")
    raise _untold(answer)


def _untold(answer: http.Answer) -> NotificationError:
    said = f"NotificationService's answer does not tell whether it sent: {answer.text[:100]!r}"
    return NotificationError(said, is_uncertain=True)


def _failed_to_alert(answer: http.Answer) -> bool:
    """It says so by 200 or by 400, which is also what a refused message gets, in another shape."""
    return answer.status in (200, 400) and fields_of(answer).get("success") is False


def _is_not_now(answer: http.Answer) -> bool:
    return answer.status in NOT_NOW and not _misses_its_key(answer) and not _may_have_sent(answer)


def _misses_its_key(answer: http.Answer) -> bool:
    words = said_in(answer).casefold()
    return answer.status == 503 and "key" in words and "configured" in words


def _may_have_sent(answer: http.Answer) -> bool:
    """It says 503 also when something broke after the provider had taken the message (“An unexpected error …”)."""
    if answer.status == 503:
        return "unexpected" in said_in(answer).casefold()
    return answer.status >= 500
