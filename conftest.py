"""pytest's first word: the environment and the servers of the tests, before Django's settings are read."""

pytest_plugins = ["tests.environment", "tests.engines"]
