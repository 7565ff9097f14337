"""Runs that are free to start and that no worker has taken yet: since when each has waited for one."""

# Free to start is what `ExecutionQuerySet.active` counts of what waits. A retry is free from when it was admitted on,
# of which its last ring is all that is known.
FREE = """
    SELECT run.queue, CASE WHEN run.trigger = 'Retry' THEN greatest(run.available_at, run.rung_at)
        ELSE run.available_at END AS since
    FROM executions_jobexecution AS run
    WHERE run.status = 'Queued' AND run.available_at < statement_timestamp()
        AND NOT (run.trigger = 'Retry' AND run.rung_at IS NULL)
"""
