"""How often somebody may ask, and how often a login may fail."""

import logging
import re
import socket
import time
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.urls import reverse

from scheduler_project.identity import counting, rates
from scheduler_project.identity.models import ApiToken, User
from scheduler_project.identity.rates import Rate
from tests.conftest import Caller, assert_problem
from tests.identity.okla import JOBS, MARIA, asked, token

# In seconds: no test sees the period end.
A_LIFETIME = 1_000_000_000
PASSWORD = "a long enough pass phrase"

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_counted")]


# --- The API ----------------------------------------------------------------------------------------------------------
@pytest.fixture
def three_in_a_lifetime(settings: Any) -> None:
    settings.SCHEDULER_RATE_API = Rate(3, A_LIFETIME)


@pytest.mark.usefixtures("three_in_a_lifetime")
def test_whoever_asks_too_often_is_told_when_to_come_again(api: Caller):
    assert [api.get("/jobs").status_code for _each in range(3)] == [200] * 3
    response = api.get("/jobs")
    body = assert_problem(response, 429, "RATE_LIMIT_EXCEEDED")
    assert 0 < int(response["Retry-After"]) == body["retryAfter"] <= A_LIFETIME


@pytest.mark.usefixtures("three_in_a_lifetime")
def test_each_token_and_each_person_is_counted_apart(api: Caller, authservice):
    for _each in range(4):
        api.get("/jobs")
        asked(bearer=token())
    assert api.get("/jobs").status_code == 429
    assert asked(bearer=token()).status_code == 429  # by the person: each sign-in makes another token
    assert asked(bearer=token(sub=str(MARIA).replace("8", "9"))).status_code == 200
    _token, key = ApiToken.issue(owner=api.user, name="another")
    assert asked(headers={"Authorization": f"Token {key}"}).status_code == 200


@pytest.mark.usefixtures("three_in_a_lifetime")
def test_all_web_processes_count_together(api: Caller):
    for _each in range(3):
        counting._store.cache_clear()  # as in a process that has just begun
        assert api.get("/jobs").status_code == 200
    assert api.get("/jobs").status_code == 429


def test_the_next_period_begins_at_nothing():
    rate = Rate(1, 1)
    count = counting.add("test", rate)
    assert counting.add("test", rate).number in (1, 2) and count.seconds_left == 1
    deadline = time.monotonic() + 30
    while counting.look("test", rate).number and time.monotonic() < deadline:
        time.sleep(0.05)
    assert counting.look("test", rate).number == 0


def test_what_is_counted_is_forgotten_by_itself():
    counting.add("test", Rate(1, 60))
    store = counting._store(counting.settings.CELERY_BROKER_URL)
    [name] = store.scan_iter(f"{counting.PREFIX}:test:*")
    assert 60 < store.ttl(name) <= 120


@pytest.mark.parametrize("url", ["redis://:wrong@127.0.0.1:1/0", "rediss://127.0.0.1:1/0?ssl_cert_reqs=CERT_REQUIRED"])
@pytest.mark.usefixtures("three_in_a_lifetime")
def test_without_valkey_nobody_is_refused_and_the_log_says_so_once(api: Caller, settings, caplog, url):
    settings.CELERY_BROKER_URL = url
    assert [api.get("/jobs").status_code for _each in range(6)] == [200] * 6
    assert caplog.text.count("Requests are not counted") == 1


@pytest.mark.usefixtures("three_in_a_lifetime")
def test_a_valkey_that_says_nothing_is_not_asked_again_by_every_request(api: Caller, settings, caplog):
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.CELERY_BROKER_URL = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        assert [api.get("/jobs").status_code for _each in range(6)] == [200] * 6
        server.accept()[0].close()
        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert caplog.text.count("Requests are not counted") == 1


def test_a_socket_files_address_in_celerys_form_is_understood():
    store = counting._store.__wrapped__("redis+socket:///run/valkey.sock?virtual_host=3")
    about = store.connection_pool.connection_kwargs
    assert (about["path"], about["db"]) == ("/run/valkey.sock", 3)


def test_no_limit_is_no_limit(api: Caller, settings):
    settings.SCHEDULER_RATE_API = None
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    assert api.get("/jobs").status_code == 200
    assert counting._away_until == float("-inf")  # nobody was asked


@pytest.mark.parametrize(
    ("text", "rate"), [("600/min", Rate(600, 60)), (" 5/s ", Rate(5, 1)), ("1/day", Rate(1, 86_400)), ("off", None)]
)
def test_a_rate_is_a_number_and_a_unit(text, rate):
    assert rates.parsed("SCHEDULER_RATE_API", text) == rate


@pytest.mark.parametrize("text", ["", "600", "0/min", "-1/min", "600/m", "600/minute", "1.5/s", "many/min", "٣/min"])
def test_what_is_no_rate_names_its_variable(text):
    with pytest.raises(ImproperlyConfigured, match=f"SCHEDULER_RATE_API: {re.escape(repr(text))}"):
        rates.parsed("SCHEDULER_RATE_API", text)


# --- Logins -----------------------------------------------------------------------------------------------------------
@pytest.fixture
def person(settings: Any) -> User:
    settings.SCHEDULER_RATE_LOGIN = Rate(3, A_LIFETIME)
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # fast, and nothing here is secret
    return User.objects.create_superuser("maria", password=PASSWORD)


def login(username: str, password: str, **more: Any) -> Any:
    form = {"username": username, "password": password, "next": reverse("admin:index")}
    return Client().post(reverse("admin:login"), form, **more)


def test_after_too_many_failed_logins_not_even_the_right_password_is_looked_at(person, caplog):
    caplog.set_level(logging.INFO)
    assert [login("maria", "wrong").status_code for _each in range(3)] == [200] * 3
    refused = login("maria", PASSWORD, headers={"Accept": "text/html"})
    assert refused.status_code == 429 and 0 < int(refused["Retry-After"]) <= A_LIFETIME
    assert "Too many logins have failed. Try again in" in refused.content.decode()
    assert "maria" not in caplog.text and "wrong" not in caplog.text
    assert caplog.text.count("A login from 127.0.0.1 failed.") == 3


def test_a_program_is_told_so_in_its_own_way(person):
    for _each in range(3):
        login("maria", "wrong")
    response = login("maria", PASSWORD, headers={"Accept": "application/json"})
    assert response["Retry-After"] == str(assert_problem(response, 429, "RATE_LIMIT_EXCEEDED")["retryAfter"])


def test_a_name_is_protected_from_wherever_it_is_tried(person):
    for number in range(3):
        login("MARIA ", "wrong", REMOTE_ADDR=f"192.0.2.{number}")
    assert login("maria", PASSWORD, REMOTE_ADDR="192.0.2.9").status_code == 429
    assert login("another", "wrong", REMOTE_ADDR="192.0.2.9").status_code == 200


def test_an_address_that_tries_many_names_is_stopped(person):
    for number in range(3):
        login(f"somebody-{number}", "wrong", REMOTE_ADDR="192.0.2.1")
    assert login("maria", PASSWORD, REMOTE_ADDR="192.0.2.1").status_code == 429
    assert login("maria", PASSWORD, REMOTE_ADDR="192.0.2.2").status_code == 302


def test_nobody_hides_behind_a_header(person):
    for number in range(3):
        login(f"somebody-{number}", "wrong", headers={"X-Forwarded-For": f"198.51.100.{number}"})
    assert login("maria", PASSWORD, headers={"X-Forwarded-For": "198.51.100.9"}).status_code == 429


def test_logins_that_succeed_are_never_too_many(person):
    assert [login("maria", PASSWORD).status_code for _each in range(8)] == [302] * 8


def test_the_login_page_itself_and_every_other_page_stay_open(person):
    for _each in range(4):
        login("maria", "wrong")
    assert Client().get(reverse("admin:login")).status_code == 200
    signed_in = Client()
    signed_in.force_login(person)
    assert signed_in.get(JOBS).status_code == 200
    assert signed_in.post(reverse("admin:logout")).status_code == 200


def test_without_valkey_logins_go_on(person, settings):
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    for _each in range(4):
        login("maria", "wrong")
    assert login("maria", PASSWORD).status_code == 302
