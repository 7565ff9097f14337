"""What a scraper makes of `/metrics`: families and samples, by prometheus_client's own parsers."""

from collections.abc import Mapping
from typing import Any

from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from dashboard.prometheus.exposition import OPEN_METRICS, TEXT, Format, exposition, forget

Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


def scraped(format_: Format = TEXT) -> list[Metric]:
    forget()
    return parsed(exposition(format_), format_)


def parsed(body: bytes, format_: Format = TEXT) -> list[Metric]:
    parse = openmetrics.text_string_to_metric_families if format_ is OPEN_METRICS else text_string_to_metric_families
    return list(parse(body.decode()))


def samples(families: list[Metric]) -> Samples:
    return {(each.name, frozenset(each.labels.items())): each.value for family in families for each in family.samples}


class Scrape:
    """`scrape("scheduler_workers")`, `scrape("scheduler_queue_depth", queue="default")`; None: no such sample."""

    def __init__(self) -> None:
        self.samples = samples(scraped())

    def __call__(self, name: str, **labels: Any) -> float | None:
        return self.samples.get((name, frozenset(labels.items())))
