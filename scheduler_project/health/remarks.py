"""Pure: what is to be said of the facts, part by part; nothing where all is well."""

from collections.abc import Callable, Mapping

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from scheduler_project.health.facts import Facts

# Beat fires within a second or two of a due time, and another beat takes over within 15 s.
OVERDUE_SECONDS = 60
LEADERLESS_SECONDS = 60


def beat(facts: Facts) -> str:
    """Only of a system that has something on its schedule."""
    if facts.seconds_to_next is None:
        return ""
    if facts.lease is None:
        return _("No beat has ever led. Is beat running?")
    if (facts.now - facts.lease.expires_at).total_seconds() <= LEADERLESS_SECONDS:
        return ""
    text = _("No beat leads since %(since)s UTC; the last one was on %(machine)s. Is beat running?")
    return text % {"since": f"{facts.lease.expires_at:%Y-%m-%d %H:%M:%S}", "machine": facts.lease.machine_name}


def schedule(facts: Facts) -> str:
    said = []
    if facts.seconds_to_next is not None and facts.seconds_to_next < -OVERDUE_SECONDS:
        text = _("Nothing fires: a due time is %d seconds overdue. Is beat running?")
        said.append(text % -facts.seconds_to_next)
    if facts.hold:
        text = _("The schedule is held since %(since)s UTC.")
        said += [text % {"since": f"{facts.hold.began_at:%Y-%m-%d %H:%M}"}, facts.hold.reason]
    return " ".join(filter(None, said))


def workers(facts: Facts) -> str:
    if not facts.unserved_queues:
        return ""
    return _("Runs wait in queues that no living worker serves: %s.") % ", ".join(facts.unserved_queues)


def ledger(facts: Facts) -> str:
    check = facts.check
    if check is None or not (check.unaccounted or check.unplanned):
        return ""
    text = _("The ledger is not complete: %(unaccounted)d due times unaccounted, %(unplanned)d rows unplanned.")
    return text % {"unaccounted": check.unaccounted, "unplanned": check.unplanned}


def alerts(facts: Facts) -> str:
    """Their number: what they are about is not for everybody."""
    count = facts.critical_alerts
    text = ngettext("%(count)d critical alert is open.", "%(count)d critical alerts are open.", count)
    return text % {"count": count} if count else ""


OF: Mapping[str, Callable[[Facts], str]] = {
    "beat": beat, "schedule": schedule, "workers": workers, "ledger": ledger, "alerts": alerts,
}  # fmt: skip
