"""Tells AuditService of each finished run and each change of a job, from what the database has anyway (SPEC §8).

audit_feed.tell()    now and then, in any number of processes: one of them does it
"""

from executions.audit_feed.telling import tell

__all__ = ["tell"]
