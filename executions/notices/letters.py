"""A parcel as people get it: an e-mail, or the words of NotificationService's alert; in English and Spanish."""

from collections.abc import Callable, Sequence
from typing import Any, cast

from django.utils import translation

from executions.enums import Severity
from executions.notices import contents, links, wording
from executions.notices.contents import Item
from executions.notices.parcels import Parcel
from jobs import letters
from jobs.gateways import alert_mail, notifications
from jobs.gateways.content_rules import cut, neutral_body_text, neutral_subject
from jobs.gateways.notifications import AlertMessage, Email
from jobs.letters import Language

MOST_LINES = 100
# Of NotificationService's 2,000 for both languages and the link.
ALERT_MAX_UNITS, ALERT_ERROR_MAX_UNITS = 800, 300
SEVERITIES = tuple(Severity.values)  # the mildest first


def email(parcel: Parcel) -> Email:
    items = contents.of(parcel, most=MOST_LINES)
    subject, context = _digest(parcel, items) if parcel.is_digest else _single(items[0])
    return letters.write(
        "digest" if parcel.is_digest else "alert",
        to=parcel.recipient,
        subject=lambda: neutral_subject(subject()),
        language=Language.BOTH,
        context=lambda: {"colour": alert_mail.COLOURS[_severity(items)], **context()},
    )


def alert(parcel: Parcel) -> AlertMessage:
    items = contents.of(parcel, most=MOST_LINES)
    titles, texts = [], []
    for code in Language.BOTH.codes:
        with translation.override(code):
            titles.append(wording.digest_title(len(parcel.notice_ids)) if parcel.is_digest else wording.title(items[0]))
            texts.append(_digest_text(parcel, items) if parcel.is_digest else _text(items[0]))
    link = links.unbroken(links.of_alerts() if parcel.is_digest else _link(items[0]))
    return AlertMessage(
        title=letters.joined(titles),
        message="\n\n".join(filter(None, [*dict.fromkeys(texts), link])),
        severity=cast(notifications.Severity, _severity(items)),
    )


# --- One notice ------------------------------------------------------------------------------------------------------
def _single(item: Item) -> tuple[Callable[[], str], Callable[[], dict[str, Any]]]:
    def context() -> dict[str, Any]:
        return {
            "sentences": [neutral_body_text(text) for text in wording.sentences(item)],
            "error": neutral_body_text(item.error),
            "link": _link(item),
        }

    return lambda: wording.title(item), context


def _text(item: Item) -> str:
    error = [cut(item.error, most=ALERT_ERROR_MAX_UNITS)] if item.error else []
    return cut("\n".join([*wording.sentences(item), *error]), most=ALERT_MAX_UNITS)


def _link(item: Item) -> str:
    notice = item.notice
    if notice.execution_id:
        return links.of_execution(notice.execution_id)
    return links.of_alert(notice.alert_id) if notice.alert_id else ""


# --- Many ------------------------------------------------------------------------------------------------------------
def _digest(parcel: Parcel, items: Sequence[Item]) -> tuple[Callable[[], str], Callable[[], dict[str, Any]]]:
    more = len(parcel.notice_ids) - len(items)

    def context() -> dict[str, Any]:
        return {
            "summary": wording.digest_summary(parcel.kinds),
            "lines": [neutral_body_text(line) for line in wording.digest_lines(items)],
            "more": wording.and_more(more) if more else "",
            "link": links.of_alerts(),
        }

    return lambda: wording.digest_title(len(parcel.notice_ids)), context


def _digest_text(parcel: Parcel, items: Sequence[Item]) -> str:
    """As many of the newest as there is room for."""
    count = len(parcel.notice_ids)
    lines, last = [wording.digest_summary(parcel.kinds)], wording.and_more(count)
    for line in wording.digest_lines(items):
        if len("\n".join([*lines, line, last])) > ALERT_MAX_UNITS:
            break
        lines.append(line)
    left = count - (len(lines) - 1)
    return "\n".join([*lines, *([wording.and_more(left)] if left else [])])


def _severity(items: Sequence[Item]) -> str:
    """The worst of what is not over."""
    return max((wording.severity(item) for item in items), key=SEVERITIES.index, default=Severity.INFO.value)
