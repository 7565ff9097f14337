"""What tests of the doing share."""

import os
from collections.abc import Iterator

import pytest
import redis


@pytest.fixture
def broker() -> Iterator[redis.Redis]:
    """The run's real Valkey, empty."""
    client = redis.Redis.from_url(os.environ["CELERY_BROKER_URL"])
    client.flushdb()
    yield client
    client.flushdb()
    client.close()
