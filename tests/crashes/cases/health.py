"""HealthCheckMonitoringJob: each episode is told at least once, and so is its end; one alert is open for each."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from executions.models import Alert, Notice
from tests.crashes import attempts, invariants
from tests.crashes.case import Case
from tests.crashes.peers import Peers
from tests.crashes.stage import Scene

RECOVERS, STAYS_ILL, FALLS_ILL = "a", "b", "c"


@dataclass(frozen=True)
class Episodes:
    """`ill`: services, in truth. `open`: alerts by service, those that are open. `told`: of each kind, how often."""

    ill: frozenset[str]
    open: Mapping[str, int]
    told: Mapping[str, int]

    @property
    def sums(self) -> Mapping[str, int]:
        return {
            "ill": len(self.ill),
            "open alerts": sum(self.open.values()),
            "told ill": sum(count for title, count in self.told.items() if title.startswith("Opened")),
            "told well": sum(count for title, count in self.told.items() if title.startswith("Recovered")),
        }


class HealthCheckMonitoring(Case[Episodes]):
    name = job_type = "HealthCheckMonitoringJob"
    points = {"health.after_note": 3, "alert.before_commit": 2}

    def parameters(self, peers: Peers) -> Mapping[str, Any]:
        services = [RECOVERS, STAYS_ILL, FALLS_ILL]
        return {"services": services, "urlTemplate": f"{peers.url}/health/{{service}}"}

    def fill(self, scene: Scene) -> Episodes:
        """Two services are ill, and that was told; then one of them recovers, and another falls ill."""
        scene.peers.ill |= {RECOVERS, STAYS_ILL}
        scene.stage.attempts.to_the_end(attempts.another_run(scene.job))
        before = self.look(scene)
        scene.peers.ill ^= {RECOVERS, FALLS_ILL}
        return before

    def look(self, scene: Scene) -> Episodes:
        subjects = Alert.objects.filter(closed_at=None).values_list("subject", flat=True)
        told = Notice.objects.filter(alert__isnull=False).values_list("kind", "alert__subject")
        return Episodes(
            ill=frozenset(scene.peers.ill),
            open=Counter(subject.split()[1] for subject in subjects),
            told=Counter(f"{kind} {subject.split()[1]}" for kind, subject in told),
        )

    def broken(self, before: Episodes, after: Episodes) -> list[str]:
        ends = [f"Recovered {one}" for one in before.ill - after.ill]
        untold = [title for title in (*map(_title, before.ill | after.ill), *ends) if not after.told.get(title)]
        return [
            *invariants.about("never told", untold),
            *invariants.about("ill, and no alert is open", after.ill - after.open.keys()),
            *invariants.about("well, and its alert is open", after.open.keys() - after.ill),
            *invariants.about("more than one alert", [one for one, count in after.open.items() if count > 1]),
            *invariants.about("told again in one episode", [
                one for one in before.ill & after.ill if after.told.get(_title(one)) != before.told.get(_title(one))
            ]),
        ]  # fmt: skip

    def broken_next_day(self, after: Episodes, next_day: Episodes) -> list[str]:
        again = [title for title, count in next_day.told.items() if count > after.told.get(title, 0)]
        return invariants.about("told again the next day", again)


def _title(service: str) -> str:
    return f"Opened {service}"
