"""The attempts of one run as SQL finds them: their ids begin with the same 48 bits, so no job's history is read."""

# The later ones of `run`, to be asked with EXISTS. The ids are the range to look in; `retry_of` then says whether.
LATER = """
    SELECT FROM executions_jobexecution AS later
    WHERE later.job_id = run.job_id
        AND later.id >= (left(run.id::text, 13) || '-0000-0000-000000000000')::uuid
        AND later.id <= (left(run.id::text, 13) || '-ffff-ffff-ffffffffffff')::uuid
        AND later.retry_of = coalesce(run.retry_of, run.id) AND later.retry_attempt > run.retry_attempt
"""
