"""What the samples come to: a table with a row for each side, and whether the bounds were kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.heavy.cases import Case
from benchmarks.heavy.sides import LOOP, OURS, Sample
from benchmarks.memory import MIB
from benchmarks.rounds import Spread, ratios, rounded

MEMORY_BOUND_MIB, LOCK_BOUND_MS, RATIO_BOUND = 64, 200, 10
RATIO_FROM_ROWS = 100_000  # below, what a run costs however few its rows are has its say
HEAD = """\
| job | rows | who | rounds | seconds | times the job's | memory, MiB more | longest lock, ms | longest wait, ms |
|---|--:|---|--:|--:|--:|--:|--:|--:|"""


@dataclass(frozen=True)
class Measured:
    """A case of one size: the samples of each side, round by round."""

    case: Case
    rows: int
    samples: Mapping[str, Sequence[Sample]]

    def seconds(self, side: str) -> list[float]:
        return [sample.seconds for sample in self.samples[side]]

    def ratio(self, side: str) -> Spread:
        return ratios(self.seconds(side), self.seconds(OURS))

    def lines(self) -> list[str]:
        return [self._line(side) for side in self.samples]

    def _line(self, side: str) -> str:
        samples = self.samples[side]
        cells = (
            f"{self.case.job_type}: {self.case.what}", f"{self.rows:,}", side, str(len(samples)),
            str(Spread.of(self.seconds(side))), "" if side == OURS else str(self.ratio(side)),
            rounded(most_mib(samples)), rounded(most_lock_ms(samples)),
            rounded(1000 * max(sample.wait_seconds for sample in samples)),
        )  # fmt: skip
        return f"| {' | '.join(cells)} |"


def table(found: Sequence[Measured]) -> str:
    return "\n".join([HEAD, *(line for each in found for line in each.lines())])


def bounds(found: Sequence[Measured]) -> str:
    """A sentence for each bound, with the figure that comes nearest to it."""
    ours = [sample for each in found for sample in each.samples[OURS]]
    beside_loops = [each for each in found if LOOP in each.samples and each.rows >= RATIO_FROM_ROWS]
    lines = [
        _judged(f"memory grows by less than {MEMORY_BOUND_MIB} MiB", most_mib(ours) < MEMORY_BOUND_MIB, most_mib(ours)),
        _judged(
            f"no lock is held for longer than {LOCK_BOUND_MS} ms", most_lock_ms(ours) <= LOCK_BOUND_MS,
            most_lock_ms(ours),
        ),
        *(
            _judged(
                f"{each.case.name}, {each.rows:,} rows: the loop takes at least {RATIO_BOUND} times as long",
                each.ratio(LOOP).median >= RATIO_BOUND, each.ratio(LOOP).median,
            )
            for each in beside_loops
            if each.case.is_bound_to_ratio
        ),
    ]  # fmt: skip
    return "\n".join(lines)


def most_mib(samples: Sequence[Sample]) -> float:
    return max(sample.growth_bytes for sample in samples) / MIB


def most_lock_ms(samples: Sequence[Sample]) -> float:
    return 1000 * max(sample.lock_seconds for sample in samples)


def _judged(bound: str, is_kept: bool, figure: float) -> str:
    return f"- {bound}: {'kept' if is_kept else '**broken**'} ({rounded(figure)})"
