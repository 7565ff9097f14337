"""What a view asks of its caller: it names each action's role in `roles`; by default viewer reads, admin writes."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from scheduler_project.identity.roles import Role, role_of

if TYPE_CHECKING:
    from rest_framework.views import APIView


# A role's name, or a function that gives it for a request: some depend on what is asked.
RoleRule: TypeAlias = str | Callable[[Request], str]


class RolePermission(BasePermission):
    def has_permission(self, request: Request, view: "APIView") -> bool:
        role = role_of(request.user)
        return role > Role.NONE and role >= required_role(request, view)


def required_role(request: Request, view: "APIView") -> Role:
    """`view.roles` maps an action (or a method, for plain views) to the name of a role."""
    roles: dict[str, RoleRule] = getattr(view, "roles", {})
    rule = roles.get(getattr(view, "action", None) or "") or roles.get(str(request.method))
    if rule:
        return Role[(rule if isinstance(rule, str) else rule(request)).upper()]
    return Role.VIEWER if request.method in SAFE_METHODS else Role.ADMIN
