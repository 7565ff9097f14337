"""Several runs in one table: a line for each seed, and the sum or the worst of all."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Figures = Mapping[str, Any]
COLUMNS: tuple[tuple[str, Callable[[Figures], Any], Callable[[Iterable[Any]], Any]], ...] = (
    ("faults", lambda one: sum(one["faults"].values()), sum),
    ("due times", lambda one: one["due_times"], sum),
    ("attempts", lambda one: one["attempts"], sum),
    ("lost", lambda one: one["findings"]["lost"], sum),
    ("twice", lambda one: one["findings"]["twice"], sum),
    ("unaccounted", lambda one: one["unaccounted"], sum),
    ("stuck", lambda one: one["findings"]["stuck"], sum),
    ("others", lambda one: sum(one["findings"].values()) - _told_apart(one), sum),
    ("rescued", lambda one: one["worker_lost"], sum),
    ("rescue s", lambda one: one["rescue"], max),
    ("leader s", lambda one: one["after_leader"], max),
    ("database s", lambda one: one["after_database"], max),
    ("still s", lambda one: one["standstill"], max),
    ("exits", lambda one: one["unexpected_exits"], sum),
)


def summary(found: Sequence[Figures]) -> str:
    """Runs that broke off have no figures and show nothing but their seed."""
    whole = [one for one in found if "faults" in one]
    lines = [["seed", *(name for name, _value, _total in COLUMNS)]]
    for one in found:
        lines.append([str(one["seed"]), *(_said(value(one)) for _name, value, _total in COLUMNS if "faults" in one)])
    totals = [total([value(one) for one in whole if value(one) is not None] or [0]) for _name, value, total in COLUMNS]
    lines.append(["all", *map(_said, totals)])
    return "\n".join("".join(f"{cell:>12}" for cell in line) for line in lines)


def _told_apart(one: Figures) -> int:
    return sum(one["findings"][kind] for kind in ("lost", "twice", "stuck"))


def _said(value: Any) -> str:
    return "-" if value is None else f"{value:.1f}" if isinstance(value, float) else str(value)
