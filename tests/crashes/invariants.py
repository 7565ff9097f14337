"""What must hold of rows and messages, whatever was killed: pure functions, each returns what is wrong, in words."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import islice

from jobs.messages import MessageStatus

SHOWN = 3
UNDER_WAY = (MessageStatus.CLAIMED, MessageStatus.SENDING)
SURELY_NOT = (MessageStatus.REFUSED, MessageStatus.FAILED)


@dataclass(frozen=True)
class Told:
    """What became of messages. `mails`: how many reached each recipient; `statuses`: of each one's row, if any.

    `is_alerted`: an alert about uncertain ones was opened; `is_alert_open`: and is open still.
    """

    recipients: frozenset[str]
    mails: Mapping[str, int]
    statuses: Mapping[str, str]
    is_alerted: bool = False
    is_alert_open: bool = False

    @property
    def sums(self) -> dict[str, int]:
        named = {
            "sent": MessageStatus.SENT, "uncertain": MessageStatus.UNCERTAIN, "refused": MessageStatus.REFUSED,
            "failed": MessageStatus.FAILED,
        }  # fmt: skip
        counted = {name: self.of(status) for name, status in named.items()}
        return {"recipients": len(self.recipients), "mails": sum(self.mails.values()), **counted}

    def of(self, *statuses: str) -> int:
        return sum(status in statuses for status in self.statuses.values())

    def status(self, recipient: str) -> str:
        return self.statuses.get(recipient, "")

    def count(self, recipient: str) -> int:
        return self.mails.get(recipient, 0)


def about(what: str, keys: Collection[object]) -> list[str]:
    """One line, or none if there are no such keys."""
    shown = ", ".join(map(str, islice(sorted(map(str, keys)), SHOWN)))
    return [f"{what}: {shown}{', ...' if len(keys) > SHOWN else ''} ({len(keys)})"] if keys else []


def of_messages(told: Told) -> list[str]:
    """Each recipient got one message, or it is known that nobody knows, or known that he got none."""
    everybody = told.recipients
    return [
        *about("told twice", [one for one, count in told.mails.items() if count > 1]),
        *about("told although not concerned", told.mails.keys() - everybody),
        *about("lost", [one for one in everybody if not told.count(one) and told.status(one) in ("", *UNDER_WAY)]),
        *about("told, and not known to be", [one for one in told.mails if told.status(one) in ("", *UNDER_WAY)]),
        *about("called sent, and was not", [one for one in everybody if _is_called_sent(told, one)]),
        *about("called not sent, and was", [one for one in told.mails if told.status(one) in SURELY_NOT]),
        *(["uncertain, and no alert"] if told.of(MessageStatus.UNCERTAIN) and not told.is_alerted else []),
    ]


def _is_called_sent(told: Told, recipient: str) -> bool:
    return told.status(recipient) == MessageStatus.SENT and not told.count(recipient)


def of_messages_next_day(told: Told, next_day: Told) -> list[str]:
    """Nobody is told once more, and the alert is over."""
    return [
        *about("told again the next day", [one for one in next_day.mails if next_day.count(one) > told.count(one)]),
        *(["the alert is still open the next day"] if next_day.is_alert_open else []),
    ]


def of_deletion(before: Collection[object], after: Collection[object], *, doomed: Collection[object]) -> list[str]:
    """Of the rows before, just the doomed ones are gone, and nothing has come."""
    there = set(after)
    return [
        *about("still there", there & set(doomed)),
        *about("gone, and should not be", set(before) - set(doomed) - there),
        *about("come from nowhere", there - set(before)),
    ]
