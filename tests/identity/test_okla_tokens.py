"""The tokens of OKLA's AuthService: who is let in, who is not, and what the log says of it."""

import logging
import time
from typing import Any

import jwt
import pytest
import time_machine
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from jobs.models import SYSTEM_USER_ID, ScheduledJob
from scheduler_project.identity.models import User
from scheduler_project.identity.okla_tokens import BadToken, Rules, read
from scheduler_project.identity.roles import Role
from tests.conftest import assert_problem
from tests.factories import a_job
from tests.identity.okla import (
    AUDIENCE,
    CLAIMS,
    ISSUER,
    JOBS,
    KEY,
    MARIA,
    OTHER_KEY,
    ROLE,
    asked,
    assembled,
    claims,
    signed_with,
    token,
    unsigned,
)

NEW_JOB = {"name": "new", "jobType": "NoOpJob", "cronExpression": "@daily"}
LOG = "scheduler_project.identity.authentication"

pytestmark = pytest.mark.usefixtures("authservice")


def signed_by_rsa() -> str:
    return jwt.encode(claims(), rsa.generate_private_key(public_exponent=65537, key_size=2048), "RS256")


def confused() -> str:
    """HS256 over a public key's text, for who would take `alg` from the token and the key from wherever."""
    public = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    return signed_with(public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))


def altered() -> str:
    """Another's payload under a good signature."""
    header, _payload, signature = token(**{ROLE: "Buyer"}).split(".")
    return f"{header}.{token().split('.')[1]}.{signature}"


NOW = time.time
BAD: dict[str, tuple[Any, str]] = {
    "expired": (lambda: token(exp=int(NOW()) - 31), "it has expired"),
    "not valid yet": (lambda: token(nbf=int(NOW()) + 60), "it is not valid yet"),
    "made in the future": (lambda: token(iat=int(NOW()) + 60), "it is not valid yet"),
    "without an end": (lambda: token(exp=None), "a claim is missing"),
    "with an end that is no number": (lambda: token(exp="soon"), "it is malformed"),
    "with an end beyond numbers": (lambda: token(exp=float("inf")), "it is malformed"),
    "of another issuer": (lambda: token(iss="AuthService-Dev"), "it is of another issuer"),
    "without an issuer": (lambda: token(iss=None), "a claim is missing"),
    "for another audience": (lambda: token(aud="OKLA-Dev"), "it is for another audience"),
    "without an audience": (lambda: token(aud=None), "a claim is missing"),
    "by another key": (lambda: token(key=OTHER_KEY), "its signature is by no key"),
    "by the empty key": (lambda: signed_with(b""), "its signature is by no key"),
    "altered": (altered, "its signature is by no key"),
    "unsigned": (unsigned, "it is not signed by HS256"),
    "unsigned, in capitals": (
        lambda: assembled(b'{"alg":"NONE"}', b'{"sub":"x"}'), "it is not signed by HS256",
    ),
    "signed by HS512": (lambda: token(key=KEY * 2, algorithm="HS512"), "it is not signed by HS256"),
    "signed by RS256": (signed_by_rsa, "it is not signed by HS256"),
    "confused": (confused, "its signature is by no key"),
    "for a second step": (lambda: token(temp_token="true"), "it is only for the second step"),
    "for a second step, as a boolean": (lambda: token(temp_token=True), "it is only for the second step"),
    "without a subject": (lambda: token(sub=None), "a claim is missing"),
    "with a subject that is no GUID": (lambda: token(sub="maria"), "its subject is no GUID"),
    "of a hundred kilobytes": (lambda: token(about="x" * 75_000), "it is longer than 8192 bytes"),
    "just too long": (lambda: "x" * 8_193, "it is longer than 8192 bytes"),
    "nested very deep": (lambda: assembled(b"[" * 6_000, b"{}"), "it is malformed"),
    "with an algorithm that is a list": (lambda: assembled(b'{"alg":["HS256"]}', b"{}"), "it is not signed"),
    "with a header that is no object": (lambda: assembled(b"[]", b"{}"), "it is malformed"),
    "of two parts": (lambda: "a.b", "it is malformed"),
    "of nonsense": (lambda: "nonsense", "it is malformed"),
    "of no ASCII": (lambda: "\xff\xfe.\xff.\xff", "it is malformed"),
    "in two words": (lambda: "a b", "it is not of the form"),
    "of nothing": (lambda: "", "it is not of the form"),
}  # fmt: skip


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Any:
    """What was logged of identities until now."""
    caplog.set_level(logging.INFO)
    return lambda: [record.getMessage() for record in caplog.records if record.name == LOG]


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_token_is_refused_and_told_once_without_itself(told, caplog, kind):
    make, reason = BAD[kind]
    bad = make()
    assert_problem(asked(bearer=bad), 401, "UNAUTHORIZED")
    [line] = told()
    assert reason in line and "127.0.0.1" in line
    parts = [part for part in bad.split(".") if len(part) > 20]
    assert not [part for part in parts if part in caplog.text]
    assert not User.objects.filter(pk=MARIA).exists()


@pytest.mark.parametrize("kind", [kind for kind, (_make, reason) in BAD.items() if "form" not in reason])
def test_the_cookie_is_no_way_around(told, kind):
    bad = BAD[kind][0]()
    assert_problem(asked(cookies={"okla_access_token": bad}), 401, "UNAUTHORIZED")
    assert len(told()) == 1


def test_nobody_at_all_is_refused_without_a_word_in_the_log(told):
    response = asked()
    assert_problem(response, 401, "UNAUTHORIZED")
    assert response["WWW-Authenticate"] == "Bearer, Token"
    assert told() == []


@pytest.mark.parametrize("roles", [None, [], "Dealer", ["User", "Seller"], "admin", ["Compliance"], 7, {"a": "Admin"}])
def test_without_a_role_that_counts_somebody_is_known_and_may_nothing(told, roles):
    response = asked(bearer=token(**{ROLE: roles}))
    assert_problem(response, 403, "FORBIDDEN")
    [line] = told()
    assert "no role that counts" in line and str(MARIA) in line
    assert not User.objects.filter(pk=MARIA).exists()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {ROLE: "Admin"},
        {ROLE: None, "role": "Admin"},
        {ROLE: ["User"], "role": ["x", "Admin"]},
        {"temp_token": "false"},
        {"aud": ["another", AUDIENCE]},
    ],
    ids=str,
)
def test_an_admin_of_okla_is_admin(told, changes):
    assert asked(bearer=token(**changes)).status_code == 200
    assert told() == []


@pytest.mark.parametrize(
    ("claim", "seconds", "is_good"),
    [
        ("exp", -29, True),
        ("exp", -30, False),
        ("nbf", 30, True),
        ("nbf", 31, False),
        ("iat", 30, True),
        ("iat", 31, False),
    ],
)
def test_clocks_may_differ_by_half_a_minute(claim, seconds, is_good):
    with time_machine.travel(1_800_000_000, tick=False):
        given = token(**{claim: 1_800_000_000 + seconds}).encode()
        if is_good:
            assert read(given, Rules.current()).user_id == MARIA
            return
        with pytest.raises(BadToken):
            read(given, Rules.current())


def test_the_scheme_is_read_in_any_case():
    assert asked(headers={"Authorization": f"bearer  {token()}"}).status_code == 200


def test_what_they_do_carries_their_name():
    created = asked("POST", bearer=token(), body=NEW_JOB)
    assert created.status_code == 201
    assert created.json()["createdByUserId"] == str(MARIA)
    run = asked("POST", f"{JOBS}/{created.json()['id']}/run-now", bearer=token())
    assert run.json()["triggeredBy"] == str(MARIA)
    maria = User.objects.get(pk=MARIA)
    assert (maria.username, maria.first_name, maria.email) == ("maria@okla.com.do", "María Pérez", "maria@okla.com.do")
    assert not maria.has_usable_password() and not maria.is_staff and not maria.groups.exists()


def test_a_name_that_has_changed_is_kept_and_one_that_has_not_costs_no_write(django_assert_num_queries):
    asked(bearer=token())
    asked(bearer=token(**{f"{CLAIMS}name": "María P. de\0 Gómez" + "z" * 200}))
    assert User.objects.get(pk=MARIA).first_name == ("María P. de Gómez" + "z" * 200)[:150]
    again = token(**{f"{CLAIMS}name": None})
    with django_assert_num_queries(1):
        assert asked("GET", "/api/scheduler/job-types", bearer=again).status_code == 200


@pytest.mark.parametrize("email", [None, "a" * 151 + "@okla.com.do", "somebody"])
def test_whoever_cannot_be_called_by_their_address_is_called_by_their_id(email):
    User.objects.create_user("somebody")
    assert asked(bearer=token(**{f"{CLAIMS}emailaddress": email})).status_code == 200
    assert User.objects.get(pk=MARIA).username == str(MARIA)


def test_a_role_that_was_taken_away_counts_no_more_whatever_is_stored_here():
    asked(bearer=token())
    User.objects.filter(pk=MARIA).update(is_superuser=True)
    assert_problem(asked(bearer=token(**{ROLE: "Dealer"})), 403, "FORBIDDEN")


def test_somebody_who_was_deactivated_here_is_kept_out(told):
    asked(bearer=token())
    User.objects.filter(pk=MARIA).update(is_active=False)
    assert_problem(asked(bearer=token()), 401, "UNAUTHORIZED")
    assert "not active here" in told()[-1]


def test_the_token_that_this_service_shows_its_neighbours_opens_nothing_here(told):
    """It carries the role Admin, and a neighbour that gets it could show it here."""
    assert_problem(asked(bearer=token(sub=str(SYSTEM_USER_ID))), 401, "UNAUTHORIZED")
    assert "not active here" in told()[-1]


# --- Roles by configuration -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("role", "status"), [("Buyer", 403), ("PlatformEmployee", 403), ("Helper", 202), ("Admin", 202)]
)
def test_other_roles_of_okla_get_what_is_configured(authservice, role, status):
    authservice.SCHEDULER_JWT_ROLES = {"Admin": Role.ADMIN, "PlatformEmployee": Role.VIEWER, "Helper": Role.OPERATOR}
    job = a_job()
    bearer = token(**{ROLE: ["Compliance", role]})
    assert asked("GET", bearer=bearer).status_code == (403 if role == "Buyer" else 200)
    assert asked("POST", f"{JOBS}/{job.id}/run-now", bearer=bearer).status_code == status
    assert asked("POST", bearer=bearer, body=NEW_JOB).status_code == (201 if role == "Admin" else 403)


# --- Keys -------------------------------------------------------------------------------------------------------------
def test_while_keys_change_both_are_believed_and_afterwards_one(authservice):
    authservice.SCHEDULER_JWT_SECOND_KEY = OTHER_KEY
    assert [asked(bearer=token(key=key)).status_code for key in (KEY, OTHER_KEY)] == [200, 200]
    authservice.SCHEDULER_JWT = {"key": OTHER_KEY, "issuer": ISSUER, "audience": AUDIENCE}
    authservice.SCHEDULER_JWT_SECOND_KEY = ""
    assert [asked(bearer=token(key=key)).status_code for key in (KEY, OTHER_KEY)] == [401, 200]


@pytest.mark.parametrize("missing", [{"key": ""}, {"issuer": ""}, {"audience": ""}, {"key": "short"}], ids=str)
def test_without_key_issuer_and_audience_no_token_is_believed(authservice, told, missing):
    authservice.SCHEDULER_JWT = {"key": KEY, "issuer": ISSUER, "audience": AUDIENCE, **missing}
    changes = {"iss": None} if "issuer" in missing else {"aud": None} if "audience" in missing else {}
    bearer = signed_with(b"short") if missing.get("key") else token(**changes)
    assert_problem(asked(bearer=bearer), 401, "UNAUTHORIZED")
    assert "not all configured" in told()[0]


# --- The cookie -------------------------------------------------------------------------------------------------------
def changing(cookies: dict[str, str], headers: dict[str, str]) -> Any:
    return asked("POST", body=NEW_JOB, cookies={"okla_access_token": token(), **cookies}, headers=headers)


def test_the_cookie_reads_without_more():
    assert asked(cookies={"okla_access_token": token()}).status_code == 200


@pytest.mark.parametrize("origin", [None, "http://testserver", "https://okla.com.do", "https://admin.okla.com.do"])
def test_the_cookie_changes_something_where_the_request_was_meant(authservice, origin):
    authservice.CSRF_TRUSTED_ORIGINS = ["https://okla.com.do", "https://*.okla.com.do"]
    headers = {"X-CSRF-Token": "abc", **({"Origin": origin} if origin else {})}
    assert changing({"csrf_token": "abc"}, headers).status_code == 201


@pytest.mark.parametrize(
    ("cookies", "headers"),
    [
        ({}, {}),
        ({"csrf_token": "abc"}, {}),
        ({}, {"X-CSRF-Token": "abc"}),
        ({"csrf_token": ""}, {"X-CSRF-Token": ""}),
        ({"csrf_token": "abc"}, {"X-CSRF-Token": "abd"}),
        ({"csrf_token": "abc"}, {"X-CSRF-Token": "abc", "Origin": "https://evil.example"}),
        ({"csrf_token": "abc"}, {"X-CSRF-Token": "abc", "Origin": "null"}),
        ({"csrf_token": "abc"}, {"X-CSRF-Token": "abc", "Origin": "http://testserver.evil.example"}),
        ({"csrf_token": "abc"}, {"X-CSRF-Token": "abc", "Origin": "http://[evil"}),
    ],
)
def test_a_request_that_may_be_forged_changes_nothing(authservice, told, cookies, headers):
    authservice.CSRF_TRUSTED_ORIGINS = ["https://*.okla.com.do"]
    assert_problem(changing(cookies, headers), 403, "FORBIDDEN")
    assert ["may be forged" in line for line in told()] == [True]
    assert not ScheduledJob.objects.exists()


def test_a_header_needs_no_such_proof_and_goes_before_the_cookie():
    assert asked("POST", body=NEW_JOB, bearer=token(), cookies={"okla_access_token": "nonsense"}).status_code == 201


def test_an_expired_cookie_is_nothing_to_whoever_is_signed_in_here(client):
    client.force_login(User.objects.create_superuser("somebody"))
    client.cookies["okla_access_token"] = token(exp=1)
    assert client.get(JOBS).status_code == 200
