from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class IdentityConfig(AppConfig):
    name = "scheduler_project.identity"
    label = "identity"
    verbose_name = _("People and access")
