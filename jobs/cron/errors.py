"""A refused expression: which field, what is wrong with it, and the remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.text import format_lazy
from django.utils.translation import pgettext_lazy

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as Text

FIELD_LABELS = {
    "minute": pgettext_lazy("cron field", "minute"),
    "hour": pgettext_lazy("cron field", "hour"),
    "dayOfMonth": pgettext_lazy("cron field", "day-of-month"),
    "month": pgettext_lazy("cron field", "month"),
    "dayOfWeek": pgettext_lazy("cron field", "day-of-week"),
}


class CronError(ValueError):
    """`field` is minute, hour, dayOfMonth, month, dayOfWeek, expression or timeZone.

    `str()` is the sentence in the language active at that moment, so one error can be told in every language.
    """

    def __init__(self, field: str, message: Text) -> None:
        super().__init__(field, message)
        self.field = field
        self.message = message

    def __str__(self) -> str:
        return str(self.message)


def refusal(field: str, message: Text, **details: object) -> CronError:
    """The error of one field; `message` may name {field} and the details given."""
    return CronError(field, format_lazy(message, field=FIELD_LABELS.get(field, field), **details))
