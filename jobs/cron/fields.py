"""The grammar of one field: text in, items and values out, or a refusal that names the field."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from django.utils.translation import gettext_lazy as _

from jobs.cron.errors import CronError, refusal

MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAY_NAMES = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
SUNDAY_AS_SEVEN = 7
MOST_WEEKS_IN_A_MONTH = 5

_PLAIN = re.compile(r"(?:\*|([0-9]+|[A-Z]+)(?:-([0-9]+|[A-Z]+))?)(?:/([0-9]+))?")
_NEAREST = re.compile(r"([0-9]+)W")
_LAST_OF = re.compile(r"([0-9]+|[A-Z]{3})L")
_NTH = re.compile(r"([0-9]+|[A-Z]+)#([0-9]+)")


class Shape(Enum):
    """How an item was written."""

    ANY = auto()  # *  */n
    VALUE = auto()  # n
    RANGE = auto()  # a-b  a-b/n
    FROM = auto()  # a/n
    LAST = auto()  # L in day-of-month
    LAST_WEEKDAY = auto()  # LW
    NEAREST = auto()  # nW
    NTH = auto()  # d#n
    LAST_OF = auto()  # dL


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the five fields: its API name, its bounds, its names."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """How many values the field has in all."""
        return self.high - self.low + 1

    def span(self, first: int, last: int, step: int) -> tuple[int, ...]:
        """Every step-th value from first to last, over the field's end when last lies before first."""
        if first <= last:
            return tuple(range(first, last + 1, step))
        return (*range(first, self.high + 1), *range(self.low, last + 1))[::step]


MINUTE = Kind("minute", 0, 59)
HOUR = Kind("hour", 0, 23)
DAY_OF_MONTH = Kind("dayOfMonth", 1, 31)
MONTH = Kind("month", 1, 12, MONTH_NAMES)
DAY_OF_WEEK = Kind("dayOfWeek", 0, 6, WEEKDAY_NAMES)
KINDS = (MINUTE, HOUR, DAY_OF_MONTH, MONTH, DAY_OF_WEEK)


@dataclass(frozen=True, slots=True)
class Item:
    """One element of a field's comma list; `values` is empty for what only a calendar can tell (L, W, #)."""

    shape: Shape
    first: int = 0
    last: int = 0
    step: int = 1
    nth: int = 0
    values: tuple[int, ...] = ()


@dataclass(frozen=True)
class Field:
    """One parsed field: its text as typed (macros expanded, upper case), its items, its plain values."""

    kind: Kind
    text: str
    items: tuple[Item, ...]
    values: frozenset[int]

    def covers_all(self) -> bool:
        """Whether every value of the field is in it, so that it restricts nothing."""
        return len(self.values) == self.kind.size

    def needs_calendar(self) -> bool:
        """Whether any of it (L, LW, nW, d#n, dL) depends on the month at hand."""
        return any(not item.values for item in self.items)

    def recurs(self) -> bool:
        """Whether it has `*`, a range or a step: Cronos' interval expressions."""
        return any(item.shape is not Shape.VALUE for item in self.items)


def parse_field(kind: Kind, text: str) -> Field:
    """The field of that text. CronError with the field's name when it does not follow the grammar."""
    if not text.isascii():
        raise refusal(kind.name, _("The {field} field has a character outside plain ASCII. Use 0-9, A-Z and * , - /."))
    text = text.upper()
    items = tuple(_item(kind, part) for part in text.split(",")) if text != "?" else (_any_day(kind),)
    return Field(kind, text, items, frozenset(_values(items)))


def runs(values: Sequence[int]) -> list[list[int]]:
    """Ascending values, cut wherever one does not follow on the one before."""
    found: list[list[int]] = []
    for value in values:
        if found and value == found[-1][-1] + 1:
            found[-1].append(value)
        else:
            found.append([value])
    return found


def _values(items: Iterable[Item]) -> Iterable[int]:
    return (value for item in items for value in item.values)


def _any_day(kind: Kind) -> Item:
    if kind not in (DAY_OF_MONTH, DAY_OF_WEEK):
        raise refusal(kind.name, _("The {field} field has ?, which only the two day fields may have. Write * instead."))
    return Item(Shape.ANY, kind.low, kind.high, values=kind.span(kind.low, kind.high, 1))


def _item(kind: Kind, text: str) -> Item:
    special = _special(kind, text)
    if special is not None:
        return special
    match = _PLAIN.fullmatch(text)
    if match is None:
        raise _unreadable(kind, text)
    first_text, last_text, step_text = match.groups()
    step = _step(kind, step_text)
    if first_text is None:
        return Item(Shape.ANY, kind.low, kind.high, step, values=kind.span(kind.low, kind.high, step))
    first = _value(kind, first_text, text)
    if last_text is not None:
        return _range(kind, first, _value(kind, last_text, text), step)
    if step_text is not None:
        first = _weekday(kind, first)
        return Item(Shape.FROM, first, kind.high, step, values=kind.span(first, kind.high, step))
    return Item(Shape.VALUE, _weekday(kind, first), values=(_weekday(kind, first),))


def _range(kind: Kind, first: int, last: int, step: int) -> Item:
    """A range; one that ends on 7 (Sunday) runs up to it rather than back over the week's start."""
    if kind is DAY_OF_WEEK and last == SUNDAY_AS_SEVEN:
        values = tuple(_weekday(kind, value) for value in range(first, last + 1, step))
    else:
        first = _weekday(kind, first)
        values = kind.span(first, last, step)
    return Item(Shape.RANGE, _weekday(kind, first), _weekday(kind, last), step, values=values)


def _special(kind: Kind, text: str) -> Item | None:
    if kind is DAY_OF_MONTH:
        if text == "L":
            return Item(Shape.LAST)
        if text == "LW":
            return Item(Shape.LAST_WEEKDAY)
        if text.startswith("L-"):
            raise _unreadable(kind, text)
        if match := _NEAREST.fullmatch(text):
            return Item(Shape.NEAREST, _value(kind, match[1], text))
    if kind is DAY_OF_WEEK:
        if match := _LAST_OF.fullmatch(text):
            return Item(Shape.LAST_OF, _weekday(kind, _value(kind, match[1], text)))
        if match := _NTH.fullmatch(text):
            return Item(Shape.NTH, _weekday(kind, _value(kind, match[1], text)), nth=_nth(kind, match[2]))
    return None


def _value(kind: Kind, text: str, item: str) -> int:
    """The number a digit string or a name stands for; 7 is still 7 here, since a range may end on it."""
    if not text.isdigit():
        if text not in kind.names:
            raise _unreadable(kind, text if kind.names else item)
        return kind.names.index(text) + kind.low
    number = int(text)
    if kind is DAY_OF_WEEK and number == SUNDAY_AS_SEVEN:
        return number
    if not kind.low <= number <= kind.high:
        message = _("The {field} field has {item}, outside {low}-{high}. Use a number from {low} to {high}.")
        raise refusal(kind.name, message, item=text, low=kind.low, high=kind.high)
    return number


def _weekday(kind: Kind, value: int) -> int:
    return 0 if kind is DAY_OF_WEEK and value == SUNDAY_AS_SEVEN else value


def _step(kind: Kind, text: str | None) -> int:
    step = 1 if text is None else int(text)
    if step == 0:
        raise refusal(kind.name, _("The {field} field has a step of 0. Use a step of 1 or more after the slash."))
    if step > kind.high:
        message = _("The {field} field has a step of {step}, beyond the field's end. Use a step from 1 to {high}.")
        raise refusal(kind.name, message, step=step, high=kind.high)
    return step


def _nth(kind: Kind, text: str) -> int:
    if not 1 <= int(text) <= MOST_WEEKS_IN_A_MONTH:
        message = _("The {field} field has #{nth}; a weekday comes at most five times a month. Use #1 to #5.")
        raise refusal(kind.name, message, nth=text)
    return int(text)


def _unreadable(kind: Kind, text: str) -> CronError:
    """The refusal that fits best what was probably meant."""
    if text == "":
        message = _("The {field} field has an empty element. Write a value on both sides of each comma.")
    elif "?" in text:
        message = _("The {field} field mixes ? with something else. Write ? alone, or * in its place.")
    elif text.startswith("L-"):
        message = _("The {field} field has {item}; days counted back from the last are not supported. Use L or LW.")
    elif kind.names and text.isalpha():
        message = _("The {field} field has {item}, which is no name it knows. Use {names} or a number.")
    elif re.search("[LW#]", text) and not re.search("[^0-9LW#]", text):
        message = _(
            "The {field} field has {item}, which cannot stand there. L, LW and 15W belong alone or in a list in"
            " day-of-month, 5L and 5#2 in day-of-week."
        )
    else:
        message = _("The {field} field has {item}, which cannot be read. Use values such as *, 5, 1-5, */10 or 1,15.")
    return refusal(kind.name, message, item=text, names=", ".join(kind.names))
