"""The run form that a job type's schema makes: what is left as it is, what is changed, what is nonsense."""

from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.http import QueryDict

from dashboard.parameters import PREFIX, parameter_form
from tests.factories import a_job

pytestmark = pytest.mark.django_db


def answered(job: Any, **answers: Any) -> Any:
    shown = parameter_form(job)
    sent = {}
    for field in shown:
        value = answers.get(field.name, field.value())
        if value not in (None, False, ""):
            sent[f"{PREFIX}-{field.name}"] = value
    return parameter_form(job, QueryDict(urlencode(sent)))


@pytest.mark.parametrize(
    "name", [path.rpartition(".")[2] for path in settings.SCHEDULER_JOB_TYPES if path.startswith("jobs.predefined.")]
)
def test_the_form_of_every_type_left_as_it_is_changes_nothing(name: str, settings: Any):
    settings.SCHEDULER_OUTGOING_HOSTS = ["vehiclessaleservice:8080"]
    examples = {"HttpRequestJob": {"url": "http://vehiclessaleservice:8080/health"}}
    form = answered(a_job(job_type=name, parameters=examples.get(name)))
    assert form.is_valid(), form.errors
    assert form.parameters() is None


def test_a_dry_run_alone_is_what_an_operator_may_ask_for():
    form = answered(a_job(job_type="CleanupOldLogsJob", parameters={"days": 30}), dryRun="on")
    assert form.is_valid() and form.parameters() == {"dryRun": True}


def test_what_is_changed_is_laid_over_the_stored_parameters():
    job = a_job(job_type="CleanupOldLogsJob", parameters={"days": 30})
    form = answered(job, days=60)
    assert form.is_valid() and form.parameters() == {"days": 60}


def test_nonsense_is_named_at_its_field():
    form = answered(a_job(job_type="CleanupOldLogsJob"), days="soon")
    assert not form.is_valid() and list(form.errors) == ["days"]
