"""What the settings say of identities, and what `manage.py check` says of the settings."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from scheduler_project.identity import roles
from scheduler_project.identity.checks import token_keys
from scheduler_project.identity.roles import Role
from tests.identity.okla import AUDIENCE, ISSUER, KEY, OTHER_KEY

GOOD = {"key": KEY, "issuer": ISSUER, "audience": AUDIENCE}


def test_okla_roles_are_mapped_to_ours():
    found = roles.mapped("SCHEDULER_JWT_ROLES", ["Admin=admin", " PlatformEmployee = viewer "])
    assert found == {"Admin": Role.ADMIN, "PlatformEmployee": Role.VIEWER}
    assert roles.highest(["User", "PlatformEmployee", "Admin"], found) == Role.ADMIN
    assert roles.highest(["User"], found) == Role.NONE


def test_by_default_an_admin_is_admin_and_nobody_else_is_anything(settings):
    assert settings.SCHEDULER_JWT_ROLES == {"Admin": Role.ADMIN}


@pytest.mark.parametrize("part", ["Admin", "Admin=", "=admin", "Admin=root", "Admin=none", "Admin=ADMIN"])
def test_a_mapping_that_is_none_names_its_variable(part):
    with pytest.raises(ImproperlyConfigured, match=f"SCHEDULER_JWT_ROLES: '{part}'.*viewer, operator, admin"):
        roles.mapped("SCHEDULER_JWT_ROLES", [part])


@pytest.mark.parametrize(
    ("ours", "second", "found"),
    [
        (dict.fromkeys(GOOD, ""), "", []),
        (GOOD, "", []),
        (GOOD, OTHER_KEY, []),
        ({**GOOD, "key": "k" * 31}, "", ["identity.E001"]),
        ({**GOOD, "key": "ñ" * 16}, "", []),  # 32 bytes
        (GOOD, "short", ["identity.E001"]),
        ({**GOOD, "issuer": ""}, "", ["identity.W001"]),
        ({**GOOD, "audience": ""}, "", ["identity.W001"]),
        ({**GOOD, "key": ""}, OTHER_KEY, ["identity.W001"]),
    ],
)
def test_the_check_finds_keys_that_are_too_short_and_parts_that_are_missing(settings, ours, second, found):
    settings.SCHEDULER_JWT, settings.SCHEDULER_JWT_SECOND_KEY = ours, second
    messages = token_keys()
    assert [message.id for message in messages] == found
    assert not [message for message in messages if "short" in message.msg or "kkk" in message.msg]
