"""The app `demo`: a small OKLA to run against, for machines of one's own."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DemoConfig(AppConfig):
    name = "scheduler_project.demo"
    label = "demo"
    verbose_name = _("Demo")
