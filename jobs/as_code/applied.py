"""What a file of schedules made of a job: the base against which edits made elsewhere are seen."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class AppliedRevision(models.Model):
    """The revision of a job that the last `apply` left or found right, and the set of schedules that it stands in.

    The definition itself is in the ScheduleRevision of that version: it is kept once.
    """

    job = models.OneToOneField(
        "jobs.ScheduledJob", on_delete=models.CASCADE, primary_key=True, related_name="applied", verbose_name=_("job")
    )
    set_name = models.CharField(_("set of schedules"), max_length=100)
    version = models.PositiveIntegerField(_("version"))
    removed_at = models.DateTimeField(_("removed at"), null=True)  # since when the file has it no more

    class Meta:
        verbose_name = _("applied revision")
        verbose_name_plural = _("applied revisions")
        indexes = [models.Index(fields=["set_name"], name="applied_of_set")]

    def __str__(self) -> str:
        return f"{self.set_name} {self.job_id} v{self.version}"
