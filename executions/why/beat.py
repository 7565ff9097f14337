"""Pure: why a due time that has come is not fired yet."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from executions.why.facts import Facts
from executions.why.wording import Text, clock, say
from jobs.cron import CronError


def beat(facts: Facts) -> tuple[Text, dict[str, Any]]:
    """What keeps it, to stand behind a colon, and the lease's plain values."""
    lease = facts.lease
    known = {
        "beatMachine": lease and lease.machine_name,
        "beatProcess": lease and lease.process_id,
        "beatSince": lease and lease.since,
        "beatExpiresAt": lease and lease.expires_at,
    }
    try:
        assert facts.job.schedule  # noqa: S101 - read for its error
    except CronError as fault:
        return say(_("the schedule that is stored for the job cannot be read ({fault})"), fault=fault), known
    if lease is None:
        return _("no beat has ever led"), known
    named = {"machine": lease.machine_name, "since": clock(facts, lease.since), "at": clock(facts, lease.expires_at)}
    if lease.expires_at <= facts.now:
        return say(_("no beat leads since {at} (the last one was on {machine})"), **named), known
    text = _("the beat on {machine}, which leads since {since}, has not come to it (the job waits from {next} on)")
    return say(text, **named, next=clock(facts, facts.job.next_execution_at)), known
