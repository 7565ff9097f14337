"""The records of the audit trail. The database itself lets nobody change them or take them away."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _


class Means(models.TextChoices):
    """With what somebody showed who they are."""

    SESSION = "Session", _("Session")
    TOKEN = "Token", _("API token")
    BEARER = "Bearer", _("Token of OKLA's")
    COMMAND = "Command", _("Command")
    SYSTEM = "System", _("System")


class Record(models.Model):
    """Who did what to what. Names are kept as they were then; nothing here refers to a row that may go.

    Django does not manage the table (`managed`), so that `flush` leaves it alone: a change of these fields needs SQL of
    its own in its migration.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)  # sorts by `at`, as executions' do
    at = models.DateTimeField(_("at"))
    user_id = models.UUIDField(_("user id"), null=True)
    user_name = models.CharField(_("who"), max_length=150, blank=True)
    means = models.CharField(_("with what"), max_length=10, choices=Means.choices)
    credential = models.CharField(_("name of the token or command"), max_length=100, blank=True)
    address = models.CharField(_("address"), max_length=64, blank=True)
    correlation_id = models.CharField(_("correlation id"), max_length=128, blank=True)
    action = models.CharField(_("action"), max_length=40)
    subject_type = models.CharField(_("kind of subject"), max_length=20)
    subject_id = models.CharField(_("subject id"), max_length=100, blank=True)
    subject_name = models.CharField(_("subject"), max_length=200, blank=True)
    before = models.JSONField(_("before"), null=True)
    after = models.JSONField(_("after"), null=True)

    class Meta:
        managed = False
        db_table = "audit_record"
        verbose_name = _("audit record")
        verbose_name_plural = _("audit records")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.action} {self.subject_name}"
