"""SyncVehiclePricesJob: a real database, a market-price service that does as it is told."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from werkzeug import Response

from jobs.models import JobState
from jobs.predefined.sync_vehicle_prices import RESUME
from tests.jobs.conftest import Ran
from tests.jobs.predefined.conftest import FAST, Market, price
from tests.okla import Names, Okla

JOB = "SyncVehiclePricesJob"


def vehicle(okla: Okla, model: str = "Corolla", *, mileage: int = 25_000, currency: str = "DOP", **words: Any) -> str:
    return okla.add("vehicles", **{"model": model, "mileage": mileage, "currency": currency, **words})


def where_kept(okla: Okla) -> tuple[Names, str]:
    """The table that suggested prices are kept in, and its column with the vehicle's id."""
    kept = okla["analyses" if okla.schema == "okla" else "vehicles"]
    return kept, kept["vehicle_id" if okla.schema == "okla" else "id"]


def suggested(okla: Okla, key: str) -> Decimal | None:
    kept, vehicle_id = where_kept(okla)
    rows = okla.execute(kept.service, f"SELECT {kept['suggested']} FROM {kept} WHERE {vehicle_id} = %s", [key])
    return rows[0][0] if rows else None


def test_one_question_for_each_make_model_year_and_mileage_band(
    okla: Okla, market: Market, run_job: Callable[..., Ran]
) -> None:
    for mileage in (20_000, 25_000, 29_999):
        vehicle(okla, mileage=mileage)
    vehicle(okla, mileage=30_000)
    vehicle(okla, year=2021)
    vehicle(okla, "Camry")
    vehicle(okla, "Hilux", status="Sold")
    ran = run_job(JOB, **FAST)
    assert ran.status == "Completed", ran.output
    assert (ran.result["groups"], ran.result["asked"], ran.result["updated"]) == (4, 4, 6)
    questions = [(q["make"], q["model"], q["year"], q["mileage"]) for q in market.asked]
    assert sorted(questions) == [
        ("Toyota", "Camry", "2020", "25000"),
        ("Toyota", "Corolla", "2020", "25000"),
        ("Toyota", "Corolla", "2020", "35000"),
        ("Toyota", "Corolla", "2021", "25000"),
    ]


def test_each_vehicle_gets_the_price_in_its_own_currency(
    okla: Okla, market: Market, run_job: Callable[..., Ran]
) -> None:
    pesos, dollars, euros = vehicle(okla), vehicle(okla, currency=" usd"[1:]), vehicle(okla, currency="EUR")
    market.scripted.append(price(1_234_567.891, 21_000.5))
    ran = run_job(JOB, **FAST)
    assert suggested(okla, pesos) == Decimal("1234567.89")
    assert suggested(okla, dollars) == Decimal("21000.50")
    assert suggested(okla, euros) is None
    assert (ran.result["updated"], ran.result["withoutPrice"]) == (2, 1)


def test_a_second_run_asks_again_and_says_that_nothing_changed(
    okla: Okla, market: Market, run_job: Callable[..., Ran]
) -> None:
    vehicle(okla)
    run_job(JOB, **FAST)
    ran = run_job(JOB, **FAST)
    assert (ran.result["asked"], ran.result["updated"], ran.result["unchanged"]) == (1, 0, 1)
    assert "the market was asked again and says the same" in ran.output


@pytest.mark.parametrize(
    "answer",
    [
        price(-1, -1), price(0, 0), price("1200000", None), price(True, True), price(1e300, 1e300), price(None, None),
        Response("NaN"), Response('{"precioSugeridoDop": NaN}'), Response("<html>"), Response("[]"),
        Response('{"detail": "no such model"}', 404, content_type="application/json"),
    ],
)  # fmt: skip
def test_an_answer_that_is_no_price_is_counted_and_changes_nothing(
    okla: Okla, market: Market, run_job: Callable[..., Ran], answer: Response
) -> None:
    before, bad = vehicle(okla, "Camry"), vehicle(okla, "Corolla")
    market.by_model["Corolla"] = answer
    ran = run_job(JOB, **FAST)
    assert (ran.status, ran.result["unusable"], ran.result["updated"]) == ("Completed", 1, 1)
    assert suggested(okla, bad) is None
    assert suggested(okla, before)
    assert "Toyota Corolla 2020, 25000 km: left as it is" in ran.output


def test_a_row_of_failures_ends_the_run_and_the_next_one_goes_on_and_asks_the_failed_ones_again(
    okla: Okla, market: Market, run_job: Callable[..., Ran]
) -> None:
    for letter in "ABCDEFGH":
        vehicle(okla, f"Model {letter}")
    for letter in "CDE":
        market.by_model[f"Model {letter}"] = Response("no", 500)
    ran = run_job(JOB, failuresInARow=3, **FAST)
    assert ran.status == "Failed" and ran.outcome.can_retry
    assert ran.result["updated"] == 2
    assert market.models[-1] == "Model E"
    market.by_model.clear()
    market.asked.clear()
    again = run_job(JOB, **FAST)
    assert (again.status, again.result["resumedAfter"], again.result["updated"]) == ("Completed", 5, 6)
    assert market.models == [f"Model {letter}" for letter in "FGHCDE"]
    assert not JobState.objects.filter(key=RESUME).exists()


def test_a_single_failure_is_asked_about_once_more_at_the_end(
    okla: Okla, market: Market, run_job: Callable[..., Ran]
) -> None:
    vehicle(okla, "Camry")
    vehicle(okla, "Corolla")
    market.scripted.append(Response("no", 500))
    ran = run_job(JOB, **FAST)
    assert (ran.status, ran.result["updated"]) == ("Completed", 2)
    assert market.models == ["Camry", "Corolla", "Camry"]


def test_a_single_failure_before_the_row_that_ends_a_run_is_not_forgotten(
    okla: Okla, market: Market, run_job: Callable[..., Ran]
) -> None:
    for letter in "ABCD":
        vehicle(okla, f"Model {letter}")
    for letter in "AC":
        market.by_model[f"Model {letter}"] = Response("no", 500)
    assert run_job(JOB, failuresInARow=2, **FAST).status == "Failed"  # A and C, once more at the end
    market.by_model.clear()
    market.asked.clear()
    again = run_job(JOB, **FAST)
    assert (again.status, again.result["updated"]) == ("Completed", 2)
    assert market.models == ["Model A", "Model C"]


def test_answers_that_are_all_useless_fail_the_run(okla: Okla, market: Market, run_job: Callable[..., Ran]) -> None:
    for number in range(25):
        vehicle(okla, f"Model {number}")
        market.by_model[f"Model {number}"] = price(-1, -1)
    ran = run_job(JOB, **FAST)
    assert ran.status == "Failed" and not ran.outcome.can_retry
    assert "20 answers in a row were no prices" in str(ran.outcome.error_message)
    assert len(market.asked) == 20


@pytest.mark.parametrize("column_type", ["numeric(18,0)", "integer"])
def test_a_column_that_rounds_is_written_once(
    okla: Okla, market: Market, run_job: Callable[..., Ran], column_type: str
) -> None:
    kept, _vehicle_id = where_kept(okla)
    alter = f"ALTER TABLE {kept} ALTER COLUMN {kept['suggested']} TYPE"
    okla.execute(kept.service, f"{alter} {column_type}")
    try:
        key = vehicle(okla)
        market.by_model["Corolla"] = price(1_234_567.89, 20_000)
        assert run_job(JOB, **FAST).result["updated"] == 1
        assert suggested(okla, key) == 1_234_568
        assert run_job(JOB, **FAST).result["updated"] == 0
    finally:
        okla.execute(kept.service, f"{alter} numeric(18,2)")


def test_a_price_that_somebody_holds_does_not_hold_up_the_others(
    okla: Okla, market: Market, run_job: Callable[..., Ran]
) -> None:
    held, free = vehicle(okla), vehicle(okla)
    assert run_job(JOB, **FAST).result["updated"] == 2
    market.by_model["Corolla"] = price(5_000_000, 90_000)
    kept, vehicle_id = where_kept(okla)
    with okla.connect(kept.service) as connection, connection.transaction():
        connection.execute(f"SELECT 1 FROM {kept} WHERE {vehicle_id} = %s FOR UPDATE", [held])
        assert run_job(JOB, **FAST).result["updated"] == 1
    assert (suggested(okla, held), suggested(okla, free)) == (Decimal(1_170_000), Decimal(5_000_000))
    assert run_job(JOB, **FAST).result["updated"] == 1


def test_the_limit_is_one_of_vehicles_however_few_questions_are_asked_about_them(
    okla: Okla, market: Market, run_job: Callable[..., Ran]
) -> None:
    vehicle(okla), vehicle(okla)
    stopped = run_job(JOB, maxAffected=1, **FAST)
    assert (stopped.status, stopped.result) == ("Failed", {"found": 2, "maxAffected": 1})
    assert market.asked == []
    assert run_job(JOB, maxAffected=2, **FAST).result["updated"] == 2


def test_retry_after_is_obeyed(okla: Okla, market: Market, run_job: Callable[..., Ran]) -> None:
    vehicle(okla)
    market.scripted.append(Response("slow down", 429, {"Retry-After": "0"}))
    ran = run_job(JOB, **FAST)
    assert (ran.status, ran.result["asked"], ran.result["updated"]) == ("Completed", 2, 1)
    assert "asks for a pause" in ran.output


def test_a_retry_after_that_is_too_long_counts_as_a_failure(
    okla: Okla, market: Market, run_job: Callable[..., Ran]
) -> None:
    vehicle(okla)
    market.by_model["Corolla"] = Response("slow down", 429, {"Retry-After": "86400"})
    ran = run_job(JOB, failuresInARow=1, **FAST)
    assert ran.status == "Failed" and ran.outcome.can_retry
    assert len(market.asked) == 1


def test_an_old_resume_point_is_forgotten(okla: Okla, market: Market, run_job: Callable[..., Ran]) -> None:
    vehicle(okla)
    ran = run_job(JOB, **FAST)
    JobState.objects.create(
        job_id=ran.execution.job_id,
        key="sweep",
        value={"after": ["Z", "Z", 1, 1], "done": 1, "width": 10_000, "at": "2020-01-01T00:00:00+00:00"},
    )
    assert run_job(JOB, **FAST).result["asked"] == 1


def test_many_vehicles_of_one_group_are_written_in_bounded_statements(
    okla: Okla, market: Market, run_job: Callable[..., Ran]
) -> None:
    vehicles, key = okla["vehicles"], vehicle(okla, currency="USD")
    another = "(jsonb_populate_record(v, jsonb_build_object('Id', gen_random_uuid()))).*"
    statement = f"INSERT INTO {vehicles} SELECT {another} FROM {vehicles} v, generate_series(1, 1099)"
    okla.execute(vehicles.service, f"{statement} WHERE v.{vehicles['id']} = %s", [key])
    ran = run_job(JOB, **FAST)
    assert (ran.result["asked"], ran.result["updated"]) == (1, 1_100)


def test_a_dry_run_asks_nobody(okla: Okla, market: Market, run_job: Callable[..., Ran]) -> None:
    vehicle(okla)
    assert run_job(JOB, dryRun=True).result == {"asked": 0, "wouldAsk": 1, "skipped": 0}
    assert market.asked == []


def test_without_a_service_the_variable_is_named(
    okla: Okla, configured: Callable[..., None], run_job: Callable[..., Ran]
) -> None:
    configured(SCHEDULER_PRICING_AGENT_URL="", SCHEDULER_PRICING_ML_URL="")
    vehicle(okla)
    ran = run_job(JOB)
    assert ran.status == "Failed" and not ran.outcome.can_retry
    assert "ServiceUrls__PricingAgent" in str(ran.outcome.error_message)
