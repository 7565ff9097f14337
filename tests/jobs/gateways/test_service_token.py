"""The token for the neighbours: what they check, they find."""

import jwt
import pytest
import time_machine

from jobs.gateways.errors import GatewayError, NotConfigured
from jobs.gateways.service_token import ROLE_URI, SYSTEM_USER_ID, ServiceToken

KEY = "a key that OKLA's services share, of 32 bytes and more"


def a_token(**changes: str) -> ServiceToken:
    return ServiceToken(**{"key": KEY, "issuer": "OklaService", "audience": "Okla-App", **changes})


def claims(token: str) -> dict:
    """As a service reads them: signature, issuer and audience checked, no difference between clocks allowed."""
    required = {"require": ["exp", "iat", "nbf", "jti", "sub"]}
    return jwt.decode(token, KEY, ["HS256"], issuer="OklaService", audience="Okla-App", options=required)


def test_a_service_that_shares_the_key_accepts_it() -> None:
    found = claims(a_token().value())
    assert found["sub"] == SYSTEM_USER_ID
    assert found[ROLE_URI] == "Admin"
    assert found["role"] == ["admin", "notification-admin"]


def test_it_holds_for_five_minutes_and_no_longer() -> None:
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        token = a_token().value()
        clock.shift(299)
        claims(token)
        clock.shift(2)
        with pytest.raises(jwt.ExpiredSignatureError):
            claims(token)


def test_a_service_whose_clock_is_half_a_minute_behind_accepts_it() -> None:
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        token = a_token().value()
        clock.shift(-30)
        claims(token)


def test_it_is_used_again_and_made_anew_before_it_ends() -> None:
    token = a_token()
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        first = token.value()
        clock.shift(179)
        assert token.value() == first
        clock.shift(2)
        second = token.value()
        assert second != first
        assert claims(second)["jti"] != jwt.decode(first, options={"verify_signature": False})["jti"]


def test_it_travels_as_a_bearer_token() -> None:
    token = a_token()
    assert token.headers() == {"Authorization": f"Bearer {token.value()}"}


def test_without_issuer_and_audience_it_claims_none() -> None:
    found = jwt.decode(a_token(issuer="", audience="").value(), KEY, ["HS256"])
    assert not {"iss", "aud"} & set(found)


def test_without_a_key_it_names_the_variable() -> None:
    token = a_token(key="")
    assert not token.is_configured
    with pytest.raises(NotConfigured, match="set Jwt__Key") as fault:
        token.value()
    assert fault.value.permanent


@pytest.mark.parametrize("key", ["short", "x" * 31])
def test_a_key_too_short_to_be_one_is_refused(key: str) -> None:
    with pytest.raises(GatewayError, match="Jwt__Key is too short") as fault:
        a_token(key=key).headers()
    assert fault.value.permanent


def test_a_key_of_another_kind_is_refused() -> None:
    with pytest.raises(GatewayError, match="Jwt__Key cannot sign") as fault:
        a_token(key="-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----").value()
    assert fault.value.permanent
