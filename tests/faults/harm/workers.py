"""What may befall a worker."""

import signal
import time
from random import Random

import psutil

from executions.models import JobExecution
from jobs.enums import ExecutionStatus
from tests.faults.harm import Steps
from tests.faults.harm.freezing import freeze
from tests.faults.members import send
from tests.faults.stage import Stage, ask

# Longer than any worker may be silent (45 s); what it holds is given up by then, and it comes back.
LONGER_THAN_A_LEASE = (50.0, 60.0)
LOOKS_FOR_A_RUN, LOOK_SECONDS = 60, 0.3
STOP_AFTER_SECONDS = 45  # a supervisor's patience with who was asked to stop


def kill_child(stage: Stage, random: Random) -> Steps:
    """In the middle of a run, as soon as there is one."""
    for _look in range(LOOKS_FOR_A_RUN):
        pids = ask(_pids_in_the_middle, [])
        if pids:
            pid = random.choice(pids)
            stage.tell(f"kill -9 of a worker's child in the middle of a run, process {pid}")
            stage.deaths_of_children[pid] = time.time()
            send(signal.SIGKILL, [pid])
            return
        yield LOOK_SECONDS


def kill_worker(stage: Stage, random: Random) -> Steps:
    """Its main process alone: the children find out by themselves."""
    member = random.choice(stage.workers)
    stage.tell(f"kill -9 of {member.name}'s main process")
    member.end("kill -9", signal.SIGKILL)
    yield 0


def kill_worker_group(stage: Stage, random: Random) -> Steps:
    member = random.choice(stage.workers)
    stage.tell(f"kill -9 of {member.name} with its children")
    member.end("kill -9 of the group", signal.SIGKILL, member.pids())
    yield 0


def deploy(stage: Stage, random: Random) -> Steps:
    """SIGTERM, and a new one once it has gone."""
    member = random.choice(stage.workers)
    stage.tell(f"SIGTERM to {member.name}: a deploy")
    life = member.life
    member.end("SIGTERM", signal.SIGTERM)
    deadline = time.time() + STOP_AFTER_SECONDS
    while member.life is life and member.is_alive:
        if time.time() > deadline:
            stage.tell(f"{member.name} did not stop within {STOP_AFTER_SECONDS} s and is killed")
            life.cause = "did not stop when asked"
            send(signal.SIGKILL, member.pids())
        yield 0.2


def freeze_worker(stage: Stage, random: Random) -> Steps:
    member = random.choice(stage.workers)
    yield from freeze(stage, member, random.uniform(*LONGER_THAN_A_LEASE), member.pids())


def freeze_workers_main(stage: Stage, random: Random) -> Steps:
    """Its children work on."""
    member = random.choice(stage.workers)
    yield from freeze(stage, member, random.uniform(*LONGER_THAN_A_LEASE), member.pids()[:1])


def _pids_in_the_middle() -> list[int]:
    """Of runs whose bodies have a second to go at least."""
    rows = JobExecution.objects.filter(status=ExecutionStatus.RUNNING).order_by("started_at")
    facts = rows.values_list("process_id", "started_at", "parameters")
    ends = {pid: began.timestamp() + parameters["seconds"] for pid, began, parameters in facts}
    return [pid for pid, end in ends.items() if end > time.time() + 1 and psutil.pid_exists(pid)]
