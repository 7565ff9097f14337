"""SyncVehiclePricesJob: each vehicle on offer has the price that the market says, and no other vehicle has one."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.crashes import invariants
from tests.crashes.case import Case
from tests.crashes.peers import DOP_PER_USD, Peers, price_of
from tests.crashes.stage import Scene

EACH = 2  # vehicles of a model, one priced in DOP and one in USD


@dataclass(frozen=True)
class Prices:
    """`suggested`: by vehicle. `right`: what the market says of those that are on offer."""

    suggested: Mapping[str, Decimal | None]
    right: Mapping[str, Decimal]
    questions: int

    @property
    def sums(self) -> Mapping[str, int]:
        priced = [one for one in self.right if self.suggested.get(one) == self.right[one]]
        return {"on offer": len(self.right), "rightly priced": len(priced), "questions": self.questions}


class SyncVehiclePrices(Case[Prices]):
    name = job_type = "SyncVehiclePricesJob"
    points = {"prices.after_write": 3}

    def parameters(self, peers: Peers) -> Mapping[str, Any]:
        return {"requestsPerSecond": 1_000}

    def fill(self, scene: Scene) -> Prices:
        scene.okla.execute(
            "vehiclessaleservice",
            'INSERT INTO "Vehicles" ("Id", "SellerId", "Title", "Make", "Model", "Year", "Mileage", "Price",'
            " \"Currency\", \"Status\") SELECT gen_random_uuid(), gen_random_uuid(), '', 'Toyota', 'Model ' || model,"
            " 2020, 5000, 1, (ARRAY['DOP', 'USD'])[n], status FROM generate_series(1, %s::int) AS model,"
            " generate_series(1, %s::int) AS n, unnest(ARRAY['Active', 'Sold']) AS status",
            [self.size, EACH],
        )
        return self.look(scene)

    def look(self, scene: Scene) -> Prices:
        query = 'SELECT "Id"::text, "Model", "Currency", "Status", "SuggestedPrice" FROM "Vehicles"'
        rows = scene.okla.execute("vehiclessaleservice", query)
        return Prices(
            suggested={key: price for key, *_words, price in rows},
            right={
                key: price_of(model) / (1 if currency == "DOP" else DOP_PER_USD)
                for key, model, currency, status, _price in rows
                if status == "Active"
            },
            questions=sum(scene.peers.questions.values()),
        )

    def broken(self, before: Prices, after: Prices) -> list[str]:
        priced = {key for key, price in after.suggested.items() if price is not None}
        return [
            *invariants.about("lost", before.suggested.keys() - after.suggested.keys()),
            *invariants.about(
                "without its price", [k for k, right in before.right.items() if after.suggested.get(k) != right]
            ),
            *invariants.about("priced, and not on offer", priced - before.right.keys()),
        ]

    def broken_next_day(self, after: Prices, next_day: Prices) -> list[str]:
        return self.broken(after, next_day)
