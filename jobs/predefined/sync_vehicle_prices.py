"""SyncVehiclePricesJob: sets the suggested price of active vehicles from what the market-price service says."""

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy, gettext_noop
from pydantic import Field

from jobs import guardrails
from jobs.base import Job, JobContext, JobError
from jobs.failpoints import failpoint
from jobs.gateways.price_groups import PriceGroup
from jobs.gateways.pricing import MarketPrice, PricingError, UnusablePrice
from jobs.gateways.suggested_prices import SuggestedPrices

GROUPS_AT_ONCE = 500
ROWS_AT_ONCE = 500
RESUME = "sweep"
# What was asked longer ago is asked again from the beginning: prices move.
RESUME_WITHIN = timedelta(hours=24)
LONGEST_WAIT_SECONDS = 60.0
FAILED_KEPT = 500
# One make that nobody knows a price of is no surprise; so many in a row are a wrong address or a broken service.
UNUSABLE_IN_A_ROW = 20


class SyncVehiclePricesParameters(guardrails.LimitedJobParameters):
    mileage_band: int = Field(
        10_000, ge=1_000, le=1_000_000, description=gettext_noop("Width of a mileage band, in kilometres.")
    )
    requests_per_second: float = Field(
        5.0, gt=0, le=1_000, description=gettext_noop("How fast the service may be asked.")
    )
    failures_in_a_row: int = Field(5, ge=1, le=100, description=gettext_noop("So many failures in a row end the run."))


class SyncVehiclePricesJob(Job[SyncVehiclePricesParameters]):
    aliases = ("SyncDataJob",)
    description = gettext_lazy("Sets the suggested price of active vehicles from the market-price service.")
    parameters_model = SyncVehiclePricesParameters

    def execute(self, context: JobContext[SyncVehiclePricesParameters]) -> Mapping[str, Any]:
        width = context.parameters.mileage_band
        with context.gateways.suggested_prices.open(band_width=width) as prices:
            vehicles, total = prices.offers.count_all()
            skipped = prices.offers.count_others()
            context.log(f"{total} questions about active vehicles, in mileage bands of {width} km")
            if skipped:
                context.log(
                    f"{skipped} active vehicles are skipped: what they are, or the unit of their mileage, is missing or"
                    " has no word that the market-price service knows",
                    level="WARNING",
                )
            guardrails.stop_if_too_many(context, vehicles, "vehicles")
            if context.dry_run:
                return {"asked": 0, "wouldAsk": total, "skipped": skipped}
            context.gateways.prices.check()
            counts = _Sweep(context, prices, total, skipped).sweep()
        return guardrails.watch(context, counts, guardrails.ROWS, set_prices=counts["updated"])


class _Sweep:
    """One question a group, at the pace agreed on; the position is kept, so that the next run goes on from there."""

    def __init__(
        self, context: JobContext[SyncVehiclePricesParameters], prices: SuggestedPrices, total: int, skipped: int
    ) -> None:
        self.context, self.prices, self.total = context, prices, total
        self.counts = {
            "groups": total, "resumedAfter": 0, "asked": 0, "updated": 0, "unchanged": 0, "withoutPrice": 0,
            "skipped": skipped, "unusable": 0, "failed": 0,
        }  # fmt: skip
        self.after: PriceGroup | None = None
        self.done = 0
        self.failed: list[PriceGroup] = []  # asked once more at the end
        self.failures_in_a_row = self.unusable_in_a_row = 0
        self.next_question_at = time.monotonic()

    def sweep(self) -> dict[str, Any]:
        self._resume()
        while groups := self.prices.offers.groups(after=self.after, at_most=GROUPS_AT_ONCE):
            for group in groups:
                self.context.check_cancelled()
                self.after, self.done = group, self.done + 1
                self._sync(group)
                self._keep()
                self.context.progress(min(self.done, self.total), self.total, str(group))
        self._ask_failed_ones_again()
        self.context.state.set(RESUME, None)
        self._say()
        return self.counts

    def _ask_failed_ones_again(self) -> None:
        for _number in range(len(self.failed)):
            self.context.check_cancelled()
            self._sync(self.failed.pop(0))
            self._keep()
        if self.failed:
            raise JobError(f"{len(self.failed)} groups got no answer; all others were done", result=self.counts)

    def _sync(self, group: PriceGroup) -> None:
        """Ask for one group and write what was answered; without an answer it joins the failed ones.

        Raises JobError once the service fails, or answers uselessly, again and again.
        """
        try:
            price = self._ask(group)
        except UnusablePrice as fault:
            return self._unusable(group, fault)
        except PricingError as fault:
            return self._failure(group, fault)
        self.failures_in_a_row = self.unusable_in_a_row = 0
        found = self.prices.suggest(group, price, at_once=ROWS_AT_ONCE, check_cancelled=self.context.check_cancelled)
        failpoint("prices.after_write")
        self.counts["updated"] += found.updated
        self.counts["unchanged"] += found.unchanged
        self.counts["withoutPrice"] += found.without_price
        return None

    def _unusable(self, group: PriceGroup, fault: UnusablePrice) -> None:
        self.counts["unusable"] += 1
        self.failures_in_a_row = 0
        self.unusable_in_a_row += 1
        self.context.log(f"{group}: left as it is: {fault}", level="WARNING")
        if self.unusable_in_a_row >= UNUSABLE_IN_A_ROW:
            text = f"stopped: {self.unusable_in_a_row} answers in a row were no prices; look at the service: {fault}"
            raise JobError(text, permanent=True, result=self.counts)

    def _failure(self, group: PriceGroup, fault: PricingError) -> None:
        self.counts["failed"] += 1
        self.failures_in_a_row += 1
        self.failed.append(group)
        self.context.log(f"{group}: {fault}", level="WARNING")
        if fault.permanent or self.failures_in_a_row >= self.context.parameters.failures_in_a_row:
            self._keep()
            text = f"stopped after {self.failures_in_a_row} failures in a row; the next run goes on from here: {fault}"
            raise JobError(text, permanent=fault.permanent, result=self.counts)

    def _ask(self, group: PriceGroup) -> MarketPrice:
        """One question, and once more when the service says how long to wait and that is bearable."""
        self._wait_for_turn()
        self.counts["asked"] += 1
        try:
            return self.context.gateways.prices.ask(group.question)
        except PricingError as fault:
            wait = fault.retry_after_seconds
            if wait is None or wait > LONGEST_WAIT_SECONDS:
                raise
        self.context.log(f"The service asks for a pause of {wait:g} s")
        self.next_question_at = time.monotonic() + wait
        self._wait_for_turn()
        self.counts["asked"] += 1
        return self.context.gateways.prices.ask(group.question)

    def _wait_for_turn(self) -> None:
        while (left := self.next_question_at - time.monotonic()) > 0:
            time.sleep(min(left, 1.0))
            self.context.check_cancelled()
        self.next_question_at = time.monotonic() + 1 / self.context.parameters.requests_per_second

    # --- Where it stands ---------------------------------------------------------------------------------------------
    def _resume(self) -> None:
        """Go on behind the last group that an earlier run asked for, unless that was long ago."""
        kept = self.context.state.get(RESUME)
        if not kept or kept["width"] != self.prices.offers.width:
            return
        if timezone.now() - datetime.fromisoformat(kept["at"]) > RESUME_WITHIN:
            return
        self.after = PriceGroup.of(kept["after"]) if kept["after"] else None
        self.done, self.failed = kept["done"], [PriceGroup.of(key) for key in kept["failed"]]
        self.counts["resumedAfter"] = self.done
        self.context.log(
            f"An earlier run asked for {self.done} of them, {len(self.failed)} in vain; going on from there"
        )

    def _keep(self) -> None:
        position = {
            "after": self.after and self.after.key,
            "done": self.done,
            "failed": [group.key for group in self.failed[:FAILED_KEPT]],
            "width": self.prices.offers.width,
            "at": timezone.now().isoformat(),
        }
        self.context.state.set(RESUME, position)

    def _say(self) -> None:
        text = "{asked} questions; {updated} prices set, {unchanged} stay as they are".format(**self.counts)
        if not self.counts["updated"]:
            text += ": the market was asked again and says the same"
        self.context.log(text)
