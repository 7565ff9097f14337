"""What a job says upward. A receiver that fails undoes the change: both run in the change's own transaction."""

from django.dispatch import Signal

# About to change: all due times up to `now` must be settled under the definition that `job` still has.
job_changing = Signal()  # job: ScheduledJob (locked), now: datetime
# Changed: `job` is the new definition, `changed` the names of its fields that differ, `now` the database's time.
job_changed = Signal()  # job: ScheduledJob, changed: frozenset[str], now: datetime
# Written down: whatever defines, changes or retires jobs makes their next revisions, and says so here.
revised = Signal()  # revisions: list[ScheduleRevision], each with its job
