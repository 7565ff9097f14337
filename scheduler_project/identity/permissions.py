"""What a view asks of its caller: a view names the role of each action in `roles`, by default viewer reads, admin writes."""

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from scheduler_project.identity.roles import Role, role_of


class RolePermission(BasePermission):
    def has_permission(self, request: Request, view: APIView) -> bool:
        return role_of(request.user) >= required_role(request, view)


def required_role(request: Request, view: APIView) -> Role:
    """`view.roles` maps an action (or a method, for plain views) to the name of a role."""
    roles: dict[str, str] = getattr(view, "roles", {})
    name = roles.get(getattr(view, "action", None) or "") or roles.get(str(request.method))
    if name:
        return Role[name.upper()]
    return Role.VIEWER if request.method in SAFE_METHODS else Role.ADMIN
