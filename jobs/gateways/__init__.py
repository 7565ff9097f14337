"""The outside worlds that jobs may touch, one file each, built once from the settings."""

from dataclasses import dataclass
from functools import cache

from django.conf import settings

from jobs.gateways.health import HealthTargets


@dataclass(frozen=True)
class Gateways:
    health: HealthTargets


@cache
def current() -> Gateways:
    """The gateways that the settings describe."""
    return Gateways(health=HealthTargets(addresses=settings.SCHEDULER_HEALTH_URLS))
