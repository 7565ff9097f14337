"""The sentences of each rule: what is wrong, since when, and where to look; for somebody who is woken up by them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from executions.enums import AlertRule

Words: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Telling:
    """Each makes its text of what `executions.alerts.wording` puts into it."""

    title: Callable[[Words], str]
    message: Callable[[Words], str]
    recovery: Callable[[Words], str]


# Of a job that is disabled or deleted these look away; a run that is too long is watched to its end.
OF_ENABLED_JOBS = frozenset({AlertRule.JOB, AlertRule.CONSECUTIVE_FAILURES, AlertRule.NOT_STARTED})


def not_watched(words: Words) -> str:
    return _("%(job)s was disabled or deleted: it is not watched any more. The alert lasted %(lasted)s.") % words


def _failures_title(words: Words) -> str:
    count = _number(words, "failures")
    if words["isAtLeast"] is True:
        return _("%(job)s: more than %(count)d runs in a row have failed") % {"job": words["job"], "count": count - 1}
    text = ngettext("%(job)s: a run has failed", "%(job)s: %(count)d runs in a row have failed", count)
    return text % {"job": words["job"], "count": count}


def _failures(words: Words) -> str:
    text = _("The newest runs of %(job)s have finally failed, since %(since)s. The last error: %(lastError)s")
    return text % words


def _running_too_long(words: Words) -> str:
    text = _(
        "A run of %(job)s that began at %(since)s on %(worker)s is still going on; its limit is %(limit)s. See in its"
        " output whether it gets on, or cancel it."
    )
    return text % words


def _not_started(words: Words) -> str:
    texts = {
        "queued": _(
            "The run of %(job)s that was due at %(since)s waits in the queue %(queue)s, and no worker has taken it."
            " See whether the workers of that queue are alive and have a process free."
        ),
        "held": _(
            "The run of %(job)s that was due at %(since)s is held behind another run of the job, which has not ended."
            " See what that one does, or end it."
        ),
        "notFired": _(
            "The due time %(since)s of %(job)s has come and nothing has fired it. See whether a beat runs, and whether"
            " the job's schedule can be read."
        ),
        "missed": _(
            "The run of %(job)s that was due at %(since)s was missed (%(reason)s), and none has started since. If it"
            " cannot wait for the next due time, run the job by hand."
        ),
    }
    return texts.get(words["why"], _("The run of %(job)s that was due at %(since)s has not started.")) % words


def _worker_lost(words: Words) -> str:
    text = _(
        "The worker %(subject)s on %(machine)s has not been heard of since %(since)s, and none that was started later"
        " serves its queues (%(queues)s). The runs that it held (%(runs)s) count as failed. Start it again, or see what"
        " became of its machine."
    )
    return text % words


def _waiting(words: Words) -> str:
    text = ngettext(
        "A run has waited in the queue %(subject)s since %(since)s.",
        "%(waiting)s runs wait in the queue %(subject)s, the first one since %(since)s.",
        _number(words, "waiting"),
    )
    return text % words


def _no_worker(words: Words) -> str:
    return _waiting(words) + " " + _("No worker that is alive serves it: start one.")


def _waiting_too_long(words: Words) -> str:
    text = _("The limit is %(limit)s. See what its workers are busy with, or start more of them.")
    return _waiting(words) + " " + text % words


def _no_beat(words: Words) -> str:
    if not _number(words, "process"):
        text = _("No beat has ever led, and nothing has fired what was due at %(since)s. Start one.")
        return text % words
    text = _(
        "No beat has led since %(since)s; the last one was process %(process)s on %(machine)s. Start one: what came due"
        " meanwhile is then made up as each job says."
    )
    return text % words


def _unaccounted(words: Words) -> str:
    text = _(
        "The check of %(since)s found due times without a row: %(unaccounted)s, and rows that were never planned:"
        " %(unplanned)s. See the checks of the ledger in the admin."
    )
    return text % words


def _untold(words: Words) -> str:
    """Of an alert from before refusals were counted, `refused` is no number."""
    said = []
    if _number(words, "waiting"):
        text = ngettext(
            "A message has waited for the channel “%(channel)s” since %(since)s.",
            "%(waiting)s messages wait for the channel “%(channel)s”, the first one since %(since)s.",
            _number(words, "waiting"),
        )
        said.append(text % words)
    if refused := _number(words, "refused"):
        text = ngettext(
            "%(refused)s message on the channel “%(channel)s” was refused, and nothing has arrived there since.",
            "%(refused)s messages on the channel “%(channel)s” were refused, and nothing has arrived there since.",
            refused,
        )
        said.append(text % words)
    return " ".join([*said, _("The last error: %(lastError)s") % words])


def _number(words: Words, name: str) -> int:
    return words[name] if isinstance(words[name], int) else 0


TELLINGS: Mapping[AlertRule, Telling] = {
    AlertRule.JOB: Telling(
        lambda words: f"{words['job']}: {words['subject']}",
        lambda words: str(words["said"] or words["subject"]),
        lambda words: _("%(job)s: “%(subject)s” is over. It lasted %(lasted)s.") % words,
    ),
    AlertRule.CONSECUTIVE_FAILURES: Telling(
        _failures_title,
        _failures,
        lambda words: (
            _("A run of %(job)s has succeeded again, or its limit was raised. The alert lasted %(lasted)s.") % words
        ),
    ),
    AlertRule.RUNNING_TOO_LONG: Telling(
        lambda words: _("%(job)s has been running for more than %(limit)s") % words,
        _running_too_long,
        lambda words: (
            _("The long run of %(job)s has ended, or its limit was raised. The alert lasted %(lasted)s.") % words
        ),
    ),
    AlertRule.NOT_STARTED: Telling(
        lambda words: _("%(job)s did not start at %(since)s") % words,
        _not_started,
        lambda words: (
            _("A run of %(job)s has started again, or none is waited for any more. The alert lasted %(lasted)s.")
            % words
        ),
    ),
    AlertRule.WORKER_LOST: Telling(
        lambda words: _("Worker %(subject)s is lost") % words,
        _worker_lost,
        lambda words: (
            _("The worker %(subject)s is heard of again, replaced or given up. The alert lasted %(lasted)s.") % words
        ),
    ),
    AlertRule.NO_WORKER: Telling(
        lambda words: _("No worker serves the queue %(subject)s") % words,
        _no_worker,
        lambda words: (
            _("The queue %(subject)s is served again, or nothing waits in it. The alert lasted %(lasted)s.") % words
        ),
    ),
    AlertRule.WAITING_TOO_LONG: Telling(
        lambda words: _("Runs wait too long in the queue %(subject)s") % words,
        _waiting_too_long,
        lambda words: _("The queue %(subject)s moves again. The alert lasted %(lasted)s.") % words,
    ),
    AlertRule.NO_BEAT: Telling(
        lambda _words: _("No beat runs: nothing is fired"),
        _no_beat,
        lambda words: _("A beat leads again. The alert lasted %(lasted)s.") % words,
    ),
    AlertRule.UNACCOUNTED: Telling(
        lambda _words: _("The ledger is not complete"),
        _unaccounted,
        lambda words: _("The newest check found the ledger complete. The alert lasted %(lasted)s.") % words,
    ),
    AlertRule.UNTOLD: Telling(
        lambda words: _("Alerts do not arrive: channel “%(channel)s”") % words,
        _untold,
        lambda words: _("The channel “%(channel)s” works again. The alert lasted %(lasted)s.") % words,
    ),
}
