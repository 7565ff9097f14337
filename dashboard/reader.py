"""For whom a drawing is made: the words and the clock of the page, looked up once and used hundreds of times."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any

from django.utils.formats import date_format
from django.utils.html import escape
from django.utils.timezone import get_current_timezone
from django.utils.translation import get_language, gettext_lazy

from jobs.enums import ExecutionStatus, JobStatus

LABELS: dict[str, Any] = {
    **dict(ExecutionStatus.choices), **dict(JobStatus.choices),
    "Coming": gettext_lazy("Coming"), "Deleted": gettext_lazy("Deleted"),
}  # fmt: skip


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
        """The letters of `shape` are Django's: H, i, s, D, j, M and Y; in a tenth of the time that Django takes."""
        at = value.astimezone(self.zone)
        return "".join(LETTERS[each](self, at) if each in LETTERS else each for each in shape)

    def day_and_minute(self, value: datetime) -> str:
        return self.at(value, "j M, H:i")

    def weekday_and_second(self, value: datetime) -> str:
        return self.at(value, "D j M, H:i:s")

    def day(self, value: date) -> str:
        return f"{value.day} {self.months[value.month - 1]} {value.year}"


LETTERS: Mapping[str, Callable[[Reader, datetime], str]] = {
    "H": lambda reader, at: f"{at.hour:02}", "i": lambda reader, at: f"{at.minute:02}",
    "s": lambda reader, at: f"{at.second:02}", "j": lambda reader, at: str(at.day),
    "Y": lambda reader, at: str(at.year),
    "M": lambda reader, at: reader.months[at.month - 1], "D": lambda reader, at: reader.weekdays[at.weekday()],
}  # fmt: skip


@lru_cache
def _words(_language: str | None) -> Mapping[str, str]:
    """In that language, which is the active one."""
    return {value: escape(str(label)) for value, label in LABELS.items()}


@lru_cache
def _months(_language: str | None) -> Sequence[str]:
    return [_in_small_letters(date_format(date(2000, number, 1), "M")) for number in range(1, 13)]


@lru_cache
def _weekdays(_language: str | None) -> Sequence[str]:
    first = date(2000, 1, 3)  # a Monday
    return [_in_small_letters(date_format(first + timedelta(days=number), "D")) for number in range(7)]


def _in_small_letters(text: str) -> str:
    """Spanish writes its months and weekdays so; Django has them as the first word of a sentence."""
    return text.lower() if (get_language() or "").startswith("es") else text
