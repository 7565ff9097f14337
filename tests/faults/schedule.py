"""Which fault comes when: drawn from the seed alone, so that a seed names one schedule."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from tests.faults.faults import FAULTS, Fault
from tests.faults.harm import beats, broker, postgres, workers

GAP_SECONDS = (3.0, 12.0)
CALM_SECONDS = 5.0  # at the beginning


@dataclass(frozen=True)
class Event:
    """`seconds` after the beginning; `seed` decides what the fault chooses."""

    seconds: float
    fault: Fault
    seed: str


def drawn(seed: str, length: float, table: Sequence[Fault] = FAULTS) -> list[Event]:
    """Faults for so many seconds. All kinds come, each as often as it weighs, before any comes again."""
    random, deck = Random(f"{seed}/faults"), list[Fault]()
    free_at: dict[str, float] = {}
    events: list[Event] = []
    at = CALM_SECONDS
    while at < length:
        if not deck:
            deck = [fault for fault in table for _card in range(fault.weight)]
            random.shuffle(deck)
        fault = next((card for card in deck if free_at.get(card.touches, 0) <= at), None)
        if fault is not None:
            deck.remove(fault)
            if fault.touches:
                free_at[fault.touches] = at + fault.seconds
            events.append(Event(at, fault, f"{seed}/{len(events)}"))
        at += random.uniform(*GAP_SECONDS)
    return events


def short(seed: str) -> list[Event]:
    """The fixed sequence of `bin/test`: what must be there, in an order that lets a rescue come soon."""
    steps = [
        (3, workers.kill_child), (6, postgres.restart_postgres), (12, workers.kill_worker_group),
        (15, beats.kill_leader), (20, broker.flush_valkey), (23, workers.kill_worker),
    ]  # fmt: skip
    table = {fault.act: fault for fault in FAULTS}
    return [Event(at, table[act], f"{seed}/{index}") for index, (at, act) in enumerate(steps)]
