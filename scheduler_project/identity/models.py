"""Who calls: people, and the API tokens that act for them."""

import hashlib
import secrets
import uuid
from datetime import datetime

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class User(AbstractUser):
    """A person or the system itself. Keys are uuids, as OKLA's AuthService issues them."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)


class ApiToken(models.Model):
    """A key that acts as its owner. Only a hash of it is stored: the key itself is shown once."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens", verbose_name=_("owner"))
    name = models.CharField(_("name"), max_length=100)
    key_hash = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True)

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")

    def __str__(self) -> str:
        return self.name

    @classmethod
    def issue(cls, *, owner: User, name: str, key: str | None = None) -> tuple["ApiToken", str]:
        """A new token and its key in clear. Issuing the same `key` again returns the token that has it."""
        key = key or secrets.token_urlsafe(32)
        token, _created = cls.objects.update_or_create(
            key_hash=fingerprint(key), defaults={"owner": owner, "name": name, "revoked_at": None}
        )
        return token, key

    @classmethod
    def find(cls, key: str) -> "ApiToken | None":
        return cls.objects.select_related("owner").filter(key_hash=fingerprint(key)).first()

    def is_usable(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now) and self.owner.is_active


def fingerprint(key: str) -> str:
    """SHA-256 in hex. Keys are random and long, so neither a salt nor a slow hash adds anything."""
    return hashlib.sha256(key.encode()).hexdigest()
