"""The roles answer Django's permission questions, so that the admin obeys them without rows of permissions to keep."""

from typing import Any

from django.contrib.auth.backends import BaseBackend

from scheduler_project.identity.roles import Role, role_of

# What a viewer may see and an operator may operate; everything else is an admin's (SPEC §9).
SEEN_APPS = frozenset({"jobs", "executions", "django_celery_beat"})


class RoleBackend(BaseBackend):
    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        return role_of(user_obj) >= needed_role(perm)

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        return role_of(user_obj) >= (Role.VIEWER if app_label in SEEN_APPS else Role.ADMIN)


def needed_role(perm: str) -> Role:
    """The role that a permission such as `jobs.operate_scheduledjob` asks for."""
    app_label, _, codename = perm.partition(".")
    if app_label in SEEN_APPS and codename.startswith("view_"):
        return Role.VIEWER
    if app_label in SEEN_APPS and codename.startswith("operate_"):
        return Role.OPERATOR
    return Role.ADMIN
