"""The text of `/metrics`, in either of the formats that scrapers read, made anew at most once a second."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from django.conf import settings
from prometheus_client import exposition as prometheus
from prometheus_client.metrics_core import InfoMetricFamily, Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from dashboard.prometheus import history, present
from jobs.clock import database_now

# Against whoever asks again and again: Prometheus itself comes every 15 s or so.
FRESH_SECONDS = 1.0


@dataclass(frozen=True)
class Format:
    encode: Callable[[Collector], bytes]
    content_type: str
    end: bytes = b""


TEXT = Format(prometheus.generate_latest, prometheus.CONTENT_TYPE_PLAIN_0_0_4)
OPEN_METRICS = Format(openmetrics.generate_latest, openmetrics.CONTENT_TYPE_LATEST, b"# EOF\n")

_made: dict[Format, tuple[float, bytes]] = {}


def exposition(format_: Format, *, fresh_seconds: float = FRESH_SECONDS) -> bytes:
    """As many questions to the database as ever, however many jobs there are. Raises the database's errors."""
    made_at, body = _made.get(format_, (float("-inf"), b""))
    if time.monotonic() - made_at > fresh_seconds:
        body = b"".join(_encoded(family, format_) for family in families()) + format_.end
        _made[format_] = (time.monotonic(), body)
    return body


def forget() -> None:
    """Make it anew the next time, however soon."""
    _made.clear()


def families() -> Iterator[Metric]:
    yield InfoMetricFamily("scheduler_build", "This service.", {"version": settings.SCHEDULER_VERSION})
    yield from present.families(database_now())
    # Off where ten thousand names, with twenty lines each, are more than a Prometheus should hold.
    yield from history.families(per_job=getattr(settings, "SCHEDULER_METRICS_PER_JOB", True))


class _Alone(Collector):
    def __init__(self, family: Metric) -> None:
        self.family = family

    def collect(self) -> Iterable[Metric]:
        return [self.family]


def _encoded(family: Metric, format_: Format) -> bytes:
    samples = family.text.encode() if isinstance(family, history.Written) else b""
    return format_.encode(_Alone(family)).removesuffix(format_.end) + samples
