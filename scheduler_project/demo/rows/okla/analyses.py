"""VehicleIntelligenceService's own analyses of a few listings, which are not ours to change (OKLA.md §1.3)."""

from collections.abc import Iterator
from datetime import date
from itertools import islice
from typing import Any

from jobs import business_days
from scheduler_project.demo.rows.drawing import Chance, Load, days_before
from scheduler_project.demo.rows.okla import vehicles

ANALYSED, A_DAY, MOST_DAYS_AGO = 60, 2, 40


def first(day: date) -> Iterator[Load]:
    yield _of(day, vehicles.first(day), ANALYSED)


def further(day: date) -> Iterator[Load]:
    yield _of(day, vehicles.further(day), A_DAY)


def _of(day: date, loads: Iterator[Load], count: int) -> Load:
    on_offer = (row for load in loads for row in load.named if row["Status"] == "Active")
    return Load.of("price_analyses", [_analysis(day, row) for row in islice(on_offer, count)])


def _analysis(day: date, vehicle: dict[str, Any]) -> dict[str, Any]:
    """Their heuristics name a price in dollars whatever the listing's currency."""
    chance = Chance("analysis", vehicle["Id"])
    price, suggested = vehicle["Price"], chance.randint(80, 700) * 100
    at = business_days.begin_of(days_before(day, chance.randint(1, MOST_DAYS_AGO)))
    share = min(round(price / suggested, 2), 999.99)
    return {
        "Id": chance.guid(), "VehicleId": vehicle["Id"], "CurrentPrice": price, "SuggestedPrice": suggested,
        "SuggestedPriceMin": suggested * 0.95, "SuggestedPriceMax": suggested * 1.05, "MarketAvgPrice": suggested,
        "PriceVsMarket": share, "PricePosition": "Overpriced" if share > 1.15 else "Fair", "IsOvervalued": share > 1.2,
        "OvervaluationPercentage": round((price / suggested - 1) * 100, 2), "PredictedDaysToSaleAtCurrentPrice": 30,
        "PredictedDaysToSaleAtSuggestedPrice": 20, "AnalysisDate": at, "CreatedAt": at, "UpdatedAt": at,
        "ConfidenceScore": 41.5, "InfluencingFactors": '{"basePrice":24000,"qualityBonus":150}',
    }  # fmt: skip
