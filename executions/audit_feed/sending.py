"""Records on their way to AuditService: some at once, and what the answers mean for each."""

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import takewhile

from executions.audit_feed.streams import Record
from jobs.gateways.audit import AuditService, Reception, Verdict

logger = logging.getLogger(__name__)

AT_ONCE = 4  # their order need not hold, and each waits most of its time for an answer
# What was not taken so often while others are is at fault itself, whatever the service says of it.
POISON_AFTER_FAILURES = 5


def send(audit: AuditService, records: Sequence[Record], *, until: float) -> list[Reception]:
    """Of each that was sent, in order: none more once one found the service away, or `until` of the monotonic clock."""
    receptions: list[Reception] = []
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="audit feed") as pool:
        for begin in range(0, len(records), AT_ONCE):
            if time.monotonic() > until or any(each.verdict is Verdict.AWAY for each in receptions):
                break
            receptions += pool.map(_offering(audit), records[begin : begin + AT_ONCE])
    return receptions


def settled(receptions: Sequence[Reception], *, failures: int) -> list[Reception]:
    """Those of the first records, up to one that has to come again. `failures`: times that the very first one did."""
    if failures >= POISON_AFTER_FAILURES and any(each.verdict is not Verdict.AWAY for each in receptions[1:]):
        receptions = [_given_up(receptions[0]), *receptions[1:]]
    return list(takewhile(lambda each: each.verdict is not Verdict.AWAY, receptions))


def _given_up(reception: Reception) -> Reception:
    return Reception(Verdict.REFUSED, reception.reason) if reception.verdict is Verdict.AWAY else reception


def _offering(audit: AuditService) -> Callable[[Record], Reception]:
    def offer(record: Record) -> Reception:
        try:
            return audit.offer(record.entry())
        except Exception as fault:  # one record that nobody thought of must not hold up the others for ever
            logger.exception("AuditService could not be told of %s", record.position.key)
            return Reception(Verdict.AWAY, f"{type(fault).__name__}: {fault}")

    return offer
