"""`manage.py ensure_access`: the superuser and the API token that the environment presets."""

import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from scheduler_project.env import DEVELOPMENT_PASSWORDS, DEVELOPMENT_TOKENS
from scheduler_project.identity.models import ApiToken, User

USERNAME = "admin"
MINIMUM_TOKEN_LENGTH = 20


class Command(BaseCommand):
    help = (
        "Creates the superuser 'admin' with SCHEDULER_ADMIN_PASSWORD and an API token with the key "
        "SCHEDULER_API_TOKEN. May be repeated; what is not set in the environment is left as it is."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        password, key = os.environ.get("SCHEDULER_ADMIN_PASSWORD"), os.environ.get("SCHEDULER_API_TOKEN")
        if key and len(key) < MINIMUM_TOKEN_LENGTH:
            raise CommandError(f"SCHEDULER_API_TOKEN must have at least {MINIMUM_TOKEN_LENGTH} characters.")
        if settings.IS_PRODUCTION and (password in DEVELOPMENT_PASSWORDS or key in DEVELOPMENT_TOKENS):
            raise CommandError(
                "SCHEDULER_ENVIRONMENT is production: SCHEDULER_ADMIN_PASSWORD and SCHEDULER_API_TOKEN must have values"
                " of their own, not those of .env.example."
            )
        admin, created = User.objects.get_or_create(
            username=USERNAME, defaults={"is_staff": True, "is_superuser": True, "password": "!"}
        )
        if password and not admin.check_password(password):
            admin.set_password(password)
            admin.save(update_fields=["password"])
        if key:
            token, _key = ApiToken.issue(owner=admin, name="SCHEDULER_API_TOKEN", key=key)
            if token.revoked_at:
                self.stderr.write("SCHEDULER_API_TOKEN was revoked and stays so: set another key.")
        self.stdout.write(f"User {USERNAME!r} {'created' if created else 'is there'}.")
