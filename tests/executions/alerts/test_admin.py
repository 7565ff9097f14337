"""The admin of alerts: what is shown, and acknowledging with a note."""

from typing import Any

import pytest

from executions.enums import AlertRule
from executions.models import Alert
from tests.admin_pages import client_of, person, said, text, url
from tests.executions.alerts.rounds import FAILURE, a_worker, ask, runs, the_alert
from tests.factories import a_job

pytestmark = pytest.mark.django_db
ALERT = "executions_alert"


@pytest.fixture
def alert() -> Alert:
    runs(a_job("Prices", max_consecutive_failures=0), FAILURE)
    ask()
    return the_alert(AlertRule.CONSECUTIVE_FAILURES)


def listed(**query: str) -> list[Alert]:
    return list(client_of("viewer").get(url(ALERT, "changelist"), query).context["cl"].result_list)


def test_the_list_and_the_page_show_what_is_wrong_and_what_was_told(alert: Alert) -> None:
    viewer = client_of("viewer")
    assert "Open Prices: a run has failed Consecutive failures Error Prices" in text(
        viewer.get(url(ALERT, "changelist"))
    )
    page = text(viewer.get(url(ALERT, "change", alert.pk)))
    for part in ("The last error: it broke", "Opened: Administrators", "Waiting", "&quot;failures&quot;: 1"):
        assert part.replace("&quot;", '"') in page


def test_an_operator_acknowledges_by_the_pages_button_with_a_note(alert: Alert) -> None:
    operator = client_of("operator")
    page = operator.get(url(ALERT, "change", alert.pk))
    path = page.context["acknowledge_url"]
    assert path == url(ALERT, "acknowledge", alert.pk)
    done = operator.post(path, {"note": "the network"}, follow=True)
    assert said(done) == ["Acknowledged: Prices: a run has failed."]
    assert "the network" in text(done) and "operator-person" in text(done)
    assert done.context["acknowledge_url"] is None
    assert said(operator.post(path, {"note": "again"}, follow=True)) == ["Somebody has acknowledged this before."]
    alert.refresh_from_db()
    assert (alert.note, alert.acknowledged_by) == ("the network", person("operator").pk)


def test_many_are_acknowledged_at_once_and_the_list_tells_them_apart(alert: Alert) -> None:
    a_worker("celery@one", silent=60)
    ask()
    lost = the_alert(AlertRule.WORKER_LOST)
    chosen = {"action": "acknowledge", "_selected_action": [str(alert.pk)], "note": "known"}
    done = client_of("operator").post(url(ALERT, "changelist"), chosen, follow=True)
    assert said(done) == ["Acknowledged: Prices: a run has failed."]
    assert (listed(open="known"), listed(open="no")) == ([alert], [])
    assert set(listed(open="yes")) == {alert, lost}


@pytest.mark.parametrize("role", ["viewer"])
def test_who_only_reads_is_offered_nothing_and_may_not(alert: Alert, role: str) -> None:
    viewer: Any = client_of(role)
    assert viewer.get(url(ALERT, "change", alert.pk)).context["acknowledge_url"] is None
    assert viewer.post(url(ALERT, "acknowledge", alert.pk)).status_code == 403
    chosen = {"action": "acknowledge", "_selected_action": [str(alert.pk)]}
    viewer.post(url(ALERT, "changelist"), chosen, follow=True)
    alert.refresh_from_db()
    assert alert.acknowledged_at is None
    assert client_of("operator").get(url(ALERT, "acknowledge", alert.pk)).status_code == 405
