"""The heavy jobs beside the loops of the client's first document: time, memory, and what others notice of them."""

from collections.abc import Callable, Iterator
from functools import partial

from benchmarks import machine
from benchmarks.heavy import neighbours, report, sides
from benchmarks.heavy.cases import CASES, Case
from benchmarks.heavy.neighbours import Neighbours
from benchmarks.heavy.report import Measured
from benchmarks.heavy.sides import LOOP, OURS, ROW_BY_ROW, Sample
from benchmarks.options import Options
from benchmarks.rounds import interleaved
from benchmarks.stage import Stage

# Beyond, a loop would take a quarter of an hour and some gigabytes.
LOOP_MOST_ROWS, ROW_BY_ROW_MOST_ROWS = 100_000, 10_000
TEXT = """\
## The heavy jobs

{machine}

Each job runs in a fresh worker, from run-now to its row in the ledger; cold storage is a folder, NotificationService
answers at once. The loop is that of the client's first document in Django's ORM: load all, then change one by one, in
one transaction as its `SaveChanges` is, and at up to {row_by_row:,} rows also with a commit for each. Memory: the most
that the process ever had, less what it had at rest before. Lock: the longest transaction that wrote, seen by
somebody who looks every 10 ms. Wait: the longest that somebody waited who wrote to one of the next rows. Of these
three, the most of all rounds. They watch both sides, and cost both the same.

Where sellers are told, the job also writes each message down before and after its request, so that nobody is told twice
and whoever may not have been is known; the loop does not, and after a crash tells everybody again.

{table}

Bounds:
{bounds}
"""


def run(stage: Stage, options: Options) -> str:
    """The section for RESULTS.md. Needs Linux, which says how large a process was."""
    with neighbours.living(stage) as around:
        found = [
            Measured(case, rows, interleaved(dict(_sides(stage, around, case, rows, options)), rounds))
            for case in CASES
            if not options.only or case.name in options.only
            for rows, rounds in _sizes(case, options).items()
        ]
    return TEXT.format(
        machine=machine.described(stage),
        row_by_row=ROW_BY_ROW_MOST_ROWS,
        table=report.table(found),
        bounds=report.bounds(found),
    )


def _sizes(case: Case, options: Options) -> dict[int, int]:
    """How many rounds of which size."""
    sizes = options.sizes or case.rounds
    return {rows: options.rounds or case.rounds.get(rows, 1) for rows in sizes}


def _told(sample: Sample) -> str:
    """Which statement it was, where one was too long: somebody wants to look."""
    lock = 1000 * sample.lock_seconds
    return f"; locked for {lock:.0f} ms: {sample.lock_statement[:300]}" if lock > report.LOCK_BOUND_MS else ""


def _sides(
    stage: Stage, around: Neighbours, case: Case, rows: int, options: Options
) -> Iterator[tuple[str, Callable[[], Sample]]]:
    def told(name: str, side: Callable[[], Sample]) -> tuple[str, Callable[[], Sample]]:
        def run() -> Sample:
            sample = side()
            options.tell(f"{case.name}, {rows:,} rows, {name}: {sample.seconds:.2f} s{_told(sample)}")
            return sample

        return name, run

    loop = partial(sides.loop, stage, around, case, rows)
    yield told(OURS, partial(sides.ours, stage, around, case, rows))
    if rows <= LOOP_MOST_ROWS:
        yield told(LOOP, partial(loop, is_one_transaction=True))
    if rows <= ROW_BY_ROW_MOST_ROWS:
        yield told(ROW_BY_ROW, partial(loop, is_one_transaction=False))
