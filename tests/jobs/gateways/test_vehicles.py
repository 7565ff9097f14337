"""The listings that are to expire: page by page, every one once."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from jobs.gateways.databases import ServiceDatabases
from jobs.gateways.mappings import Mapping
from jobs.gateways.vehicles import Listings
from tests.okla import Okla

SERVICE = "vehiclessaleservice"
NOW = datetime(2026, 8, 20, 16, 0, tzinfo=UTC)


@pytest.fixture
def numbered(okla: Okla) -> Iterator[Mapping]:
    """A mapping of vehicles that have numbers for ids, 1 to 12, in a schema of their own."""
    okla.execute(
        SERVICE,
        'CREATE SCHEMA sales; CREATE TABLE sales.cars (LIKE "Vehicles" INCLUDING DEFAULTS);'
        ' ALTER TABLE sales.cars ALTER "Id" TYPE int USING 0, ADD PRIMARY KEY ("Id")',
    )
    for number in range(1, 13):
        okla.execute(
            SERVICE,
            'INSERT INTO sales.cars ("Id", "SellerId", "Title", "Make", "Model", "Year", "Mileage", "Price", "Status",'
            " \"PublishedAt\") VALUES (%s, gen_random_uuid(), 'car', '', '', 2020, 0, 0, 'Active', %s)",
            [number, NOW - timedelta(days=40)],
        )
    yield replace(okla.mapping, vehicles=replace(okla.mapping.vehicles, name="sales.cars"))
    okla.execute(SERVICE, "DROP SCHEMA sales CASCADE")


def pages(listings: Listings, *, at_most: int) -> list[list[str]]:
    found: list[list[str]] = []
    after: str | None = None
    while page := listings.expirable(NOW, after=after, at_most=at_most):
        found.append([listing.id for listing in page])
        after = found[-1][-1]
    return found


def test_no_listing_is_passed_over_where_ids_are_numbers(okla: Okla, numbered: Mapping) -> None:
    """The bug: pages went in the order of the ids as texts, 1, 10, 11, and from there on to the ids above 11."""
    with ServiceDatabases(okla.addresses).open(SERVICE) as database:
        assert pages(Listings(database, numbered), at_most=2) == [
            ["1", "2"], ["3", "4"], ["5", "6"], ["7", "8"], ["9", "10"], ["11", "12"],
        ]  # fmt: skip
