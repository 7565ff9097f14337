"""The short run: each job dies once at each dangerous point, and beside another run. The long one: bin/crashes."""

from random import Random
from typing import Any

import pytest

from tests.crashes.case import THEN, Case
from tests.crashes.cases import CASES
from tests.crashes.play import Play
from tests.crashes.stage import Stage

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]

SIZE = 12  # as many pieces of work as one dies of, and some more
A_MOMENT_SECONDS = 0.06  # hardly a run is shorter

every_job = pytest.mark.parametrize("kind", CASES, ids=lambda kind: kind.name)


@every_job
def test_a_job_that_dies_at_each_dangerous_point_loses_nothing_and_doubles_nothing(
    stage: Stage, kind: type[Case[Any]]
) -> None:
    case = kind(SIZE)
    points = THEN.join([*case.points, "claim.after_commit", "record.before_commit"]).split(THEN)
    row = Play(stage, case, Random(1)).in_turn(*points)
    assert (row.broken, row.kills) == ([], len(points))


@every_job
def test_two_runs_of_a_job_at_once_do_no_harm_though_one_of_them_dies(stage: Stage, kind: type[Case[Any]]) -> None:
    play = Play(stage, kind(SIZE), Random(2), has_next_day=False)
    assert play.together(rounds=1).broken == []
    row = play.one_of_two(kills=1, within=A_MOMENT_SECONDS)
    assert (row.broken, row.kills) == ([], 1)
