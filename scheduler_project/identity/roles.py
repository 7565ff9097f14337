"""The three roles. Viewer reads; operator also runs, retries, cancels, pauses; admin does everything."""

from enum import IntEnum
from typing import TYPE_CHECKING, Union

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from scheduler_project.identity.models import User


class Role(IntEnum):
    NONE = 0
    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3


def role_of(user: Union["User", "AnonymousUser"]) -> Role:
    """The highest role of a user: a superuser is admin, else by the Django groups named after the roles."""
    if not user.is_authenticated or not user.is_active:
        return Role.NONE
    if user.is_superuser:
        return Role.ADMIN
    names = {name.upper() for name in user.groups.values_list("name", flat=True)}
    return max((Role[name] for name in names & set(Role.__members__)), default=Role.NONE)
