"""Plays a case: attempts at one run die where they are told to, the last one comes to its end, and the sums are taken.

A play goes on with new runs on new rows until so many attempts have been killed.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import cycle, repeat
from random import Random
from typing import Any, TypeAlias

from executions.models import JobExecution
from jobs.enums import ExecutionStatus
from jobs.messages import MessageStatus, SentMessage
from tests.crashes import attempts
from tests.crashes.attempts import Order
from tests.crashes.case import THEN, Case
from tests.crashes.stage import Scene, Stage

NOWHERE = "nowhere"
RANDOM, TOGETHER, ONE_OF_TWO = "at random", "two at once", "two at once, one killed at random"
# Some runs end before they are to die; when so many did, nothing ever passes there.
FRUITLESS_RUNS = 20

# Makes attempts; how many were killed, and the last row of each run.
Action: TypeAlias = Callable[[Scene], tuple[int, list[JobExecution]]]


@dataclass
class Row:
    """One of the table. Sums are those of all its runs together."""

    case: str
    point: str
    kills: int = 0
    runs: int = 0
    before: Counter[str] = field(default_factory=Counter)
    after: Counter[str] = field(default_factory=Counter)
    uncertain: int = 0
    broken: list[str] = field(default_factory=list)

    @property
    def is_right(self) -> bool:
        return not self.broken

    def add(
        self, before: Mapping[str, int], after: Mapping[str, int], kills: int, uncertain: int, broken: list[str]
    ) -> None:
        """One more run."""
        self.runs, self.kills, self.uncertain = self.runs + 1, self.kills + kills, self.uncertain + uncertain
        self.before.update(before)
        self.after.update(after)
        self.broken += broken


@dataclass(frozen=True)
class Play:
    """`has_next_day`: the first run of each row is followed by one a day later."""

    stage: Stage
    case: Case[Any]
    random: Random
    has_next_day: bool = True

    def undisturbed(self) -> tuple[Row, float]:
        """Two runs, with the seconds that the quicker one took."""
        row, taken = self._row(NOWHERE), list[float]()

        def play(scene: Scene) -> tuple[int, list[JobExecution]]:
            made = self.stage.attempts.make(Order(scene.run))[0]
            taken.append(made.seconds)
            return 0, [made.row]

        for _number in range(2):
            self._run(row, play)
        return row, min(taken)

    def in_turn(self, *failpoints: str) -> Row:
        """The first attempt dies at the first one, the next one at the second; all in one run, if it gets so far."""
        plan = ({"failpoint": each} for each in cycle(failpoints))
        return self._until_killed(self._row(THEN.join(failpoints)), len(failpoints), plan)

    def at_a_point(self, point: str, *, kills: int) -> Row:
        """Killed at that failpoint."""
        passings, names = self.case.points.get(point, 1), cycle(point.split(THEN))
        plan = ({"failpoint": f"{name}:{self.random.randint(1, passings)}"} for name in names)
        return self._until_killed(self._row(point), kills, plan)

    def at_random(self, *, kills: int, within: float) -> Row:
        """Killed at any moment. `within`: how many seconds a run takes that nobody disturbs."""
        took = [within]  # and those that came to their end before their kill: the machine may be quicker by now
        plan = ({"kill_after": self.random.uniform(0, min(took))} for _ in repeat(None))
        return self._until_killed(self._row(RANDOM), kills, plan, took)

    def together(self, *, rounds: int) -> Row:
        """Two runs of one job start together."""
        row = self._row(TOGETHER)
        for _number in range(rounds):
            self._run(row, self._two(lambda: None))
        return row

    def one_of_two(self, *, kills: int, within: float) -> Row:
        """Two start together, and one of them is killed within so many seconds."""
        took = [within]
        killed = self._two(lambda: self.random.uniform(0, min(took)), took)
        return self._repeated(self._row(ONE_OF_TWO), kills, killed)

    # --- How ---------------------------------------------------------------------------------------------------------
    def _row(self, point: str) -> Row:
        return Row(self.case.name, point)

    def _until_killed(
        self, row: Row, kills: int, plan: Iterator[dict[str, Any]], took: list[float] | None = None
    ) -> Row:
        """`plan`: how each attempt dies, in the words of an order. `took` gets the seconds of those that did not."""

        def play(scene: Scene) -> tuple[int, list[JobExecution]]:
            execution: JobExecution | None = scene.run
            killed, last = 0, scene.run
            # The last attempt that the job may make is left to come to its end.
            while execution and row.kills + killed < kills and execution.retry_attempt < attempts.MOST_RETRIES:
                made = self.stage.attempts.make(Order(execution, **next(plan)))[0]
                killed, last = killed + made.was_killed, made.row
                if took is not None and not made.was_killed:
                    took.append(made.seconds)
                execution = attempts.next_attempt(last)
            return killed, [self.stage.attempts.to_the_end(execution) or last]

        return self._repeated(row, kills, play)

    def _two(self, kill_after: Callable[[], float | None], took: list[float] | None = None) -> Action:
        def play(scene: Scene) -> tuple[int, list[JobExecution]]:
            orders = [Order(scene.run, kill_after=kill_after()), Order(attempts.another_run(scene.job))]
            self.random.shuffle(orders)
            made = self.stage.attempts.make(*orders)
            if took is not None:
                took.extend(one.seconds for one in made if not one.was_killed)
            lasts = [self.stage.attempts.to_the_end(attempts.next_attempt(one.row)) or one.row for one in made]
            return sum(one.was_killed for one in made), lasts

        return play

    def _repeated(self, row: Row, kills: int, play: Action) -> Row:
        fruitless = 0  # in a row: some attempts are over before their kill comes
        while row.kills < kills and row.is_right:
            before = row.kills
            self._run(row, play)
            fruitless = fruitless + 1 if row.kills == before else 0
            if fruitless > FRUITLESS_RUNS:
                row.broken.append(f"nothing dies there: {row.kills} kills in {row.runs} runs")
        return row

    def _run(self, row: Row, play: Action) -> None:
        """On new rows: what is there before and after, and what is broken."""
        stage, case = self.stage, self.case
        with stage.set_for(case.schema, case.settings(stage)) as okla:
            stage.empty(okla)
            scene = Scene(stage, okla, attempts.new_run(case.job_type, case.parameters(stage.peers)))
            before = case.fill(scene)
            kills, lasts = play(scene)
            after = case.look(scene)
            broken = [*_unfinished(lasts), *case.broken(before, after)]
            uncertain = SentMessage.objects.filter(status=MessageStatus.UNCERTAIN).count()
            if self.has_next_day and not row.runs:
                broken += self._broken_next_day(scene, after)
            row.add(before.sums, after.sums, kills, uncertain, broken)

    def _broken_next_day(self, scene: Scene, after: Any) -> list[str]:
        self.case.a_day_passes(scene)
        last = self.stage.attempts.to_the_end(attempts.another_run(scene.job))
        return [*_unfinished([last] if last else []), *self.case.broken_next_day(after, self.case.look(scene))]


def _unfinished(lasts: list[JobExecution]) -> list[str]:
    return [
        f"the last attempt ended as {last.status}: {last.error_message}"
        for last in lasts
        if last.status != ExecutionStatus.COMPLETED
    ]
