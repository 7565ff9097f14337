"""Processes that stand still and go on later."""

import signal
import time

from tests.faults.harm import Steps
from tests.faults.members import Freeze, Member, send
from tests.faults.stage import Stage


def freeze(stage: Stage, member: Member, seconds: float, pids: list[int]) -> Steps:
    if not member.is_alive or not pids:
        return
    life, began = member.life, time.time()
    stage.tell(f"SIGSTOP of {member.name}, {len(pids)} processes, for {seconds:.0f} s")
    send(signal.SIGSTOP, pids)
    # Noted with its end at once: it is judged by who looks at the course in between, too.
    member.freezes.append(Freeze(member.name, life.pid, began, began + seconds))
    yield seconds
    stage.tell(f"SIGCONT of {member.name}")
    send(signal.SIGCONT, pids)
