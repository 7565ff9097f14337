"""The fixtures of the journeys, for the tests here that need real processes on the suite's own servers."""

from tests.journey.conftest import system  # noqa: F401
