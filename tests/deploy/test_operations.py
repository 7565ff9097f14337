"""docs/operations.md and .env.example tell of every variable, with its true default, and of every alert."""

import re

from executions.enums import AlertRule
from scheduler_project.local import commands, prepare
from tests.deploy import variables
from tests.deploy.image import ROOT

TEXT = (ROOT / "docs" / "operations.md").read_text()


def test_every_variable_that_the_service_reads_is_explained() -> None:
    assert len(variables.read_by_settings()) > 40 and "SCHEDULER_API_TOKEN" in variables.read_elsewhere()
    assert not list(variables.undocumented())


def test_no_variable_is_explained_that_nobody_reads() -> None:
    read = set(variables.read_by_settings()) | variables.read_elsewhere()
    # Forms of a name; what libraries read themselves.
    others = {"X_DATABASE_CONNECTION_STRING", "SCHEDULER_SECRET_X", "AWS_ACCESS_KEY_ID"}
    others |= {"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS"}
    assert set(variables.documented()) - read == others


def test_the_defaults_are_those_of_the_settings() -> None:
    told = variables.documented()
    wrong = {
        name: (default, told[name])
        for name, default in variables.read_by_settings().items()
        if default is not None and name != "SCHEDULER_STATIC_ROOT" and told[name] != default
    }
    assert not wrong


def test_every_variable_is_in_the_example() -> None:
    read = set(variables.read_by_settings()) | variables.read_elsewhere()
    assert read - variables.mentioned_in_example() - {"SCHEDULER_URL"} == set()


def test_every_alert_has_its_first_steps() -> None:
    told = re.findall(r"^\| `(\w+)` \|", TEXT[TEXT.index("## What to do for each alert") :], re.MULTILINE)
    assert told == [str(rule) for rule in AlertRule]


def test_the_commands_are_those_that_run() -> None:
    for words in (
        commands.web("0.0.0.0", 8080),
        commands.worker(4),
        commands.beat(),
        ("python", "-m", prepare.__name__),
    ):
        assert f"`{' '.join(words)}`" in TEXT
