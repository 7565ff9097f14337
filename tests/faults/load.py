"""What the service has to do meanwhile: jobs due at any moment, and people who change them.

Cron knows minutes, so a due time every few seconds is made like this: a new job is dated some minutes back, in the
transaction that defines it. Beat then finds several due times at once, which the misfire policies decide.
"""

import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import Error, connection, transaction

from executions import control, dispatch
from executions.models import JobExecution
from jobs import holds
from jobs.clock import database_now
from jobs.enums import ExecutionStatus, JobStatus, MisfirePolicy, OverlapPolicy
from jobs.models import SYSTEM_USER_ID, ScheduledJob, ScheduleRevision, WrongStatus

EVERY_MINUTE, ONCE_A_YEAR = "* * * * *", "0 0 1 1 *"
CRONS = (EVERY_MINUTE, EVERY_MINUTE, "*/2 * * * *", "1-59/2 * * * *")
# Longer than any due time waits behind a fault: that alone makes no misfire.
WIDE_GRACE_SECONDS = 1_800
MOST_NEW_JOBS = 25  # live at a time
OVERDUE_JOBS, OVERDUE_MINUTES = 3, 6  # due times that are there when the first beat comes
REFUSALS = (
    ObjectDoesNotExist, ValidationError, WrongStatus, control.WrongState, dispatch.JobNotEnabled,
    dispatch.AlreadyRunning,
)  # fmt: skip

# name: overlap policy, seconds of the body, further definition, further parameters
STANDING: dict[str, tuple[OverlapPolicy, float, dict[str, Any], dict[str, Any]]] = {
    "slow, skips": (OverlapPolicy.SKIP, 20, {}, {}),
    "slow, queues": (OverlapPolicy.QUEUE, 12, {}, {}),
    "slow, side by side": (OverlapPolicy.ALLOW, 8, {}, {}),
    "slow, makes way": (OverlapPolicy.CANCEL_RUNNING, 15, {}, {"listens": True}),
    "fails": (OverlapPolicy.ALLOW, 0.5, {}, {"fails": True}),
    "fails, one at a time": (OverlapPolicy.SKIP, 2, {}, {"fails": True}),
    "talks": (OverlapPolicy.ALLOW, 3, {}, {"lines": 8_000}),
    "beyond its timeout": (OverlapPolicy.SKIP, 30, {"timeout_seconds": 3, "max_retries": 0}, {}),
    "cannot wait": (OverlapPolicy.QUEUE, 5, {"start_deadline_seconds": 15}, {}),
}


class Load(threading.Thread):
    """Acts every second or so. What a database that is away refuses is not done, and not counted."""

    def __init__(self, seed: str, witness_file: Path) -> None:
        super().__init__(name="load", daemon=True)
        self.seed = seed
        self.random = Random(f"{seed}/load")
        self.witness_file = witness_file
        self.accepted: list[uuid.UUID] = []  # runs that were promised to somebody
        self.done: dict[str, int] = {}
        self.surprises: list[str] = []
        self._names = 0
        self._is_over = threading.Event()

    # --- Before and after ----------------------------------------------------------------------------------------
    def set_up(self) -> None:
        for name, (overlap, seconds, definition, parameters) in STANDING.items():
            job = self._define(name, overlap_policy=overlap, seconds=seconds, more=parameters, **definition)
            if name.startswith("slow"):  # so that there is something going on from the beginning
                self.accepted.append(dispatch.run_now(job, dispatch.RunRequest(by=SYSTEM_USER_ID)).id)
        for number in range(OVERDUE_JOBS):
            with transaction.atomic():
                job = self._define(f"overdue {number}", overlap_policy=OverlapPolicy.ALLOW, seconds=1)
                date_back(job, timedelta(minutes=OVERDUE_MINUTES))

    def pulse(self) -> uuid.UUID:
        """The job that the watcher makes due again and again."""
        return self._define("pulse", overlap_policy=OverlapPolicy.ALLOW, seconds=0).id

    def run(self) -> None:
        for number in count():
            # Anew for each act: what it chooses does not depend on what became of those before.
            self.random = Random(f"{self.seed}/load/{number}")
            if self._is_over.wait(self.random.uniform(0.4, 1.2)):
                break
            [act] = self.random.choices(list(ACTS), list(ACTS.values()))
            self._try(act)
        connection.close()

    def stop(self) -> None:
        self._is_over.set()
        self.join(60)

    def wind_down(self) -> bool:
        """No further due times; what is due, held or waits for its next attempt goes on. False: try again."""
        try:
            holds.release(by=SYSTEM_USER_ID)
            for job in ScheduledJob.objects.live().exclude(cron_expression=ONCE_A_YEAR, status=JobStatus.ENABLED):
                changes = {"status": JobStatus.ENABLED} if job.status == JobStatus.PAUSED else {}
                job.redefine(by=SYSTEM_USER_ID, cron_expression=ONCE_A_YEAR, **changes)
        except Error:
            connection.close()
            return False
        return True

    # --- What happens --------------------------------------------------------------------------------------------
    def new_job(self) -> None:
        if self._passing().count() >= MOST_NEW_JOBS:
            self.retire()
        self._names += 1
        # Chosen before the database is asked: what follows from the seed does not depend on how it answers.
        misfire = self.random.choice(list(MisfirePolicy))
        grace = self.random.choice((60, 120, WIDE_GRACE_SECONDS))
        overlap = self.random.choice((OverlapPolicy.ALLOW, OverlapPolicy.ALLOW, *OverlapPolicy))
        minutes, seconds = self.random.uniform(1, 6), self.random.uniform(0, 1.5)
        fails, expression = self.random.random() < 0.15, self.random.choice(CRONS)
        with transaction.atomic():
            job = self._define(
                f"passing {self._names}", overlap_policy=overlap, seconds=seconds, more={"fails": fails},
                misfire_policy=misfire, misfire_grace_seconds=grace, cron_expression=expression,
            )  # fmt: skip
            date_back(job, timedelta(minutes=minutes))

    def run_now(self) -> None:
        job = self._any_job()
        self.accepted.append(dispatch.run_now(job, dispatch.RunRequest(by=SYSTEM_USER_ID)).id)

    def redefine(self) -> None:
        job, expression, seconds = self._any_job(), self.random.choice(CRONS), self.random.uniform(0, 3)
        parameters = {**(job.parameters or {}), "seconds": round(seconds, 2)}
        job.redefine(by=SYSTEM_USER_ID, cron_expression=expression, parameters=parameters)

    def pause(self) -> None:
        job, seconds = self._any_job(), self.random.choice((None, 10, 40))
        until = database_now() + timedelta(seconds=seconds) if seconds else None
        job.pause(by=SYSTEM_USER_ID, reason="somebody looks into it", until=until)

    def enable(self) -> None:
        job = self._any(ScheduledJob.objects.live().exclude(status=JobStatus.ENABLED))
        job.enable(by=SYSTEM_USER_ID)

    def disable(self) -> None:
        self._any_job().disable(by=SYSTEM_USER_ID)

    def retire(self) -> None:
        self._any(self._passing()).retire(by=SYSTEM_USER_ID)

    def cancel(self) -> None:
        """Also one that ends just now."""
        rows = JobExecution.objects.filter(status__in=[ExecutionStatus.QUEUED, ExecutionStatus.RUNNING])
        control.cancel(self._any(rows.order_by("-id").only("id")[:10]))

    def retry(self) -> None:
        rows = JobExecution.objects.filter(status=ExecutionStatus.FAILED, job__deleted_at=None)
        self.accepted.append(control.retry(self._any(rows.order_by("-id")[:10]), by=SYSTEM_USER_ID).id)

    def hold(self) -> None:
        holds.hold(by=SYSTEM_USER_ID, reason="maintenance", until=database_now() + timedelta(seconds=20))

    def release(self) -> None:
        holds.release(by=SYSTEM_USER_ID)

    # --- How -----------------------------------------------------------------------------------------------------
    def _try(self, act: Callable[["Load"], None]) -> None:
        try:
            act(self)
            self.done[act.__name__] = self.done.get(act.__name__, 0) + 1
        except REFUSALS:
            pass
        except Error:
            with suppress(Error):
                connection.close()
        except Exception as fault:  # nobody expects one: it is part of the report
            self.surprises.append(f"{act.__name__}: {type(fault).__name__}: {fault}")

    def _define(
        self, name: str, *, seconds: float, more: dict[str, Any] | None = None, **definition: Any
    ) -> ScheduledJob:
        parameters = {"path": str(self.witness_file), "seconds": round(seconds, 2), **(more or {})}
        definition = {
            "cron_expression": EVERY_MINUTE, "max_retries": 2, "retry_delay_minutes": 0,
            "misfire_grace_seconds": WIDE_GRACE_SECONDS, **definition,
        }  # fmt: skip
        return ScheduledJob.define(
            by=SYSTEM_USER_ID, name=name, job_type="WitnessJob", parameters=parameters, **definition
        )

    def _passing(self) -> Any:
        return ScheduledJob.objects.live().filter(name__startswith="passing")

    def _any_job(self) -> ScheduledJob:
        return self._any(ScheduledJob.objects.live().exclude(name="pulse").order_by("created_at"))

    def _any(self, rows: Any) -> Any:
        """Raises ObjectDoesNotExist when there is none."""
        share, found = self.random.random(), list(rows)
        if not found:
            raise ObjectDoesNotExist
        return found[int(share * len(found))]


def date_back(job: ScheduledJob, by: timedelta) -> None:
    """As if the job had been made so long ago, and nothing had fired since."""
    began = job.created_at - by
    ScheduledJob.objects.filter(pk=job.pk).update(created_at=began, next_execution_at=job.schedule.next_after(began))
    ScheduleRevision.objects.filter(job=job).update(effective_from=began)


# How often each is done, in parts.
ACTS: dict[Callable[[Load], None], float] = {
    Load.new_job: 8,
    Load.run_now: 4,
    Load.redefine: 2,
    Load.pause: 1,
    Load.enable: 2,
    Load.disable: 0.7,
    Load.retire: 1,
    Load.cancel: 1,
    Load.retry: 0.7,
    Load.hold: 0.1,
    Load.release: 0.3,
}
