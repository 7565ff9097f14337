"""Deaths at exact places in the code: the failpoints."""

import signal
from random import Random

from tests.faults.harm import Steps
from tests.faults.members import Member
from tests.faults.stage import Stage

OF_BEATS = ("fire.before_commit", "fire.after_commit", "ring.after_publish")
OF_WORKERS = ("claim.after_commit", "record.before_commit", "record.after_commit")


def fail_beat_at_a_place(stage: Stage, random: Random) -> Steps:
    """The next leader kills itself at that place, after some passings."""
    name, nth = random.choice(OF_BEATS), random.randint(1, 3)
    heir, leader = stage.standby(), stage.leader()
    if heir is None or leader is None:
        return
    stage.tell(f"{heir.name} is to die at {name}, passing {nth}, and to lead")
    yield from _armed(heir, f"{name}:{nth}")
    yield 5
    if leader.is_alive:
        leader.end("SIGTERM of the leader", signal.SIGTERM)


def fail_worker_at_a_place(stage: Stage, random: Random) -> Steps:
    """Each of its children dies at that place, one after another, until it is started anew."""
    name, nth = random.choice(OF_WORKERS), random.randint(2, 4)
    member = random.choice(stage.workers)
    stage.tell(f"{member.name}'s children are to die at {name}, passing {nth}")
    yield from _armed(member, f"{name}:{nth}")
    life = member.life
    yield 20
    if member.life is life:
        stage.tell(f"{member.name} is started without it")
        member.end("SIGTERM", signal.SIGTERM)


def _armed(member: Member, failpoint: str) -> Steps:
    """Start it anew with this failpoint; return once it runs."""
    life = member.life
    member.failpoint = failpoint
    member.end("SIGKILL, to start it with a failpoint", signal.SIGKILL, member.pids())
    while member.life is life:
        yield 0.2
