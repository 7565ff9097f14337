"""The sign of life of a worker and of a beat: a small file that says whether the process works, for who restarts it.

    signs.give("beat", "leads", holds_for=120)     the process has done its work
    python -m executions.vitals worker             exit 0 or 1 and one line why: a container's health check

Decision 16 tells what counts as working, and why no outage of database or broker has a process restarted.
"""
