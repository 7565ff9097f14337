"""The market's price of a vehicle: PricingAgent, and its twin PricingAgent.ML (OKLA.md §4)."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scheduler_project.demo import market
from scheduler_project.demo.databases import Connection
from scheduler_project.demo.services import answers
from scheduler_project.demo.services.answers import Faults

FIRST_YEAR = 1990
RANGE = 0.08  # of the price, downwards and upwards
CONDITIONS = frozenset(market.CONDITIONS)


@dataclass(frozen=True)
class Estimate:
    usd: float

    @property
    def dop(self) -> float:
        return round(self.usd * market.DOP_PER_USD, 2)

    @property
    def lowest_dop(self) -> float:
        return round(self.dop * (1 - RANGE), 2)

    @property
    def highest_dop(self) -> float:
        return round(self.dop * (1 + RANGE), 2)


class Vehicle(BaseModel):
    """What FastAPI takes: snake_case, and numbers may come as text."""

    model_config = ConfigDict(extra="ignore")

    make: Annotated[str, Field(min_length=1, max_length=50)]
    model: Annotated[str, Field(min_length=1, max_length=100)]
    year: int
    mileage: Annotated[int, Field(ge=0)] = 0
    condition: str | None = None


def quick_check(request: HttpRequest, connection: Connection) -> HttpResponse:
    """GET /api/pricing-agent/quick-check?make&model&year&mileage&condition: anybody may ask."""
    began = time.monotonic()
    faults = _faults(request.GET)
    if faults:
        return answers.invalid(faults)
    asked = {name: request.GET.get(name, "") for name in ("make", "model", "condition")}
    estimate = _estimate(
        asked["make"],
        asked["model"],
        year=int(request.GET["year"]),
        mileage_km=int(request.GET.get("mileage") or 0),
        condition=asked["condition"] or "used",
    )
    return JsonResponse(
        {
            "precioMinimoDop": estimate.lowest_dop,
            "precioMaximoDop": estimate.highest_dop,
            "precioSugeridoDop": estimate.dop,
            "precioSugeridoUsd": estimate.usd,
            "confianza": 0.82,
            "nivelPrecio": "justo",
            "desviacionPorcentaje": 0.0,
            "explicacion": f"Precio de mercado de {asked['make']} {asked['model']} {request.GET['year']}.",
            "factoresPositivos": ["Buena disponibilidad de repuestos"],
            "factoresNegativos": [],
            "recomendacionComprador": "Compare al menos tres ofertas.",
            "recomendacionVendedor": "Publique con fotos recientes.",
            "diasEstimadosVenta": 30,
            "tendenciaMercado": "estable",
            "modelUsed": "demo",
            "fallbackLevel": 0,
            "latencyMs": round(1000 * (time.monotonic() - began), 2),
        }
    )


def agent_health(request: HttpRequest, connection: Connection) -> HttpResponse:
    """GET /api/pricing-agent/health."""
    return JsonResponse({"status": "healthy", "agent": "PricingAgent", "version": "1.0.0"})


def predict(request: HttpRequest, connection: Connection) -> HttpResponse:
    """POST /api/pricing/predict of the twin; it refuses as FastAPI does."""
    try:
        vehicle = Vehicle.model_validate_json(request.body)
    except ValidationError as fault:
        return JsonResponse({"detail": fault.errors(include_url=False, include_context=False)}, status=422)
    estimate = _estimate(
        vehicle.make,
        vehicle.model,
        year=vehicle.year,
        mileage_km=vehicle.mileage,
        condition=vehicle.condition or "used",
    )
    return JsonResponse(
        {
            "suggested_price_dop": estimate.dop,
            "suggested_price_usd": estimate.usd,
            "confidence_score": 0.78,
            "price_range_min": estimate.lowest_dop,
            "price_range_max": estimate.highest_dop,
            "market_position": "fair",
            "days_to_sell": 30,
            "market_trend": "stable",
            "model_version": "demo",
        }
    )


def ml_health(request: HttpRequest, connection: Connection) -> HttpResponse:
    """GET /api/pricing/health of the twin."""
    return JsonResponse({"status": "healthy", "model_loaded": True})


def _estimate(make: str, model: str, *, year: int, mileage_km: int, condition: str) -> Estimate:
    return Estimate(
        market.price_usd(
            make, model, year=year, mileage_km=mileage_km, condition=condition, this_year=timezone.now().year
        )
    )


def _faults(given: Mapping[str, Any]) -> Faults:
    faults: Faults = {}
    if not 0 < len(given.get("make", "").strip()) <= 50:
        faults["make"] = ["La marca es requerida."]
    if not 0 < len(given.get("model", "").strip()) <= 100:
        faults["model"] = ["El modelo es requerido."]
    year, mileage = _whole(given.get("year", "")), _whole(given.get("mileage") or "0")
    if year is None or not FIRST_YEAR <= year <= timezone.now().year + 1:
        faults["year"] = ["El año debe estar entre 1990 y el próximo año."]
    if mileage is None or mileage < 0:
        faults["mileage"] = ["El kilometraje no puede ser negativo."]
    if given.get("condition") and given["condition"].lower() not in CONDITIONS:
        faults["condition"] = ["Condición inválida. Use: new, used, certified."]
    return faults


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"-?[0-9]{1,9}", text) else None
