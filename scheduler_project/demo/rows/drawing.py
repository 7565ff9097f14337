"""What every module of rows draws with: chance that repeats itself, and instants of a day."""

import random
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from jobs import business_days

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Load:
    """Rows for one table, in the order of its columns there. `table`: Vehicles, or audit.audit_logs."""

    table: str
    columns: Sequence[str]
    rows: Iterable[Row]

    @classmethod
    def of(cls, table: str, rows: Sequence[Mapping[str, Any]]) -> "Load":
        """Rows that name their columns, all of them the same."""
        return cls(table, list(rows[0]), (tuple(row.values()) for row in rows))

    @property
    def named(self) -> Iterator[dict[str, Any]]:
        """The rows, each with its columns' names."""
        return (dict(zip(self.columns, row, strict=True)) for row in self.rows)


class Chance(random.Random):
    """Draws the same again for the same words."""

    def __init__(self, *words: object) -> None:
        super().__init__(" ".join(map(str, words)))

    def guid(self) -> uuid.UUID:
        return uuid.UUID(int=self.getrandbits(128), version=4)

    def is_so(self, share: float) -> bool:
        """True in that share of the cases, 0 to 1."""
        return self.random() < share

    def within(self, day: date, *, first_hour: float = 0, last_hour: float = 24) -> datetime:
        """An instant of that day, between these hours of its wall clock."""
        return business_days.begin_of(day) + timedelta(seconds=int(self.uniform(first_hour, last_hour) * 3600))


def days_before(day: date, days: int) -> date:
    return day - timedelta(days=days)
