"""`manage.py check`: job types load, gateways can be built; with `--database default` also that the mirror agrees."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from jobs import gateways, periodic, registry
from jobs.gateways.mappings import MappingFault
from jobs.models import ScheduledJob


@register()
def job_types_load(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    try:
        registry.load(settings.SCHEDULER_JOB_TYPES)
    except ImproperlyConfigured as fault:
        return [Error(str(fault), hint="Correct SCHEDULER_EXTRA_JOB_TYPES.", id="jobs.E001")]
    return []


@register()
def gateways_can_be_built(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    try:
        gateways.current()
    except MappingFault as fault:
        hint = "Correct the file, or SCHEDULER_TABLE_MAPPING. Against the databases: python manage.py check_mapping"
        return [Error(str(fault), hint=hint, id="jobs.E003")]
    except ImproperlyConfigured as fault:
        return [Error(str(fault), id="jobs.E002")]
    return []


@register(Tags.database)
def mirror_agrees(app_configs: Any, databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    if "default" not in (databases or ()):
        return []
    if ScheduledJob._meta.db_table not in connections["default"].introspection.table_names():
        return []  # before the first migrate
    hint = "Run: python manage.py rebuild_periodic_tasks"
    return [
        Warning(f"django-celery-beat differs from the jobs: {difference}", hint=hint, id="jobs.W001")
        for difference in periodic.drift(ScheduledJob.objects.live())
    ]
