"""SyncVehiclePricesJob: sets the suggested price of active vehicles from what the market-price service says."""

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy
from pydantic import Field

from jobs.base import ChangingJobParameters, Job, JobContext, JobError
from jobs.gateways.pricing import MarketPrice, PriceQuestion, PricingError, UnusablePrice
from jobs.gateways.suggested_prices import PriceGroup, SuggestedPrices

GROUPS_AT_ONCE = 100
ROWS_AT_ONCE = 500
CURRENCIES = ("DOP", "USD")
CENT = Decimal("0.01")
RESUME = "sweep"
# What was asked longer ago is asked again from the beginning: prices move.
RESUME_WITHIN = timedelta(hours=24)
LONGEST_WAIT_SECONDS = 60.0


class SyncVehiclePricesParameters(ChangingJobParameters):
    mileage_band: int = Field(10_000, ge=1_000, le=1_000_000, description="Width of a mileage band, in kilometres.")
    requests_per_second: float = Field(5.0, gt=0, le=1_000, description="How fast the service may be asked.")
    failures_in_a_row: int = Field(5, ge=1, le=100, description="So many failures in a row end the run.")


class SyncVehiclePricesJob(Job[SyncVehiclePricesParameters]):
    aliases = ("SyncDataJob",)
    description = gettext_lazy("Sets the suggested price of active vehicles from the market-price service.")
    parameters_model = SyncVehiclePricesParameters

    def execute(self, context: JobContext[SyncVehiclePricesParameters]) -> Mapping[str, Any]:
        width = context.parameters.mileage_band
        with context.gateways.suggested_prices.open(band_width=width) as prices:
            total = prices.count_groups()
            context.log(f"{total} distinct makes, models, years and mileage bands of {width} km among active vehicles")
            if context.dry_run:
                return {"asked": 0, "wouldAsk": total}
            context.gateways.prices.check()
            return _Sweep(context, prices, total).sweep()


class _Sweep:
    """One question a group, at the pace agreed on; the position is kept, so that the next run goes on from there."""

    def __init__(self, context: JobContext[SyncVehiclePricesParameters], prices: SuggestedPrices, total: int) -> None:
        self.context, self.prices, self.total = context, prices, total
        self.counts = {
            "groups": total, "resumedAfter": 0, "asked": 0, "updated": 0, "unchanged": 0, "withoutPrice": 0,
            "unusable": 0, "failed": 0,
        }  # fmt: skip
        self.failures_in_a_row = 0
        self.next_question_at = time.monotonic()

    def sweep(self) -> dict[str, Any]:
        after, done = self._resume_point()
        self.counts["resumedAfter"] = done
        failed: list[PriceGroup] = []
        while groups := self.prices.groups(after=after, at_most=GROUPS_AT_ONCE):
            for group in groups:
                self.context.check_cancelled()
                if not self._sync(group):
                    failed.append(group)
                after, done = group, done + 1
                if not self.failures_in_a_row:  # else the next run goes on from the first of this row
                    self._keep(after, done)
                self.context.progress(min(done, self.total), self.total, f"{group.make} {group.model} {group.year}")
        failed = [group for group in failed if not self._sync(group)]
        self.context.state.set(RESUME, None)
        self._say()
        if failed:
            raise JobError(f"{len(failed)} groups got no answer; all others were done", result=self.counts)
        return self.counts

    def _sync(self, group: PriceGroup) -> bool:
        """Ask for one group and write what was answered; False when no answer came.

        Raises JobError once the service fails again and again.
        """
        name = f"{group.make} {group.model} {group.year}, {group.middle(self.prices.width)} km"
        try:
            price = self._ask(group)
        except UnusablePrice as fault:
            self.counts["unusable"] += 1
            self.failures_in_a_row = 0
            self.context.log(f"{name}: left as it is: {fault}", level="WARNING")
            return True
        except PricingError as fault:
            self._failed(name, fault)
            return False
        self.failures_in_a_row = 0
        found = self.prices.suggest(group, _by_currency(price), at_once=ROWS_AT_ONCE)
        self.counts["updated"] += found.updated
        self.counts["unchanged"] += found.unchanged
        self.counts["withoutPrice"] += found.without_price
        return True

    def _failed(self, name: str, fault: PricingError) -> None:
        self.counts["failed"] += 1
        self.failures_in_a_row += 1
        self.context.log(f"{name}: {fault}", level="WARNING")
        if fault.permanent or self.failures_in_a_row >= self.context.parameters.failures_in_a_row:
            text = f"stopped after {self.failures_in_a_row} failures in a row; the next run goes on from here: {fault}"
            raise JobError(text, permanent=fault.permanent, result=self.counts)

    def _ask(self, group: PriceGroup) -> MarketPrice:
        """One question, and once more when the service says how long to wait and that is bearable."""
        question = PriceQuestion(group.make, group.model, group.year, group.middle(self.prices.width))
        self._wait_for_turn()
        self.counts["asked"] += 1
        try:
            return self.context.gateways.prices.ask(question)
        except PricingError as fault:
            wait = fault.retry_after_seconds
            if wait is None or wait > LONGEST_WAIT_SECONDS:
                raise
        self.context.log(f"The service asks for a pause of {wait:g} s")
        self.next_question_at = time.monotonic() + wait
        self._wait_for_turn()
        self.counts["asked"] += 1
        return self.context.gateways.prices.ask(question)

    def _wait_for_turn(self) -> None:
        while (left := self.next_question_at - time.monotonic()) > 0:
            time.sleep(min(left, 1.0))
            self.context.check_cancelled()
        self.next_question_at = time.monotonic() + 1 / self.context.parameters.requests_per_second

    # --- Where it stands ---------------------------------------------------------------------------------------------
    def _resume_point(self) -> tuple[PriceGroup | None, int]:
        kept = self.context.state.get(RESUME)
        if not kept or kept["width"] != self.prices.width:
            return None, 0
        if timezone.now() - datetime.fromisoformat(kept["at"]) > RESUME_WITHIN:
            return None, 0
        self.context.log(f"An earlier run did {kept['done']} of them; going on from there")
        return PriceGroup(*kept["after"]), kept["done"]

    def _keep(self, after: PriceGroup, done: int) -> None:
        position = [after.make, after.model, after.year, after.band]
        at = timezone.now().isoformat()
        self.context.state.set(RESUME, {"after": position, "done": done, "width": self.prices.width, "at": at})

    def _say(self) -> None:
        text = "{asked} questions; {updated} prices set, {unchanged} stay as they are".format(**self.counts)
        if not self.counts["updated"]:
            text += ": the market was asked again and says the same"
        self.context.log(text)


def _by_currency(price: MarketPrice) -> dict[str, Decimal]:
    """Each currency by itself: none is computed from another."""
    known = {currency: price.in_currency(currency) for currency in CURRENCIES}
    return {currency: value.quantize(CENT, ROUND_HALF_UP) for currency, value in known.items() if value is not None}
