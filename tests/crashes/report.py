"""The table of crash points and jobs, as people read it."""

from collections.abc import Mapping, Sequence

from tests.crashes.play import Row

HEADS = ("job", "crash point", "kills", "runs", "before", "after", "uncertain", "verdict")


ABOUT = """# Crash points x jobs

Each row: runs of a job whose attempts were killed with -9 there, each then run to its end. The sums are those of all
the runs of the row together, before the first attempt and after the last one. Where two points stand, attempts died at
them in turn. Uncertain are messages of which nobody knows whether they were sent: counted, alerted, never sent again.
"""


def whole(rows: Sequence[Row], seed: int) -> str:
    return f"{ABOUT}\n{table(rows)}\n\n{summary(rows, seed)}\n"


def table(rows: Sequence[Row]) -> str:
    """In Markdown."""
    lines = [HEADS, tuple("-" * len(head) for head in HEADS), *map(_cells, rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def line(row: Row) -> str:
    """While it goes on."""
    return f"{row.case}, {row.point}: {row.kills} kills, {row.runs} runs, {_verdict(row)}"


def summary(rows: Sequence[Row], seed: int) -> str:
    broken = [row for row in rows if not row.is_right]
    kills, runs = sum(row.kills for row in rows), sum(row.runs for row in rows)
    told = f"Seed {seed}: {kills} kills in {runs} runs, {sum(row.uncertain for row in rows)} messages uncertain. "
    return told + (f"Broken in {len(broken)} rows." if broken else "Every invariant holds in every row.")


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.case, row.point, str(row.kills), str(row.runs), _sums(row.before), _sums(row.after), str(row.uncertain),
        _verdict(row),
    )  # fmt: skip


def _verdict(row: Row) -> str:
    return "holds" if row.is_right else "BROKEN: " + "; ".join(dict.fromkeys(row.broken)).replace("|", "/")


def _sums(sums: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in sums.items())
