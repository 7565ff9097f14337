"""Who calls: people, and the API tokens that act for them."""

import hashlib
import secrets
import uuid
from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractUser
from django.db import models, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from jobs.deeds import Deed
from scheduler_project.identity.roles import NAMED, Role, own_role

# That it is in use is written down this often, and not with every request.
USE_IS_NOTED_EVERY = timedelta(minutes=1)


class User(AbstractUser):
    """A person or the system itself. Keys are uuids, as OKLA's AuthService issues them."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # The role in this request, kept with this object alone; None: not asked for yet, and no token said otherwise.
    acts_as: Role | None = None


class ApiToken(models.Model):
    """A key that acts as its owner, or in a lower role. Only a hash of it is stored: the key itself is shown once."""

    class Scope(models.TextChoices):
        OWNER = "", _("as its owner")
        VIEWER = "viewer", _("viewer: reads")
        OPERATOR = "operator", _("operator: also runs, pauses, resumes")
        ADMIN = "admin", _("admin: everything")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens", verbose_name=_("owner"))
    name = models.CharField(_("name"), max_length=100)
    role = models.CharField(
        _("role"), max_length=8, blank=True, choices=Scope, default=Scope.OWNER, db_default="",
        help_text=_("At most this role. Whatever it says, a token never does more than its owner may."),
    )  # fmt: skip
    key_hash = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used at"), null=True, editable=False)

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")

    def __str__(self) -> str:
        return self.name

    @classmethod
    def issue(
        cls, *, owner: User, name: str, key: str | None = None, role: str = "", expires_at: datetime | None = None
    ) -> tuple["ApiToken", str]:
        """A new token and its key in clear. With a `key` that is there: its token, still revoked if it was."""
        key = key or secrets.token_urlsafe(32)
        about = {"owner": owner, "name": name, "role": role, "expires_at": expires_at}
        with transaction.atomic():
            known = cls.objects.select_for_update().filter(key_hash=fingerprint(key)).first()
            before = known.terms if known else None
            token, created = cls.objects.update_or_create(key_hash=fingerprint(key), defaults=about)
            if before != token.terms:
                action = "TokenIssued" if created else "TokenChanged"
                Deed(action, "Token", token.pk, token.name, before=before, after=token.terms).tell()
        return token, key

    def revoke(self) -> bool:
        """For good. False where that was done before."""
        with transaction.atomic():
            is_first = bool(ApiToken.objects.filter(pk=self.pk, revoked_at=None).update(revoked_at=Now()))
            self.refresh_from_db(fields=["revoked_at"])
            if is_first:
                after = {"revoked_at": self.revoked_at, "owner": self.owner.get_username()}
                Deed("TokenRevoked", "Token", self.pk, self.name, before={"revoked_at": None}, after=after).tell()
        return is_first

    @property
    def terms(self) -> dict[str, object]:
        """What it was given, as the audit trail tells it."""
        return {
            "name": self.name, "owner": self.owner.get_username(), "role": self.role, "expires_at": self.expires_at,
        }  # fmt: skip

    @classmethod
    def find(cls, key: str) -> "ApiToken | None":
        return cls.objects.select_related("owner").filter(key_hash=fingerprint(key)).first()

    def is_usable(self, now: datetime) -> bool:
        return not self.unusable_because(now)

    def unusable_because(self, now: datetime) -> str:
        """For the log; empty when it is usable."""
        if self.revoked_at is not None:
            return "it was revoked"
        if self.expires_at is not None and self.expires_at <= now:
            return "it has expired"
        return "" if self.owner.is_active else "its owner is not active"

    def bearer(self) -> User:
        """The owner, for this request in the token's role."""
        self.owner.acts_as = min(own_role(self.owner), NAMED.get(self.role, Role.ADMIN))
        return self.owner

    def note_use(self, now: datetime) -> None:
        """Of several requests at the same moment one writes."""
        before = now - USE_IS_NOTED_EVERY
        if self.last_used_at is not None and self.last_used_at > before:
            return
        stale = Q(last_used_at=None) | Q(last_used_at__lte=before)
        ApiToken.objects.filter(stale, pk=self.pk).update(last_used_at=now)


def fingerprint(key: str) -> str:
    """SHA-256 in hex. Keys are random and long, so neither a salt nor a slow hash adds anything."""
    return hashlib.sha256(key.encode()).hexdigest()
