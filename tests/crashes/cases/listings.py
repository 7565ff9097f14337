"""UpdateVehicleListingStatusJob: what is due has expired, nothing else has, and each seller is told at most once."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tests.crashes import invariants
from tests.crashes.case import Case
from tests.crashes.cases import messages
from tests.crashes.invariants import Told
from tests.crashes.peers import NO_CONSENT, Peers
from tests.crashes.stage import Scene

REFUSED, YOUNG = 4, 6


@dataclass(frozen=True)
class Listings:
    """By their titles. `due`: published too long ago."""

    due: frozenset[str]
    active: frozenset[str]
    expired: frozenset[str]
    told: Told

    @property
    def sums(self) -> Mapping[str, int]:
        return {"active": len(self.active), "expired": len(self.expired), **self.told.sums}


class UpdateVehicleListingStatus(Case[Listings]):
    name = job_type = "UpdateVehicleListingStatusJob"
    points = {**messages.POINTS, "listings.after_batch": 3}

    def parameters(self, peers: Peers) -> Mapping[str, Any]:
        return {"batchSize": 5, "language": "en"}

    def fill(self, scene: Scene) -> Listings:
        """Each listing has a seller of its own, whose address begins with its title."""
        titles = [f"due-{number}" for number in range(self.size - REFUSED)] + [
            f"{NO_CONSENT}-{number}" for number in range(REFUSED)
        ]
        for days, named in ((31, titles), (29, [f"young-{number}" for number in range(YOUNG)])):
            scene.okla.execute(
                "userservice",
                'INSERT INTO "Users" ("Id", "Email") SELECT gen_random_uuid(), title || \'@example.com\''
                " FROM unnest(%s::text[]) AS title",
                [named],
            )
            sellers = scene.okla.execute(
                "userservice", 'SELECT "Id"::text, split_part("Email", \'@\', 1) FROM "Users" WHERE "Email" = ANY (%s)',
                [[f"{title}@example.com" for title in named]],
            )  # fmt: skip
            scene.okla.execute(
                "vehiclessaleservice",
                'INSERT INTO "Vehicles" ("Id", "SellerId", "Title", "Make", "Model", "Year", "Mileage", "Price",'
                ' "Currency", "Status", "PublishedAt") SELECT gen_random_uuid(), seller::uuid, title, \'Toyota\','
                " 'Model 1', 2020, 0, 1, 'DOP', 'Active', %s - %s::int * interval '1 day'"
                " FROM unnest(%s::text[], %s::text[]) AS sold(seller, title)",
                [scene.now, days, [key for key, _title in sellers], [title for _key, title in sellers]],
            )
        return replace(self.look(scene), told=Told(frozenset(f"{title}@example.com" for title in titles), {}, {}))

    def look(self, scene: Scene) -> Listings:
        query = 'SELECT "Id"::text, "Title", "Status" FROM "Vehicles"'
        rows = scene.okla.execute("vehiclessaleservice", query)
        due = frozenset(title for _key, title, _status in rows if not title.startswith("young"))
        of_status = {
            wanted: frozenset(title for _key, title, status in rows if status == wanted)
            for wanted in ("Active", scene.okla.expired)
        }
        told = messages.told_now(
            scene,
            frozenset(f"{title}@example.com" for title in due),
            {key: f"{title}@example.com" for key, title, _status in rows},
        )
        return Listings(due, of_status["Active"], of_status[scene.okla.expired], told)

    def broken(self, before: Listings, after: Listings) -> list[str]:
        return [
            *invariants.of_deletion(before.active, after.active, doomed=before.due),
            *invariants.of_deletion(before.due, after.expired, doomed=()),
            *invariants.of_messages(after.told),
        ]

    def broken_next_day(self, after: Listings, next_day: Listings) -> list[str]:
        return invariants.of_messages_next_day(after.told, next_day.told)
