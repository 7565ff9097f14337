"""GenerateDailyReportsJob: at most one mail for each manager, and none is forgotten."""

from collections.abc import Mapping
from typing import Any

from tests.crashes import invariants
from tests.crashes.case import Case
from tests.crashes.cases import messages
from tests.crashes.invariants import Told
from tests.crashes.peers import NO_CONSENT, Peers
from tests.crashes.stage import Scene

MOST_MANAGERS, REFUSED = 50, 4


class GenerateDailyReports(Case[Told]):
    name = job_type = "GenerateDailyReportsJob"
    points = {**messages.POINTS, "messages.after_claim": 1}

    def parameters(self, peers: Peers) -> Mapping[str, Any]:
        return {"recipients": self._managers, "language": "en"}

    def fill(self, scene: Scene) -> Told:
        return self.look(scene)

    def look(self, scene: Scene) -> Told:
        return messages.told_now(scene, frozenset(self._managers), {})

    def broken(self, before: Told, after: Told) -> list[str]:
        return invariants.of_messages(after)

    def broken_next_day(self, after: Told, next_day: Told) -> list[str]:
        return invariants.of_messages_next_day(after, next_day)

    @property
    def _managers(self) -> list[str]:
        count = min(self.size, MOST_MANAGERS)
        names = [f"manager-{number}" for number in range(count - REFUSED)]
        return [f"{name}@example.com" for name in [*names, *(f"{NO_CONSENT}-{number}" for number in range(REFUSED))]]
