"""What OKLA's own tables ask of the jobs beside what every schema does (OKLA.md §1): locks, enums, promotion, units."""

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone

from jobs import business_days, gateways
from jobs.gateways.price_groups import Offer
from jobs.gateways.pricing import MarketPrice
from tests.jobs.conftest import Ran
from tests.jobs.predefined.conftest import FAST, Market, NotificationPeer, price, saying
from tests.okla import Okla

Run = Callable[..., Ran]
TOMORROW = business_days.day_of(timezone.now()) + timedelta(days=1)
EXPIRY, REMINDERS, PRICES = "UpdateVehicleListingStatusJob", "SendReminderEmailsJob", "SyncVehiclePricesJob"
VEHICLE_STATUSES = {
    "Draft", "PendingReview", "Active", "Reserved", "Sold", "Archived", "Rejected", "Suspended", "PendingMedia",
}  # fmt: skip
SCHEDULED, CONFIRMED, IN_PROGRESS, COMPLETED, CANCELLED, NO_SHOW, RESCHEDULED = range(7)
ANALYSIS = (
    "CurrentPrice", "SuggestedPrice", "SuggestedPriceMin", "SuggestedPriceMax", "MarketAvgPrice", "PriceVsMarket",
    "PricePosition", "IsOvervalued", "OvervaluationPercentage", "PredictedDaysToSaleAtCurrentPrice",
    "PredictedDaysToSaleAtSuggestedPrice", "ConfidenceScore", "InfluencingFactors",
)  # fmt: skip
OURS = '{"source":"SchedulerService"}'


@pytest.fixture
def schema() -> str:
    return "okla"


# --- Listings --------------------------------------------------------------------------------------------------------
def listing(okla: Okla, *, days_old: float = 60, **columns: Any) -> str:
    published = timezone.now() - timedelta(days=days_old)
    return okla.add("vehicles", **{"published_at": published, "changed": published, **columns})


def test_an_expired_listing_has_a_new_stamp_of_its_own_and_the_time_of_its_change(okla: Okla, run_job: Run) -> None:
    began = timezone.now()
    keys = [listing(okla) for _number in range(3)]
    assert run_job(EXPIRY, notifySellers=False).result["expired"] == 3
    stamps = [okla.value("vehicles", "stamp", key) for key in keys]
    assert len(set(stamps)) == 3
    assert all(str(UUID(stamp)) == stamp for stamp in stamps), "as .NET writes a GUID"
    assert all(okla.value("vehicles", "changed", key) > began for key in keys)


def test_what_is_deleted_promoted_or_sold_is_left_exactly_as_it_is(okla: Okla, run_job: Run) -> None:
    sold = timezone.now() - timedelta(days=1)
    for columns in ({"IsDeleted": True}, {"IsFeatured": True}, {"IsPremium": True}, {"sold_at": sold}):
        listing(okla, **columns)
    before = okla.execute("vehiclessaleservice", "SELECT * FROM vehicles ORDER BY 1")
    assert run_job(EXPIRY, notifySellers=False).result["expired"] == 0
    assert okla.execute("vehiclessaleservice", "SELECT * FROM vehicles ORDER BY 1") == before


def test_no_status_is_ever_written_that_they_do_not_have(okla: Okla, run_job: Run) -> None:
    for status in VEHICLE_STATUSES:
        listing(okla, status=status)
    run_job(EXPIRY, notifySellers=False)
    found = okla.execute("vehiclessaleservice", 'SELECT "Status", count(*) FROM vehicles GROUP BY 1')
    assert dict(found) == dict.fromkeys(VEHICLE_STATUSES - {"Active", "Archived"}, 1) | {"Archived": 2}


def test_a_deleted_listing_is_neither_sold_nor_new_in_the_report(
    okla: Okla, notifications: NotificationPeer, run_job: Run
) -> None:
    noon = business_days.instant_of(TOMORROW - timedelta(days=2), time(12))
    for is_deleted in (False, True):
        okla.add("vehicles", status="Sold", sold_at=noon, published_at=noon, IsDeleted=is_deleted)
    ran = run_job("GenerateDailyReportsJob")
    assert (ran.result["sold"]["DOP"]["count"], ran.result["newListings"]) == (1, 1)


def test_the_listings_own_address_comes_before_the_users(
    okla: Okla, notifications: NotificationPeer, run_job: Run
) -> None:
    ana = okla.add("users", email="ana@example.com")
    listing(okla, seller_id=ana, seller_email="sales@example.com")
    listing(okla, seller_id=ana, seller_email=" ")
    listing(okla, seller_id=ana, seller_email=None)
    assert run_job(EXPIRY).result["sent"] == 3
    assert notifications.recipients == ["ana@example.com", "ana@example.com", "sales@example.com"]


# --- Reminders -------------------------------------------------------------------------------------------------------
def appointment(okla: Okla, email: str, *, day: date = TOMORROW, **columns: Any) -> str:
    midnight = datetime.combine(day, time(), UTC)
    return okla.add("appointments", **{"email": email, "date": midnight, "time": "15:30", **columns})


def test_only_appointments_that_are_to_come_are_reminded_of_and_no_status_changes(
    okla: Okla, notifications: NotificationPeer, run_job: Run
) -> None:
    keys = {status: appointment(okla, f"{status}@example.com", status=status) for status in range(7)}
    began = timezone.now()
    assert run_job(REMINDERS).result["sent"] == 3
    assert notifications.recipients == [f"{status}@example.com" for status in (SCHEDULED, CONFIRMED, RESCHEDULED)]
    for status, key in keys.items():
        assert okla.value("appointments", "status", key) == status
        marked = okla.value("appointments", "reminded", key)
        assert (marked is not None) == (status in (SCHEDULED, CONFIRMED, RESCHEDULED))
        assert marked is None or began <= marked <= timezone.now()
        assert (okla.value("appointments", "changed", key) is not None) == (marked is not None)


def test_a_reminder_that_was_not_sent_leaves_no_instant_behind(
    okla: Okla, notifications: NotificationPeer, run_job: Run
) -> None:
    key = appointment(okla, "ana@example.com")
    notifications.answers["ana@example.com"] = lambda: saying("Failed")
    assert run_job(REMINDERS).status == "Failed"
    assert okla.value("appointments", "reminded", key) is None


def test_appointments_without_a_real_day_break_nothing(
    okla: Okla, notifications: NotificationPeer, run_job: Run
) -> None:
    for instant in ("-infinity", "infinity", "0001-01-01 00:00+00"):
        okla.add("appointments", email="nobody@example.com", date=instant)
    appointment(okla, "ana@example.com")
    assert run_job(REMINDERS).result["sent"] == 1


# --- Prices ----------------------------------------------------------------------------------------------------------
def analyses(okla: Okla, key: str) -> list[tuple[Any, ...]]:
    """Of one vehicle, the newest last."""
    columns = ", ".join(f'"{name}"' for name in ANALYSIS)
    query = f'SELECT {columns} FROM price_analyses WHERE "VehicleId" = %s ORDER BY "AnalysisDate"'
    return okla.execute("vehicleintelligenceservice", query, [key])


def theirs(okla: Okla, key: str, **columns: Any) -> None:
    at = timezone.now() - timedelta(days=3)
    okla.add("analyses", **{"vehicle_id": key, "at": at, "suggested": 20_000, "InfluencingFactors": "{}", **columns})


def test_an_analysis_says_what_is_known_and_nothing_that_is_not(okla: Okla, market: Market, run_job: Run) -> None:
    key = okla.add("vehicles", price=1_000_000)
    market.by_model["Corolla"] = price(800_000, 14_000, confianza=0.825)
    assert run_job(PRICES, **FAST).result["updated"] == 1
    assert [dict(zip(ANALYSIS, row, strict=True)) for row in analyses(okla, key)] == [
        {
            "CurrentPrice": 1_000_000, "SuggestedPrice": 800_000, "SuggestedPriceMin": 800_000,
            "SuggestedPriceMax": 800_000, "MarketAvgPrice": 800_000, "PriceVsMarket": Decimal("1.25"),
            "PricePosition": "Overpriced", "IsOvervalued": True, "OvervaluationPercentage": Decimal("25.00"),
            "PredictedDaysToSaleAtCurrentPrice": 0, "PredictedDaysToSaleAtSuggestedPrice": 0,
            "ConfidenceScore": Decimal("82.50"), "InfluencingFactors": OURS,
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("listed", "share", "position", "is_over"),
    [
        (850, "0.85", "Great Deal", False), (851, "0.85", "Good Deal", False), (950, "0.95", "Good Deal", False),
        (1_000, "1.00", "Fair", False), (1_050, "1.05", "Fair", False), (1_150, "1.15", "High Price", False),
        (1_151, "1.15", "Overpriced", False), (1_200, "1.20", "Overpriced", False), (1_201, "1.20", "Overpriced", True),
        (9_999_999, "999.99", "Overpriced", True),
    ],
)  # fmt: skip
def test_a_position_is_one_of_their_five(
    okla: Okla, market: Market, run_job: Run, listed: int, share: str, position: str, is_over: bool
) -> None:
    key = okla.add("vehicles", price=listed)
    market.by_model["Corolla"] = price(1_000, 20)
    run_job(PRICES, **FAST)
    (row,) = analyses(okla, key)
    assert row[5:8] == (Decimal(share), position, is_over)


def test_our_own_row_is_changed_and_no_second_one_added(okla: Okla, market: Market, run_job: Run) -> None:
    key = okla.add("vehicles")
    for dop in (800_000, 800_000, 810_000):
        market.by_model["Corolla"] = price(dop, 14_000)
        run_job(PRICES, **FAST)
        assert [row[1] for row in analyses(okla, key)] == [dop]
    okla.change("vehicles", key, price=700_000)
    assert run_job(PRICES, **FAST).result["updated"] == 1
    assert [row[:2] for row in analyses(okla, key)] == [(700_000, 810_000)]


def test_their_analyses_stay_as_they_are_and_ours_becomes_the_newest(okla: Okla, market: Market, run_job: Run) -> None:
    key = okla.add("vehicles", price=900_000)
    theirs(okla, key, CurrentPrice=900_000)
    before = analyses(okla, key)
    assert run_job(PRICES, **FAST).result["updated"] == 1
    assert analyses(okla, key)[:1] == before
    assert [row[1] for row in analyses(okla, key)] == [20_000, 1_170_000]
    assert run_job(PRICES, **FAST).result["updated"] == 0


def test_where_they_say_the_same_already_nothing_is_added(okla: Okla, market: Market, run_job: Run) -> None:
    key = okla.add("vehicles", price=900_000)
    theirs(okla, key, CurrentPrice=900_000, suggested=1_170_000)
    ran = run_job(PRICES, **FAST)
    assert (ran.result["updated"], ran.result["unchanged"], len(analyses(okla, key))) == (0, 1, 1)


def test_an_analysis_without_a_real_time_is_none(okla: Okla, market: Market, run_job: Run) -> None:
    key = okla.add("vehicles", price=900_000)
    theirs(okla, key, at="infinity")
    theirs(okla, key, at="-infinity")
    assert [run_job(PRICES, **FAST).result["updated"] for _number in range(2)] == [1, 0]


def test_condition_and_unit_belong_to_the_question_and_what_has_no_word_is_skipped(
    okla: Okla, market: Market, run_job: Run
) -> None:
    for condition in ("New", "CertifiedPreOwned", "Used", "Salvage", "Rebuilt"):
        okla.add("vehicles", mileage=25_000, Condition=condition)
    okla.add("vehicles", mileage=15_534, MileageUnit="Miles")  # 24,999.6 km
    okla.add("vehicles", mileage=15_535, MileageUnit="Miles")  # 25,001.2 km
    okla.add("vehicles", mileage=18_700, MileageUnit="Miles")  # 30,094.7 km
    okla.add("vehicles", mileage=300, MileageUnit="Hours")
    okla.add("vehicles", IsDeleted=True)
    ran = run_job(PRICES, **FAST)
    assert (ran.result["asked"], ran.result["updated"], ran.result["skipped"]) == (4, 6, 3)
    asked = sorted((question["condition"], question["mileage"]) for question in market.asked)
    assert asked == [("certified", "25000"), ("new", "25000"), ("used", "25000"), ("used", "35000")]
    assert "3 active vehicles are skipped" in ran.output
    assert okla.count_of("analyses") == 6


@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_add_one_row_a_vehicle(okla: Okla, market: Market, run_job: Run) -> None:
    """The second run does all its work while the first one waits for its answer."""
    keys = [okla.add("vehicles") for _number in range(4)]
    second: list[Ran] = []

    def run_another() -> None:
        if not second:
            second.append(None)  # type: ignore[arg-type]
            second[0] = run_job(PRICES, **FAST)
            connection.close()  # this is a thread of the peer

    market.before = run_another
    first = run_job(PRICES, **FAST)
    assert first.result["updated"] + second[0].result["updated"] == 4
    assert [len(analyses(okla, key)) for key in keys] == [1] * 4


def test_two_statements_at_once_add_one_row_a_vehicle(okla: Okla, market: Market, run_job: Run) -> None:
    """A second writer comes while the first one's rows are not committed yet, and waits for them."""
    offers = [Offer(okla.add("vehicles"), Decimal(900_000), "DOP") for _number in range(20)]
    written: list[int] = []

    def write() -> None:
        with gateways.current().suggested_prices.open(band_width=10_000) as prices:
            barrier.wait(30)
            written.append(prices.keeper.keep(offers, MarketPrice(dop=Decimal(1))))

    barrier = threading.Barrier(4)
    writers = [threading.Thread(target=write) for _number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(written) == [0, 0, 0, 20] and okla.count_of("analyses") == 20


def test_a_column_that_must_have_a_value_and_gets_none_is_named_before_anybody_is_asked(
    okla: Okla, market: Market, run_job: Run
) -> None:
    okla.add("vehicles")
    okla.execute("vehicleintelligenceservice", 'ALTER TABLE price_analyses ADD COLUMN "TenantId" uuid NOT NULL')
    try:
        ran = run_job(PRICES, **FAST)
    finally:
        okla.execute("vehicleintelligenceservice", 'ALTER TABLE price_analyses DROP COLUMN "TenantId"')
    assert ran.status == "Failed" and not ran.outcome.can_retry and market.asked == []
    told = 'a row of table "price_analyses" of database vehicleintelligenceservice must have "TenantId"'
    assert told in str(ran.outcome.error_message)


def test_without_the_other_database_its_variable_is_named(
    okla: Okla, market: Market, configured: Callable[..., None], run_job: Run
) -> None:
    okla.add("vehicles")
    configured(SCHEDULER_SERVICE_DATABASES={"vehiclessaleservice": okla.addresses["vehiclessaleservice"]})
    ran = run_job(PRICES, **FAST)
    assert "VEHICLEINTELLIGENCESERVICE_DATABASE_CONNECTION_STRING" in str(ran.outcome.error_message)
    assert market.asked == []
