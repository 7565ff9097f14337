"""UpdateVehicleListingStatusJob: real databases, a NotificationService that does as it is told."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from executions.context import running
from jobs.messages import Messages, Subject
from jobs.models import ScheduledJob
from tests.factories import ended, started
from tests.jobs.conftest import Ran
from tests.jobs.predefined.conftest import NotificationPeer, saying
from tests.okla import Okla

JOB = "UpdateVehicleListingStatusJob"


def seller(okla: Okla, email: str) -> str:
    return okla.add("users", email=email)


def vehicle(okla: Okla, seller_id: str, *, days_old: float = 40, **words: Any) -> str:
    published = timezone.now() - timedelta(days=days_old)
    return okla.add("vehicles", **{"seller_id": seller_id, "published_at": published, **words})


def expired(okla: Okla) -> int:
    return okla.count_of("vehicles", f"{okla['vehicles']['status']} = '{okla.expired}'")


def test_old_active_listings_expire_and_each_seller_is_told_once(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran]
) -> None:
    ana, ben = seller(okla, "ana@example.com"), seller(okla, "ben@example.com")
    for owner in (ana, ana, ben):
        vehicle(okla, owner)
    vehicle(okla, ana, days_old=29.9)
    vehicle(okla, ana, status="Sold")
    vehicle(okla, ana, published_at=None)
    ran = run_job(JOB, batchSize=2)
    assert ran.status == "Completed", ran.output
    assert (ran.result["expired"], ran.result["sent"], ran.result["days"]) == (3, 3, 30)
    assert expired(okla) == 3
    assert notifications.recipients == ["ana@example.com", "ana@example.com", "ben@example.com"]
    again = run_job(JOB)
    assert (again.result["expired"], again.result["sent"]) == (0, 0)
    assert len(notifications.asked) == 3


def test_the_message_has_the_originals_words_and_spanish_beside_them(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran]
) -> None:
    owner = seller(okla, "ana@example.com")
    vehicle(okla, owner, title="Kia <b>Rio</b>")
    run_job(JOB)
    (mail,) = notifications.sent
    assert mail["subject"] == "Listing Expired / Su anuncio venció"
    assert "Your listing for Kia &lt;b&gt;Rio&lt;/b&gt; has expired. Renew to keep it active." in mail["body"]
    assert "Renuévelo para mantenerlo activo" in mail["body"]
    assert mail["recipientUserId"] == owner


def test_a_title_that_looks_like_an_attack_is_told_all_the_same(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran]
) -> None:
    vehicle(okla, seller(okla, "ana@example.com"), title="src=javascript: base64")
    assert run_job(JOB).result["sent"] == 1
    assert "src=" not in notifications.sent[0]["body"].lower()


def test_a_renewed_listing_is_told_again_when_it_expires_again(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran]
) -> None:
    key = vehicle(okla, seller(okla, "ana@example.com"), days_old=90)
    run_job(JOB)
    okla.change("vehicles", key, status="Active", published_at=timezone.now() - timedelta(days=35))
    assert run_job(JOB).result["sent"] == 1


def test_a_seller_without_an_address_is_counted_and_the_listing_expires(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran]
) -> None:
    vehicle(okla, str(uuid4()))
    vehicle(okla, seller(okla, "no tiene"))
    ran = run_job(JOB)
    assert ran.status == "Completed"
    assert (ran.result["expired"], ran.result["withoutAddress"], ran.result["refused"]) == (2, 1, 1)
    assert expired(okla) == 2
    assert notifications.asked == []


def test_a_message_that_failed_is_sent_by_the_next_run_though_the_listing_is_expired_by_now(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran]
) -> None:
    vehicle(okla, seller(okla, "ana@example.com"))
    notifications.answers["ana@example.com"] = lambda: saying("Failed")
    ran = run_job(JOB)
    assert ran.status == "Failed" and ran.outcome.can_retry
    assert (ran.result["expired"], ran.result["failed"]) == (1, 1)
    notifications.answers.clear()
    again = run_job(JOB)
    assert (again.result["expired"], again.result["sent"]) == (0, 1)


def test_killed_between_expiring_and_telling_the_next_run_tells_unless_it_was_renewed(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran]
) -> None:
    ran = run_job(JOB)
    owner = seller(okla, "ana@example.com")
    left = vehicle(okla, owner, status=okla.expired)
    renewed = vehicle(okla, owner, days_old=1)
    dead = started(ScheduledJob.objects.get(pk=ran.execution.job_id))
    vehicles = okla["vehicles"]
    published = f"({vehicles['published_at']} AT TIME ZONE 'UTC')::text || '+00'"
    rows = okla.execute(vehicles.service, f"SELECT {vehicles['id']}::text, {published} FROM {vehicles}")
    Messages(JOB, dead.id, running).claim([Subject(key, published) for key, published in rows])
    ended(dead)
    again = run_job(JOB)
    assert (again.result["expired"], again.result["sent"]) == (0, 1)
    assert (okla.value("vehicles", "status", left), okla.value("vehicles", "status", renewed)) == (
        okla.expired, "Active",
    )  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_expire_and_tell_everything_once(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran]
) -> None:
    """The second run comes while the first one sends its first message."""
    owner = seller(okla, "ana@example.com")
    for _number in range(4):
        vehicle(okla, owner)
    second: list[Ran] = []

    def run_another() -> Any:
        if not second:
            second.append(None)  # type: ignore[arg-type]
            second[0] = run_job(JOB, batchSize=4)
            connection.close()  # this is a thread of the peer
        return saying("Sent")

    notifications.answers["ana@example.com"] = run_another
    first = run_job(JOB, batchSize=2)
    assert first.result["expired"] + second[0].result["expired"] == 4
    assert first.result["sent"] + second[0].result["sent"] == 4
    assert len(notifications.asked) == 4


@pytest.mark.parametrize("notify_sellers", [True, False])
def test_a_listing_that_somebody_holds_does_not_hold_up_the_others(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran], notify_sellers: bool
) -> None:
    held, _free = (vehicle(okla, seller(okla, f"{name}@example.com")) for name in ("ana", "luis"))
    table = okla["vehicles"]
    with okla.connect(table.service) as connection, connection.transaction():
        connection.execute(f"SELECT 1 FROM {table} WHERE {table['id']} = %s FOR UPDATE", [held])
        ran = run_job(JOB, notifySellers=notify_sellers)
        assert (ran.status, ran.result["expired"], ran.result["left"]) == ("Completed", 1, 1)
        assert [each["to"] for each in notifications.asked] == ["luis@example.com"] * notify_sellers
    ran = run_job(JOB, notifySellers=notify_sellers)
    assert (ran.result["expired"], ran.result["left"], ran.result["sent"]) == (1, 0, int(notify_sellers))


def test_sellers_need_not_be_told(okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran]) -> None:
    vehicle(okla, seller(okla, "ana@example.com"))
    ran = run_job(JOB, notifySellers=False)
    assert (ran.result["expired"], ran.result["sent"]) == (1, 0)
    assert notifications.asked == []


def test_a_dry_run_counts_and_changes_nothing(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran]
) -> None:
    vehicle(okla, seller(okla, "ana@example.com"))
    ran = run_job(JOB, dryRun=True)
    assert (ran.result["expired"], ran.result["wouldExpire"]) == (0, 1)
    assert expired(okla) == 0
    assert notifications.asked == []


def test_the_original_documents_type_is_an_alias(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran]
) -> None:
    vehicle(okla, seller(okla, "ana@example.com"))
    ran = run_job("CleanupExpiredListingsJob")
    assert ran.result["expired"] == 1
    assert ran.execution.job_type == "CleanupExpiredListingsJob"


def test_two_jobs_of_this_type_tell_each_seller_once(
    okla: Okla, notifications: NotificationPeer, run_job: Callable[..., Ran]
) -> None:
    """The second one finds the listing active, and expired by the first one before it could change it."""
    vehicle(okla, seller(okla, "ana@example.com"))
    runs = [run_job(JOB), run_job("CleanupExpiredListingsJob")]
    assert [ran.result["expired"] for ran in runs] == [1, 0]
    assert [ran.result["sent"] for ran in runs] == [1, 0]


def test_without_anybody_to_tell_the_users_are_not_needed(
    okla: Okla, configured: Callable[..., None], run_job: Callable[..., Ran]
) -> None:
    configured(SCHEDULER_SERVICE_DATABASES={"vehiclessaleservice": okla.addresses["vehiclessaleservice"]})
    vehicle(okla, str(uuid4()))
    assert run_job(JOB, notifySellers=False).result["expired"] == 1


def test_where_somebody_is_to_be_told_the_users_are_asked_for_before_anything_is_changed(
    okla: Okla, notifications: NotificationPeer, configured: Callable[..., None], run_job: Callable[..., Ran]
) -> None:
    configured(SCHEDULER_SERVICE_DATABASES={"vehiclessaleservice": okla.addresses["vehiclessaleservice"]})
    vehicle(okla, str(uuid4()))
    ran = run_job(JOB)
    assert "USERSERVICE_DATABASE_CONNECTION_STRING" in str(ran.outcome.error_message)
    assert expired(okla) == 0
