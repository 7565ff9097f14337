"""Who may do what: every route of the URL configuration, asked by every role by every method.

A route without a line in one of these tables fails, and so does a method that a line does not name but the route has.
"""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client

from executions.models import Alert, Artifact
from scheduler_project.identity.models import ApiToken, User
from tests.conftest import API, assert_problem
from tests.factories import a_job, a_run, ended, started
from tests.identity.walking import CALLERS, METHODS, SAFE, Asker, filled, make_quick, routes

NOBODY_AT_ALL = "nobody at all"  # what not even an admin may
READ, OPERATE, CHANGE = "viewer", "operator", "admin"
RANK = {name: rank for rank, name in enumerate([*CALLERS, NOBODY_AT_ALL])}
NEW_JOB = {"name": "new", "jobType": "NoOpJob", "cronExpression": "@daily"}

API_ROUTES: dict[str, dict[str, str]] = {
    "jobs": {"GET": READ, "POST": CHANGE},
    "jobs/<str:job_id>": {"GET": READ, "PUT": CHANGE, "PATCH": CHANGE, "DELETE": CHANGE},
    "jobs/<str:job_id>/enable": {"PUT": CHANGE},
    "jobs/<str:job_id>/disable": {"PUT": CHANGE},
    "jobs/<str:job_id>/pause": {"PUT": OPERATE},
    "jobs/<str:job_id>/resume": {"PUT": OPERATE},
    "jobs/<str:job_id>/run-now": {"POST": OPERATE},
    "jobs/<str:job_id>/next": {"GET": READ},
    "jobs/<str:job_id>/revisions": {"GET": READ},
    "jobs/<str:job_id>/executions": {"GET": READ},
    "jobs/<str:job_id>/why": {"GET": READ},
    "hold": {"POST": CHANGE},
    "release": {"POST": CHANGE},
    "job-types": {"GET": READ},
    "cron/preview": {"POST": READ},
    "schedules/plan": {"POST": READ},
    "schedules/apply": {"POST": CHANGE},
    "executions": {"GET": READ},
    "executions/<str:execution_id>": {"GET": READ},
    "executions/<str:execution_id>/cancel": {"POST": OPERATE},
    "executions/<str:ended_id>/retry": {"POST": OPERATE},
    "executions/<str:execution_id>/log": {"GET": READ},
    "executions/<str:execution_id>/artifacts": {"GET": READ},
    "executions/<str:execution_id>/artifacts/<str:name>": {"GET": READ},
    "alerts": {"GET": READ},
    "alerts/<str:alert_id>": {"GET": READ},
    "alerts/<str:alert_id>/acknowledge": {"POST": OPERATE},
    "tokens": {"GET": CHANGE, "POST": NOBODY_AT_ALL},  # a token issues no token; a session does: test_api_tokens.py
    "tokens/<str:token_id>": {"DELETE": CHANGE},
    "dashboard": {"GET": READ},
    "audit": {"GET": CHANGE},
    "schema": {"GET": READ},
    "docs": {"GET": READ},
}
BODIES = {
    ("POST", "jobs"): NEW_JOB,
    ("PUT", "jobs/<str:job_id>"): NEW_JOB,
    ("PATCH", "jobs/<str:job_id>"): {"name": "other"},
    ("POST", "cron/preview"): {"cronExpression": "@daily"},
    ("POST", "tokens"): {"name": "new"},
    ("POST", "schedules/plan"): {"document": "jobs: []"},
    ("POST", "schedules/apply"): {"document": "jobs: []"},
}
# A run with other parameters than the stored ones is an admin's; trying without effect is not.
RUN_NOW: list[tuple[Any, str]] = [
    (None, OPERATE),
    ({"parameters": None}, OPERATE),
    ({"parameters": {"dryRun": True}}, OPERATE),
    ({"parameters": '{"dryRun": true}'}, OPERATE),
    ({"parameters": {"dryRun": False}}, CHANGE),
    ({"parameters": {"keep": 1}}, CHANGE),
    ({"parameters": {}}, CHANGE),
]
PAGES = {
    "", "jobs", "jobs/<uuid:job_id>", "alerts", "timeline", "executions", "executions/<uuid:execution_id>",
}  # fmt: skip
# What is posted there, and who may; a door named in the address is asked for each of its names.
DOORS: dict[str, list[tuple[dict[str, str], str, str]]] = {
    "jobs/do": [({}, f"verb={verb}", role) for verb, role in [
        ("run_now", OPERATE), ("pause", OPERATE), ("resume", OPERATE), ("enable", CHANGE), ("disable", CHANGE),
    ]],
    "jobs/<uuid:job_id>/run": [({}, f"parameter-{parameters}", role) for parameters, role in [
        ("keep=3", OPERATE), ("keep=3&parameter-dryRun=on", OPERATE), ("keep=4", CHANGE),
    ]],
    "jobs/<uuid:job_id>/do/<slug:name>": [({"name": verb}, "", role) for verb, role in [
        ("run_now", OPERATE), ("pause", OPERATE), ("resume", OPERATE), ("enable", CHANGE), ("disable", CHANGE),
    ]],
    "alerts/<uuid:alert_id>/acknowledge": [({}, "", OPERATE)],
    "executions/<uuid:execution_id>/do/<slug:name>": [({"name": name}, "", OPERATE) for name in ("cancel", "retry")],
}  # fmt: skip
# Open to everybody: what machines ask without an identity (SPEC §9), signing in, and the choice of a language.
OPEN = {"health", "health/ready", "health/live", "metrics"}
ELSEWHERE = {"i18n/setlang/", "^api/"}  # each has a test of its own below
ADMIN = "admin/"
# Of the admin of each model: who may see, add, change and delete.
MODELS = {
    "jobs/scheduledjob": (READ, CHANGE, CHANGE, CHANGE),
    "executions/jobexecution": (READ, NOBODY_AT_ALL, NOBODY_AT_ALL, NOBODY_AT_ALL),
    "executions/alert": (READ, NOBODY_AT_ALL, NOBODY_AT_ALL, NOBODY_AT_ALL),
    "executions/notice": (READ, NOBODY_AT_ALL, NOBODY_AT_ALL, NOBODY_AT_ALL),
    "executions/worker": (READ, NOBODY_AT_ALL, NOBODY_AT_ALL, NOBODY_AT_ALL),
    "executions/ledgercheck": (READ, NOBODY_AT_ALL, NOBODY_AT_ALL, NOBODY_AT_ALL),
    "executions/parkedmessage": (READ, NOBODY_AT_ALL, NOBODY_AT_ALL, NOBODY_AT_ALL),
    "executions/auditcursor": (READ, NOBODY_AT_ALL, NOBODY_AT_ALL, NOBODY_AT_ALL),
    "django_celery_beat/periodictask": (READ, CHANGE, CHANGE, CHANGE),
    "django_celery_beat/crontabschedule": (READ, CHANGE, CHANGE, CHANGE),
    "django_celery_beat/intervalschedule": (READ, CHANGE, CHANGE, CHANGE),
    "django_celery_beat/clockedschedule": (READ, CHANGE, CHANGE, CHANGE),
    "django_celery_beat/solarschedule": (READ, CHANGE, CHANGE, CHANGE),
    "audit/record": (CHANGE, NOBODY_AT_ALL, NOBODY_AT_ALL, NOBODY_AT_ALL),
    "identity/user": (CHANGE, CHANGE, CHANGE, NOBODY_AT_ALL),
    "identity/apitoken": (CHANGE, CHANGE, NOBODY_AT_ALL, NOBODY_AT_ALL),
}
# The admin's further pages: who may GET and who may POST.
ADMIN_ROUTES: dict[str, tuple[str, str]] = {
    "": (READ, READ),
    "password_change/": (READ, READ),
    "password_change/done/": (READ, READ),
    "autocomplete/": (NOBODY_AT_ALL, NOBODY_AT_ALL),  # no form here asks it
    "jsi18n/": (READ, READ),
    "r/<path:content_type_id>/<path:object_id>/": (READ, READ),
    "jobs/scheduledjob/cron-preview/": (READ, READ),
    "jobs/scheduledjob/parameters-preview/": (READ, READ),
    "jobs/scheduledjob/<path:object_id>/do/<slug:name>/": (OPERATE, OPERATE),
    "executions/jobexecution/<uuid:object_id>/do/<slug:name>/": (READ, OPERATE),
    "executions/alert/<uuid:object_id>/acknowledge/": (READ, OPERATE),
    "executions/notice/test/<str:channel>/": (READ, CHANGE),
    "identity/user/<id>/password/": (CHANGE, CHANGE),
    "^(?P<app_label>django_celery_beat|identity|executions|jobs|audit)/$": (READ, READ),
    "(?P<url>.*)$": (READ, READ),
}
AS_THE_ADMIN_SEES_THEM = ("GET", "POST")  # to Django's admin whatever is no POST is a GET
BEFORE_THE_LOGIN = {"login/", "logout/"}
OF_A_MODEL = {"": 0, "add/": 1, "<path:object_id>/change/": 2, "<path:object_id>/delete/": 3}


@pytest.fixture
def here(db: None) -> dict[str, Any]:
    """What the routes are about, by the names in their brackets."""
    job = a_job(job_type="SweepingJob", overlap_policy="Allow")
    run = a_run(job)
    artifact = Artifact.objects.create(
        execution_id=run.id, name="report.html", content_type="text/html", size=2, content=b"hi"
    )
    alert = Alert.objects.create(rule="job", job=job, subject="odd", opened_at=Now())
    return {
        "job_id": job.id, "execution_id": run.id, "ended_id": ended(started(job)).id, "alert_id": alert.id,
        "name": artifact.name, "channel": "Email", "content_type_id": 0, "app_label": "jobs", "url": "nothing",
        "token_id": ApiToken.issue(owner=User.objects.create_user("somebody else"), name="old")[0].id,
    }  # fmt: skip


@pytest.fixture
def ask(here: dict[str, Any], settings: Any) -> Asker:
    """By people who are signed in."""
    make_quick(settings)
    return Asker(by_token=False)


@pytest.fixture
def call(here: dict[str, Any], settings: Any) -> Asker:
    """By programs with tokens."""
    make_quick(settings)
    return Asker(by_token=True)


# --- The table is whole -----------------------------------------------------------------------------------------------
def test_every_route_is_in_a_table():
    api = {f"api/scheduler/{route}".replace("ended_id", "execution_id") for route in API_ROUTES}
    admin = {f"admin/{route}" for route in [*ADMIN_ROUTES, *BEFORE_THE_LOGIN, *_model_routes()]}
    known = api | admin | PAGES | set(DOORS) | OPEN | ELSEWHERE
    assert sorted(routes()) == sorted(known)


def _model_routes() -> Iterator[str]:
    further = ("<path:object_id>/history/", "<path:object_id>/")
    return (f"{model}/{page}" for model in MODELS for page in (*OF_A_MODEL, *further))


# --- The API ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("route", API_ROUTES)
def test_a_route_of_the_api_is_open_from_its_role_on(call, here, route):
    path, roles = filled(f"{API}/{route}", here), API_ROUTES[route]
    for method in METHODS:
        role = roles.get("GET" if method == "HEAD" else method)
        needed = role or (READ if method in SAFE else CHANGE)
        for caller in CALLERS:
            status = call.status(caller, method, path, BODIES.get((method, route)))
            if caller == "stranger":
                assert status == 401, (method, caller)
            elif RANK[caller] < RANK[needed]:
                assert status == 403, (method, caller)
            elif role is None:
                assert status == 405, (method, caller)
            else:
                assert status < 300, (method, caller)


def test_running_with_other_parameters_is_for_admins(call, here):
    path = filled(f"{API}/jobs/<str:job_id>/run-now", here)
    for body, role in RUN_NOW:
        found = [call.status(caller, "POST", path, body) for caller in CALLERS]
        assert found == [401, *(202 if RANK[caller] >= RANK[role] else 403 for caller in CALLERS[1:])], body


def test_whatever_is_no_route_of_the_api_tells_a_stranger_nothing(call):
    for path in ("/api/", "/api/scheduler", f"{API}/nothing/here", "/api/v2/jobs"):
        found = [call.status(caller, "GET", path) for caller in CALLERS]
        assert found == [401, 403, 404, 404, 404]
        assert [call.status(caller, "POST", path) for caller in CALLERS] == [401, 403, 403, 403, 404]


# --- The pages --------------------------------------------------------------------------------------------------------
def test_a_page_is_for_whoever_may_read(ask, here):
    for route, method in product(PAGES, METHODS):
        found = [ask.status(caller, method, filled(f"/{route}", here)) for caller in CALLERS]
        assert found == [302, 403, *([200] * 3 if method in SAFE else [405] * 3)], (route, method)


@pytest.mark.parametrize("route", DOORS)
def test_a_door_is_open_from_its_role_on_and_to_posting_alone(ask, here, route):
    for names, body, role in DOORS[route]:
        path = filled(f"/{route}", {**here, **names})
        for caller in CALLERS:
            status = ask.status(caller, "POST", path, body)
            if RANK[caller] >= RANK[role]:
                assert status in (200, 302), (names, body, caller)
            else:
                assert status == (302 if caller == "stranger" else 403), (names, body, caller)
    # Whoever comes there after a login, or by a link, is led to the page that has the door.
    for caller, method in product(CALLERS, (each for each in METHODS if each != "POST")):
        assert ask.status(caller, method, path) == (302 if method == "GET" else 405), (route, method, caller)


def test_machines_ask_without_an_identity_and_change_nothing(ask):
    for route, method, caller in product(OPEN, METHODS, ("stranger", "admin")):
        expected = (200, 503) if method in ("GET", "HEAD") else (405,)
        assert ask.status(caller, method, f"/{route}") in expected, (route, method, caller)


def test_a_language_is_everybodys_own_choice(ask):
    for method in METHODS:
        assert {ask.status(caller, method, "/i18n/setlang/") for caller in CALLERS} == {302}


# --- The admin --------------------------------------------------------------------------------------------------------
def test_a_stranger_comes_no_further_than_the_login(ask, here):
    _assert_closed(ask, here, "stranger", METHODS)


def test_neither_does_somebody_without_a_role(ask, here):
    _assert_closed(ask, here, "nobody", AS_THE_ADMIN_SEES_THEM)


def _assert_closed(ask: Asker, here: dict[str, Any], caller: str, methods: Sequence[str]) -> None:
    things = {**here, "object_id": here["execution_id"], "id": here["job_id"]}
    inside = [route for route in routes(ADMIN) if route not in BEFORE_THE_LOGIN]
    for route in inside:
        path = filled(_plain(f"/admin/{route}"), things)
        assert {ask.status(caller, method, path) for method in methods} == {302}, route


def test_the_admin_of_a_model_is_open_from_its_roles_on(ask, here):
    ids = {"executions/alert": "alert_id", "executions/jobexecution": "execution_id"}
    for model, page in product(MODELS, OF_A_MODEL):
        needed = MODELS[model][OF_A_MODEL[page]]
        things = {"object_id": here[ids.get(model, "job_id")]}
        get = MODELS[model][0] if page.endswith("change/") else needed
        _assert_open(ask, f"{model}/{page}", things, get=get, post=needed)


def test_a_further_page_of_the_admin_is_open_from_its_role_on(ask, here):
    about = {
        "jobs/scheduledjob": {"object_id": here["job_id"], "name": "pause"},
        "executions/jobexecution": {"object_id": here["execution_id"], "name": "cancel"},
        "executions/alert": {"object_id": here["alert_id"]},
    }
    for route, (get, post) in ADMIN_ROUTES.items():
        model = "/".join(route.split("/")[:2])
        things = {**here, "id": here["job_id"], "object_id": 0, **about.get(model, {})}
        _assert_open(ask, route, things, get=get, post=post)


def _assert_open(ask: Asker, route: str, things: dict[str, Any], *, get: str, post: str) -> None:
    path = filled(_plain(f"/admin/{route}"), things)
    for (method, needed), caller in product((("GET", get), ("POST", post)), CALLERS[2:]):
        status = ask.status(caller, method, path, "")
        if RANK[caller] < RANK[needed]:
            assert status in (403, 405), (route, method, caller, status)
        else:
            assert status < 500 and status != 403, (route, method, caller, status)


def _plain(route: str) -> str:
    """Of a route that is a regular expression, an address that it fits."""
    return route.replace("^(?P<app_label>django_celery_beat|identity|executions|jobs|audit)/$", "jobs/").replace(
        "(?P<url>.*)$", "nothing"
    )


# --- Who it is that asks ----------------------------------------------------------------------------------------------
def test_a_stranger_is_told_how_to_say_who_they_are(caller_in):
    response = caller_in("stranger").get("/jobs")
    assert_problem(response, 401, "UNAUTHORIZED")
    assert response["WWW-Authenticate"] == "Bearer, Token"


def test_a_stranger_with_a_broken_body_is_still_a_stranger(caller_in, here):
    path = filled("/jobs/<str:job_id>/run-now", here)
    assert_problem(caller_in("stranger").post(path, b"{"), 401, "UNAUTHORIZED")


@pytest.mark.parametrize("header", ["Token", "Token nonsense", "Token a b", "Token \xff"])
def test_a_token_that_is_none_is_refused(client, db, header):
    assert_problem(client.get(f"{API}/jobs", headers={"Authorization": header}), 401, "UNAUTHORIZED")


def test_a_session_is_as_good_as_a_token_but_must_prove_that_it_is_no_forgery(caller_in, db):
    user = caller_in("admin").user
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(user)
    assert browser.get(f"{API}/jobs").status_code == 200
    response = browser.post(f"{API}/jobs", NEW_JOB, content_type="application/json")
    assert_problem(response, 403, "FORBIDDEN")
