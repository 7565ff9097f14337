"""How far an alert is: open, looked after by somebody, over."""

from typing import TypeVar

from django.db.models import QuerySet, TextChoices
from django.utils.translation import gettext_lazy as _

from executions.models import Alert

_Alerts = TypeVar("_Alerts", bound="QuerySet[Alert]")


class AlertState(TextChoices):
    OPEN = "Open", _("Open")  # and nobody has said that they look after it
    ACKNOWLEDGED = "Acknowledged", _("Acknowledged")
    CLOSED = "Closed", _("Closed")


def state_of(alert: Alert) -> AlertState:
    if alert.closed_at:
        return AlertState.CLOSED
    return AlertState.ACKNOWLEDGED if alert.acknowledged_at else AlertState.OPEN


def narrowed(alerts: _Alerts, state: str) -> _Alerts:
    """Those in this state."""
    if state == AlertState.CLOSED:
        return alerts.filter(closed_at__isnull=False)
    return alerts.filter(closed_at=None, acknowledged_at__isnull=state != AlertState.ACKNOWLEDGED)
