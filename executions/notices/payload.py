"""A parcel as the webhook gets it: one JSON object for one notice, and for a digest one that holds an array of them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.utils import translation

from executions.models import Notice
from executions.notices import contents, links, wording
from executions.notices.contents import Item
from executions.notices.parcels import Parcel
from jobs.gateways.content_rules import cut, whole

LANGUAGE = "en"
MESSAGE_MAX_UNITS, DIGEST_MESSAGE_MAX_UNITS = 4_000, 500


def of(parcel: Parcel) -> dict[str, Any]:
    with translation.override(LANGUAGE):
        items = sorted(contents.of(parcel, most=len(parcel.notice_ids)), key=lambda item: item.notice.id)
        if not parcel.is_digest:
            return _of(items[0], most=MESSAGE_MAX_UNITS)
        return {
            "id": str(parcel.message_id),
            "kind": "Digest",
            "count": len(items),
            "title": wording.digest_title(len(items)),
            "notices": [_of(item, most=DIGEST_MESSAGE_MAX_UNITS) for item in items],
        }


def _of(item: Item, *, most: int) -> dict[str, Any]:
    notice, alert = item.notice, item.notice.alert
    message = "\n".join(filter(None, [*wording.sentences(item), item.error]))
    return {
        "id": str(notice.pk),
        "kind": notice.kind,
        "rule": alert.rule if alert else None,
        "severity": wording.severity(item),
        "job": _job(notice),
        "subject": alert.subject if alert else "",
        "title": whole(wording.title(item)),
        "message": cut(whole(message), most=most),
        "openedAt": _instant(alert.opened_at) if alert else None,
        "closedAt": _instant(alert.closed_at) if alert else None,
        "alertId": str(alert.pk) if alert else None,
        "executionId": str(notice.execution_id) if notice.execution_id else None,
        "links": _links(notice),
    }


def _job(notice: Notice) -> Mapping[str, str] | None:
    job = notice.job
    return {"id": str(job.id), "key": job.key, "name": job.name} if job else None


def _links(notice: Notice) -> dict[str, str]:
    """Those that there are."""
    pages = {
        "alert": links.of_alert(notice.alert_id) if notice.alert_id else "",
        "execution": links.of_execution(notice.execution_id) if notice.execution_id else "",
        "job": links.of_job(notice.job_id) if notice.job_id else "",
    }
    return {name: url for name, url in pages.items() if url}


def _instant(value: datetime | None) -> str | None:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if value else None
