"""The API's schema: committed, whole, and kept by what the service answers to whatever it lets one ask."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
import yaml
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given, settings
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from scheduler_project.local.folder import ROOT
from tests.api import known, things

COMMITTED = ROOT / "docs" / "openapi.yaml"
REFRESH = "python manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml"
SCHEMA: dict[str, Any] = yaml.safe_load(COMMITTED.read_text())
OPERATIONS = [
    (method, path, operation) for path, methods in SCHEMA["paths"].items() for method, operation in methods.items()
]
ERRORS_EVERYWHERE = {"400", "401", "403", "406", "429", "500", "503"}
CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance,
]  # fmt: skip
REQUESTS_EACH = 2


# --- The file --------------------------------------------------------------------------------------------------------
def test_the_committed_schema_is_the_services_own(tmp_path):
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "now.yaml"))
    is_same = (tmp_path / "now.yaml").read_text() == COMMITTED.read_text()
    assert is_same, f"docs/openapi.yaml is not what the service answers with. Refresh it: {REFRESH}"


def test_the_committed_schema_is_openapi_3_1():
    assert SCHEMA["openapi"].startswith("3.1")
    assert [str(fault) for fault in OpenAPIV31SpecValidator(SCHEMA).iter_errors()] == []


def test_every_operation_says_who_may_ask_and_how_it_fails():
    for method, path, operation in OPERATIONS:
        assert {"apiToken": []} in operation["security"], (method, path)
        assert set(operation["responses"]) >= ERRORS_EVERYWHERE, (method, path)
        assert ("404" in operation["responses"]) == ("{" in path), (method, path)
        assert ("415" in operation["responses"]) == ("requestBody" in operation), (method, path)


def test_every_body_has_an_example():
    bodies = [(path, operation["requestBody"]) for _method, path, operation in OPERATIONS if "requestBody" in operation]
    assert len(bodies) > 5
    assert [path for path, body in bodies if not body["content"]["application/json"].get("examples")] == []
    for response in SCHEMA["components"]["responses"].values():
        assert response["content"]["application/problem+json"]["example"]["errorCode"]


# --- What is answered ------------------------------------------------------------------------------------------------
@pytest.fixture
def known_things(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(known.KNOWN, json.dumps(things.make(2)))


@pytest.fixture
def operations() -> Iterator[Any]:
    """Those of the schema, asked in this process. The connection is the test's: no request ends it."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    schema = schemathesis.openapi.from_dict(SCHEMA)
    schema.app = get_wsgi_application()
    # A log that is being written streams until the run ends, by a connection that sees nothing of a test's transaction.
    found = [each.ok() for each in schema.get_all_operations()]
    yield [each for each in found if not each.path.endswith("/log")]
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.mark.parametrize("mode", list(GenerationMode), ids=str)
def test_whatever_is_asked_the_answer_is_a_declared_one(api, known_things, operations, mode):
    """Derandomised, so that it tells the same every time; `bin/fuzz` is the long form, against a real process."""
    asked = 0
    for operation in operations:
        if mode is GenerationMode.NEGATIVE and not (operation.query or operation.body):
            continue  # there is nothing to say wrongly

        @settings(
            max_examples=REQUESTS_EACH, derandomize=True, database=None, deadline=None,
            phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            nonlocal asked
            asked += 1
            case.call_and_validate(checks=CHECKS, headers=api.headers)

        ask()
    assert asked > len(OPERATIONS)
