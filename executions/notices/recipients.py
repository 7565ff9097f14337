"""Who is told what concerns a job, or the service itself."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings

from executions.enums import AlertRule, Channel
from executions.models import Alert, Notice
from jobs.models import ScheduledJob

ADDRESS_MAX_LENGTH = Notice._meta.get_field("recipient").max_length or 0


@dataclass(frozen=True)
class Recipient:
    channel: Channel
    address: str = ""  # of an e-mail; the other channels know whom they reach


def of_job(job: ScheduledJob | None) -> list[Recipient]:
    """The people that the job names, or else the administrators; and the webhook, where there is one."""
    people = [Recipient(Channel.EMAIL, address) for address in _addresses(job.notification_emails if job else None)]
    webhook = [Recipient(Channel.WEBHOOK)] if settings.SCHEDULER_ALERT_WEBHOOK_URL else []
    return [*(people or [Recipient(Channel.ADMINISTRATORS)]), *webhook]


def of_alert(alert: Alert) -> list[Recipient]:
    """As of its job. That a channel tells nobody is not told by that channel."""
    everybody = of_job(alert.job)
    if alert.rule != AlertRule.UNTOLD:
        return everybody
    return [recipient for recipient in everybody if recipient.channel != alert.subject]


def _addresses(emails: Any) -> list[str]:
    """Each once, however it is capitalised; nothing that cannot be one, whatever is stored there."""
    texts = [text.strip() for text in emails if isinstance(text, str)] if isinstance(emails, list) else []
    return list({text.casefold(): text for text in texts if 0 < len(text) <= ADDRESS_MAX_LENGTH}.values())
