"""The app `identity`: people, roles and API tokens."""

from typing import Any

from django.apps import AppConfig
from django.core import checks
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class IdentityConfig(AppConfig):
    name = "scheduler_project.identity"
    label = "identity"
    verbose_name = _("People and access")

    def ready(self) -> None:
        from scheduler_project.identity.checks import token_keys

        post_migrate.connect(_install_roles, sender=self)
        checks.register(token_keys, checks.Tags.security)


def _install_roles(**_kwargs: Any) -> None:
    """After each `migrate`: a Django group for each role, and the system user, whom the predefined jobs belong to."""
    from django.contrib.auth.models import Group

    from jobs.models import SYSTEM_USER_ID
    from scheduler_project.identity.models import User
    from scheduler_project.identity.roles import NAMED

    for name in NAMED:
        Group.objects.get_or_create(name=name)
    User.objects.get_or_create(id=SYSTEM_USER_ID, defaults={"username": "system", "is_active": False, "password": "!"})
