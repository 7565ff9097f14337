"""GenerateDailyReportsJob: a real database, a NotificationService that does as it is told."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from werkzeug import Response

from executions.models import Artifact
from jobs import registry
from tests.jobs.conftest import Ran
from tests.jobs.predefined.conftest import NotificationPeer, saying
from tests.okla import Okla

JOB = "GenerateDailyReportsJob"
RUN_AT = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)  # 08:00 in Santo Domingo, a Wednesday
YESTERDAY = date(2026, 11, 24)


def sold(
    okla: Okla, price: float, currency: str = "DOP", *, days_ago: int = 1, at: time = time(12), **words: Any
) -> None:
    """`days_ago` 1 is yesterday; `at` is wall-clock time in Santo Domingo."""
    moment = datetime.combine(date(2026, 11, 25) - timedelta(days=days_ago), at, UTC) + timedelta(hours=4)
    okla.add("vehicles", **{"price": price, "currency": currency, "status": "Sold", "sold_at": moment, **words})


def published(okla: Okla, count: int, moment: datetime) -> None:
    for _number in range(count):
        sold(okla, 1, status="Active", sold_at=None, published_at=moment)


def test_totals_stand_by_currency_and_are_never_added(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran]
) -> None:
    sold(okla, 1_000_000.25)
    sold(okla, 500_000.50)
    sold(okla, 20_000, "USD")
    sold(okla, 99, "USD", status="Active")
    published(okla, 3, datetime(2026, 11, 24, 15, tzinfo=UTC))
    ran = run_job(JOB, at=RUN_AT)
    assert ran.status == "Completed", ran.output
    assert ran.result["day"] == "2026-11-24"
    assert ran.result["sold"] == {
        "DOP": {"count": 2, "total": "1500000.75"},
        "USD": {"count": 1, "total": "20000.00"},
    }
    assert (ran.result["newListings"], ran.result["sent"]) == (3, 1)
    (mail,) = notifications.sent
    assert mail["to"] == "admin@okla.com.do"
    assert mail["subject"] == "Daily Sales Report / Informe diario de ventas"
    for words in ("RD$ 1,500,000.75", "US$ 20,000.00", "3 vehicles sold", "3 new listings", "3 vehículos vendidos"):
        assert words in mail["body"]
    assert "1,520,000" not in mail["body"]


def test_the_day_is_one_of_santo_domingo(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran]
) -> None:
    sold(okla, 1, at=time(0, 0))
    sold(okla, 10, at=time(23, 59, 59))
    sold(okla, 100, days_ago=0, at=time(0, 0))
    sold(okla, 1000, days_ago=2, at=time(23, 59, 59))
    assert run_job(JOB, at=RUN_AT).result["sold"] == {"DOP": {"count": 2, "total": "11.00"}}


def test_changes_against_the_day_before_and_the_same_weekday_are_shown(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran]
) -> None:
    sold(okla, 150)
    sold(okla, 100, days_ago=2)
    sold(okla, 200, days_ago=8)
    sold(okla, 7, "USD", days_ago=8)
    run_job(JOB, at=RUN_AT, language="en")
    body = notifications.sent[0]["body"]
    assert "▲ +50 %" in body
    assert "▼ −25 %" in body
    assert "Week before" in body
    assert "US$ 0.00" in body and "▼ −100 %" in body


def test_makes_are_listed_with_the_busiest_first_and_escaped(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran]
) -> None:
    sold(okla, 5, make="Kia")
    for _number in range(2):
        sold(okla, 7, make="<script>")
    run_job(JOB, at=RUN_AT, language="en")
    body = notifications.sent[0]["body"]
    assert body.index("&lt;") < body.index("Kia")
    assert "<script" not in body


def test_the_report_is_kept_with_the_execution_as_html_and_as_text(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran]
) -> None:
    sold(okla, 1_000)
    ran = run_job(JOB, at=RUN_AT)
    kept = {each.name: each for each in Artifact.objects.filter(execution_id=ran.execution.id)}
    assert sorted(kept) == ["daily-sales-report-2026-11-24.html", "daily-sales-report-2026-11-24.txt"]
    html, text = (bytes(kept[name].content).decode() for name in sorted(kept))
    assert html == notifications.sent[0]["body"]
    assert "RD$ 1,000.00" in text and "<" not in text


def test_a_day_without_sales_is_reported_too(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran]
) -> None:
    ran = run_job(JOB, at=RUN_AT, language="en")
    assert (ran.status, ran.result["sold"], ran.result["sent"]) == ("Completed", {}, 1)
    assert "Nothing was sold on these days." in notifications.sent[0]["body"]


def test_a_second_run_of_the_same_day_sends_nothing_unless_told_to(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran]
) -> None:
    run_job(JOB, at=RUN_AT)
    again = run_job(JOB, at=RUN_AT)
    assert (again.result["sent"], again.result["knownBefore"]) == (0, 1)
    assert "has the report of 2026-11-24 already" in again.output
    assert run_job(JOB, at=RUN_AT, resend=True).result["sent"] == 1
    assert run_job(JOB, at=RUN_AT + timedelta(days=1)).result["sent"] == 1


def test_whoever_it_did_not_reach_gets_it_from_the_next_attempt_and_nobody_twice(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran]
) -> None:
    notifications.answers["ben@example.com"] = lambda: saying("Failed")
    recipients = ["ana@example.com", "ben@example.com"]
    ran = run_job(JOB, at=RUN_AT, recipients=recipients)
    assert ran.status == "Failed" and ran.outcome.can_retry
    notifications.answers.clear()
    assert run_job(JOB, at=RUN_AT, recipients=recipients).result["sent"] == 1
    assert notifications.recipients == recipients


def test_a_retry_of_a_resend_reaches_whom_the_first_attempt_did_not_and_nobody_twice(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran]
) -> None:
    recipients = ["ana@example.com", "ben@example.com"]
    notifications.answers["ben@example.com"] = lambda: saying("Failed")
    assert run_job(JOB, at=RUN_AT, recipients=recipients, resend=True).status == "Failed"
    notifications.answers.clear()
    assert run_job(JOB, at=RUN_AT, recipients=recipients, resend=True).result["sent"] == 1
    assert notifications.recipients == recipients


def test_a_service_whose_key_is_not_set_is_not_tried_again(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran]
) -> None:
    notifications.answers["admin@okla.com.do"] = lambda: Response(
        '{"error": "Internal API key is not configured"}', 503, content_type="application/json"
    )
    ran = run_job(JOB, at=RUN_AT)
    assert (ran.status, ran.outcome.can_retry, len(notifications.asked)) == ("Failed", False, 1)


def test_a_dry_run_keeps_the_report_and_sends_nothing(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran]
) -> None:
    ran = run_job(JOB, at=RUN_AT, dryRun=True)
    assert (ran.result["sent"], ran.result["wouldSend"]) == (0, 1)
    assert notifications.asked == []
    assert Artifact.objects.count() == 2


@pytest.mark.parametrize("recipients", [[], ["no tiene"], "admin@okla.com.do"])
def test_recipients_that_are_none_are_refused_by_name(recipients: Any) -> None:
    with pytest.raises(ValidationError, match="recipients"):
        registry.parse_parameters(registry.get(JOB), {"recipients": recipients})
