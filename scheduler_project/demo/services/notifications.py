"""NotificationService: e-mail, alerts to administrators, and what became of a message (OKLA.md §2)."""

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

from scheduler_project.demo import mailbox
from scheduler_project.demo.databases import Connection
from scheduler_project.demo.rows.people import NO_CONSENT_DOMAIN
from scheduler_project.demo.services import answers, identity
from scheduler_project.demo.services.answers import BadBody, Body, Faults
from scheduler_project.demo.services.content_rules import script_faults, sql_faults

ADMINISTRATORS = "admin@okla.com.do"
SUBJECT_MAX, ALERT_MAX = 200, 2_000
ALERT_TYPES = (
    "new_user_registered", "new_listing_pending", "new_dealer_registered", "user_report", "payment_failed",
    "daily_summary", "kyc_pending_review", "system_errors",
)  # fmt: skip
SEVERITIES = ("Info", "Warning", "Error", "Critical")
MESSAGES = {
    mailbox.SENT: "Email sent successfully",
    mailbox.CONSENT_BLOCKED: "The recipient has not consented to e-mail",
}


class EmailBody(Body):
    to: str = ""
    subject: str = ""
    body: str = ""
    is_html: bool = True
    is_marketing: bool = False
    recipient_user_id: str | None = None
    metadata: dict[str, Any] | None = None


class AlertBody(Body):
    alert_type: str = ""
    title: str = ""
    message: str = ""
    severity: str = "Info"
    metadata: dict[str, str] | None = None


def email_from_inside(request: HttpRequest, connection: Connection) -> HttpResponse:
    """POST /api/internal/notifications/email: for services that hold the internal key."""
    return identity.refuse_without_key(request) or _send(request, connection)


def email(request: HttpRequest, connection: Connection) -> HttpResponse:
    """POST /api/notifications/email: for anybody with a valid token."""
    return _send(request, connection) if identity.claims_of(request) else answers.unauthorized()


def admin_alert(request: HttpRequest, connection: Connection) -> HttpResponse:
    """POST /api/notifications/admin-alert: for administrators; it reaches them as an e-mail."""
    claims = identity.claims_of(request)
    if claims is None:
        return answers.unauthorized()
    if not identity.is_administrator(claims):
        return answers.forbidden()
    try:
        alert = answers.read(request, AlertBody)
    except BadBody as bad:
        return answers.invalid(bad.faults)
    if faults := _alert_faults(alert):
        return answers.invalid(faults)
    text = {"to": ADMINISTRATORS, "subject": alert.title, "body": alert.message, "isHtml": False}
    mailbox.keep(connection, text, mailbox.SENT)
    return JsonResponse({"success": True, "error": None})


def status(request: HttpRequest, connection: Connection, key: uuid.UUID) -> HttpResponse:
    """GET /api/notifications/{id}/status."""
    if identity.claims_of(request) is None:
        return answers.unauthorized()
    found = mailbox.one(connection, key)
    if found is None:
        return JsonResponse({"message": f"Notification with ID {key} not found"}, status=404)
    return JsonResponse({"notificationId": str(found.id), "status": found.status, "sentAt": found.received_at})


def _send(request: HttpRequest, connection: Connection) -> HttpResponse:
    try:
        message = answers.read(request, EmailBody)
    except BadBody as bad:
        return answers.invalid(bad.faults)
    if faults := _email_faults(message):
        return answers.invalid(faults)
    is_unwanted = message.to.rpartition("@")[2].lower() == NO_CONSENT_DOMAIN
    outcome = mailbox.CONSENT_BLOCKED if is_unwanted else mailbox.SENT
    key = mailbox.keep(connection, message.model_dump(by_alias=True), outcome)
    return JsonResponse({"notificationId": str(key), "status": outcome, "message": MESSAGES[outcome]})


def _email_faults(message: EmailBody) -> Faults:
    return _without_empty(
        {
            "to": _required(message.to, "Recipient email is required")
            or [*_address_faults(message.to), *sql_faults(message.to), *script_faults(message.to)],
            "subject": _text_faults(message.subject, "Subject", SUBJECT_MAX),
            # In an HTML body the words of SQL are words like any other; what could run a script is not.
            "body": _required(message.body, "Body is required") or script_faults(message.body),
        }
    )


def _alert_faults(alert: AlertBody) -> Faults:
    return _without_empty(
        {
            "alertType": _one_of(alert.alert_type, "Alert type", ALERT_TYPES),
            "title": _text_faults(alert.title, "Title", SUBJECT_MAX),
            "message": _text_faults(alert.message, "Message", ALERT_MAX),
            "severity": _one_of(alert.severity, "Severity", SEVERITIES),
        }
    )


def _text_faults(text: str, name: str, most: int) -> list[str]:
    too_long = [f"{name} cannot exceed {most} characters"] if len(text) > most else []
    return _required(text, f"{name} is required") or [*too_long, *sql_faults(text), *script_faults(text)]


def _address_faults(address: str) -> list[str]:
    """As ASP.NET Core judges: one @, and something on both sides of it."""
    is_address = address.count("@") == 1 and not address.startswith("@") and not address.endswith("@")
    return [] if is_address else ["Invalid email address format"]


def _required(text: str, complaint: str) -> list[str]:
    return [] if text.strip() else [complaint]


def _one_of(text: str, name: str, allowed: tuple[str, ...]) -> list[str]:
    return [] if text in allowed else [f"{name} must be one of: {', '.join(allowed)}"]


def _without_empty(faults: Faults) -> Faults:
    return {name: sentences for name, sentences in faults.items() if sentences}
