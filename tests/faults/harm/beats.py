"""What may befall a beat."""

import signal
from random import Random

from tests.faults.harm import Steps
from tests.faults.harm.freezing import freeze
from tests.faults.members import send
from tests.faults.stage import Stage


def kill_leader(stage: Stage, random: Random) -> Steps:
    if leader := stage.leader():
        stage.tell(f"kill -9 of the leading beat, {leader.name}")
        leader.end("kill -9 of the leader", signal.SIGKILL)
    yield 0


def kill_both_beats(stage: Stage, random: Random) -> Steps:
    stage.tell("kill -9 of both beats")
    for beat in stage.beats:
        beat.end("kill -9 of both", signal.SIGKILL)
    yield 0


def restart_leader(stage: Stage, random: Random) -> Steps:
    if leader := stage.leader():
        stage.tell(f"SIGTERM to the leading beat, {leader.name}")
        leader.end("SIGTERM of the leader", signal.SIGTERM)
    yield 0


def freeze_leader(stage: Stage, random: Random) -> Steps:
    if leader := stage.leader():
        yield from freeze(stage, leader, 15, leader.pids())


def step_clock(stage: Stage, random: Random) -> Steps:
    """Of the leader, an hour to either side and back: the database's time is what counts, so nothing should happen."""
    leader = stage.leader()
    if leader is None:
        return
    there, back = random.choice([(signal.SIGUSR1, signal.SIGUSR2), (signal.SIGUSR2, signal.SIGUSR1)])
    pids = [leader.life.pid]
    stage.tell(f"the clock of the leading beat, {leader.name}, goes {'+' if there == signal.SIGUSR1 else '-'}1 h")
    send(there, pids)
    yield random.uniform(5, 12)
    if leader.is_alive and leader.life.pid == pids[0]:
        stage.tell(f"the clock of {leader.name} is right again")
        send(back, pids)
