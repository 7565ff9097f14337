"""Why a job ran, did not run, or will not run at an instant: gates in order, with their facts (SPEC §5, "Why").

`gathering` asks the database; all else is pure and judges what it found.
"""

from dataclasses import dataclass
from datetime import datetime

from executions.why.answers import answer
from executions.why.facts import Facts
from executions.why.gates import Gate, State, judge
from executions.why.gathering import gather
from executions.why.verdicts import GateName, Verdict, verdict
from executions.why.wording import Text
from jobs.models import ScheduledJob

__all__ = ["Explanation", "Facts", "Gate", "GateName", "State", "Verdict", "explain", "gather", "judge_all"]


@dataclass(frozen=True)
class Explanation:
    """`answer` and the gates' texts are lazy: `str()` gives them in the language then active."""

    facts: Facts
    verdict: Verdict
    answer: Text
    gates: list[Gate]


def explain(job: ScheduledJob, at: datetime) -> Explanation:
    """About the due time in the minute that holds `at`, of a job that may be deleted by now."""
    return judge_all(gather(job, at))


def judge_all(facts: Facts) -> Explanation:
    """Pure."""
    return Explanation(facts, verdict(facts), answer(facts), judge(facts))
