"""The three roles. Viewer reads; operator also runs, retries, cancels, pauses; admin does everything."""

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Union

from django.core.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from scheduler_project.identity.models import User


class Role(IntEnum):
    NONE = 0
    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3


NAMED = {role.name.lower(): role for role in (Role.VIEWER, Role.OPERATOR, Role.ADMIN)}


def role_of(user: Union["User", "AnonymousUser"]) -> Role:
    """What the user may do in this request: what their credential says, or else what they may do at all."""
    if not user.is_authenticated or not user.is_active:
        return Role.NONE
    if user.acts_as is None:
        user.acts_as = own_role(user)  # asked dozens of times a page: the groups are read once per user object
    return user.acts_as


def own_role(user: "User") -> Role:
    """A superuser is admin; else the highest of the Django groups named after the roles."""
    if user.is_superuser:
        return Role.ADMIN
    return highest([name.lower() for name in user.groups.values_list("name", flat=True)], NAMED)


def mapped(variable: str, parts: Sequence[str]) -> dict[str, Role]:
    """OKLA's roles and ours, from `Admin=admin`. Raises ImproperlyConfigured that names the variable and the part."""
    found = {}
    for part in parts:
        theirs, _, ours = (word.strip() for word in part.partition("="))
        if not theirs or ours not in NAMED:
            raise ImproperlyConfigured(
                f"{variable}: {part!r} is not of the form name=role with one of the roles {', '.join(NAMED)};"
                " separate several by commas"
            )
        found[theirs] = NAMED[ours]
    return found


def highest(names: Sequence[str], mapping: Mapping[str, Role]) -> Role:
    return max((mapping[name] for name in names if name in mapping), default=Role.NONE)
