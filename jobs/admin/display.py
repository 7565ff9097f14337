"""How the admin shows things: a status, an instant in a job's zone, a duration, JSON, a person."""

import json
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.contrib.auth import get_user_model
from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from jobs import cron
from jobs.models import SYSTEM_USER_ID

NOTHING = "–"


def badge(status: str, label: Any) -> SafeString:
    """A status as coloured dot and word."""
    return format_html('<span class="status status-{}">{}</span>', status.lower(), label)


def instant(value: datetime | None, zone_name: str = cron.DEFAULT_TIME_ZONE, *, seconds: bool = False) -> str:
    """As the clock of that zone shows it, the zone named unless it is the business's own; UTC in the tooltip."""
    if value is None:
        return NOTHING
    zone = "" if zone_name == cron.DEFAULT_TIME_ZONE else format_html(' <small class="zone">{}</small>', zone_name)
    return format_html("{}{}", clock(value, zone_name, seconds=seconds), zone)


def dated(local: datetime, shape: str) -> str:
    """As Django writes it, but for its months with a capital, which Spanish has not."""
    return date_format(local, shape.replace("M", "b") if get_language() == "es" else shape)


def clock(value: datetime, zone_name: str, *, seconds: bool = False, beside: datetime | None = None) -> SafeString:
    """The zone itself unsaid; without its date where that is the date of what it stands beside."""
    zone = zone_of(zone_name)
    local, time = value.astimezone(zone), "H:i:s" if seconds else "H:i"
    if beside is None or beside.astimezone(zone).date() != local.date():
        time = f"D j M, {time}" if local.year == timezone.now().astimezone(zone).year else f"D j M Y, {time}"
    utc = value.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        utc.isoformat(), f"{utc:%Y-%m-%d %H:%M:%S} UTC", dated(local, time),
    )  # fmt: skip


def duration(value: timedelta | None) -> str:
    """Milliseconds below a second, tenths below a minute, else hours, minutes and seconds."""
    if value is None:
        return NOTHING
    seconds = value.total_seconds()
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours} h {rest // 60:02} min" if hours else f"{rest // 60} min {rest % 60:02} s"


def pretty_json(value: Any) -> str:
    return NOTHING if value is None else preformatted(json.dumps(value, indent=2, ensure_ascii=False))


def preformatted(text: str | None) -> str:
    return format_html('<pre class="block" tabindex="0">{}</pre>', text) if text else NOTHING


def link(target: models.Model, text: Any = None) -> SafeString:
    """To the admin page of an object."""
    return format_html('<a href="{}">{}</a>', page_of(target), str(target) if text is None else text)


def page_of(target: models.Model) -> str:
    return reverse(f"admin:{target._meta.app_label}_{target._meta.model_name}_change", args=[target.pk])


def people(user_ids: Iterable[uuid.UUID | None]) -> dict[uuid.UUID | None, str]:
    """The names of these users, from one query; an id that no user has stands for itself."""
    wanted = {user_id for user_id in user_ids if user_id}
    found = dict(get_user_model()._default_manager.filter(pk__in=wanted).values_list("pk", "username"))
    names: dict[uuid.UUID | None, str] = {user_id: found.get(user_id) or str(user_id) for user_id in wanted}
    return {**names, SYSTEM_USER_ID: _("the system"), None: NOTHING}


def sentence(cron_expression: str) -> str:
    """The schedule in plain language, in the reader's; of an expression that cannot be read, what is wrong with it."""
    try:
        return cron.describe(cron_expression, "es" if (get_language() or "en").startswith("es") else "en")
    except cron.CronError as fault:
        return str(fault)


def zone_of(name: str) -> tzinfo:
    """UTC for a zone that this machine does not know (any more)."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC
