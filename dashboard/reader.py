"""For whom a drawing is made: the words and the clock of the page, looked up once and used hundreds of times."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from functools import lru_cache
from typing import Any

from django.utils.formats import date_format
from django.utils.html import escape
from django.utils.timezone import get_current_timezone
from django.utils.translation import get_language, gettext_lazy

from jobs.enums import ExecutionStatus, JobStatus

LABELS: dict[str, Any] = {**dict(ExecutionStatus.choices), **dict(JobStatus.choices), "Coming": gettext_lazy("Coming")}


@dataclass(frozen=True)
class Reader:
    """For whom it is drawn: looked up once for a drawing. `words`: of each status; `months`, `weekdays`: in short."""

    zone: tzinfo
    words: Mapping[str, str]
    months: Sequence[str]
    weekdays: Sequence[str]

    @classmethod
    def current(cls) -> "Reader":
        language = get_language()
        return cls(get_current_timezone(), _words(language), _months(language), _weekdays(language))

    def at(self, value: datetime, shape: str) -> str:
        return date_format(value.astimezone(self.zone), shape)

    def day_and_minute(self, value: datetime) -> str:
        """As `at` with "j M, H:i", in a tenth of its time."""
        at = value.astimezone(self.zone)
        return f"{at.day} {self.months[at.month - 1]}, {at.hour:02}:{at.minute:02}"

    def weekday_and_second(self, value: datetime) -> str:
        """As `at` with "D j M, H:i:s"."""
        at = value.astimezone(self.zone)
        return f"{self.weekdays[at.weekday()]} {self.day_and_minute(at)}:{at.second:02}"

    def day(self, value: date) -> str:
        return f"{value.day} {self.months[value.month - 1]} {value.year}"


@lru_cache
def _words(_language: str | None) -> Mapping[str, str]:
    """In that language, which is the active one."""
    return {value: escape(str(label)) for value, label in LABELS.items()}


@lru_cache
def _months(_language: str | None) -> Sequence[str]:
    return [date_format(date(2000, number, 1), "M") for number in range(1, 13)]


@lru_cache
def _weekdays(_language: str | None) -> Sequence[str]:
    return [date_format(date(2000, 1, 3 + number), "D") for number in range(7)]  # that was a Monday
