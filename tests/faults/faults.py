"""The visible table of all faults: how often each comes, and what must not befall the same part meanwhile."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from tests.faults.harm import Steps, beats, broker, places, postgres, transactions, workers
from tests.faults.stage import Stage


@dataclass(frozen=True)
class Fault:
    """`touches` and `seconds`: no other fault of that part begins meanwhile. `is_met`: the service has an answer."""

    act: Callable[[Stage, Random], Steps]
    weight: int = 1
    touches: str = ""
    seconds: float = 0
    is_met: bool = True

    @property
    def name(self) -> str:
        return self.act.__name__.replace("_", " ")


FAULTS = (
    Fault(workers.kill_child, 3),
    Fault(workers.kill_worker, 2),
    Fault(workers.kill_worker_group, 2),
    Fault(workers.deploy, 2),
    Fault(workers.freeze_worker, 1, "freeze", 70),
    Fault(workers.freeze_workers_main, 1, "freeze", 70),
    Fault(transactions.freeze_worker_in_a_transaction, 1, "freeze", 90),
    Fault(transactions.freeze_leader_in_a_transaction, 1, "freeze", 90),
    Fault(beats.kill_leader, 3),
    Fault(beats.kill_both_beats, 1),
    Fault(beats.restart_leader, 1),
    Fault(beats.freeze_leader, 2, "freeze", 20),
    Fault(beats.step_clock, 2, "clock", 15),
    Fault(postgres.restart_postgres, 1, "postgres", 8),
    Fault(postgres.long_postgres_outage, 1, "postgres", 36),
    Fault(postgres.kill_postgres, 1, "postgres", 10),
    Fault(postgres.end_sessions, 2, "postgres", 2),
    Fault(broker.restart_valkey, 1, "valkey", 6),
    Fault(broker.kill_valkey, 1, "valkey", 6),
    Fault(broker.replace_valkey, 1, "valkey", 6),
    Fault(broker.long_valkey_outage, 1, "valkey", 24),
    Fault(broker.flush_valkey, 2, "valkey", 2),
    Fault(broker.garbage, 2, is_met=broker.is_guarded()),
    Fault(broker.broadcast, 2, is_met=broker.is_guarded()),
    Fault(places.fail_beat_at_a_place, 2, "beats", 15),
    Fault(places.fail_worker_at_a_place, 1, "workers", 35),
)
