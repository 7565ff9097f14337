"""`manage.py rebuild_periodic_tasks`: make django-celery-beat's rows agree with the jobs."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from jobs import periodic
from jobs.models import ScheduledJob


class Command(BaseCommand):
    help = "Writes the CrontabSchedule and PeriodicTask of every live job anew, and says what differed."

    def handle(self, *args: Any, **options: Any) -> None:
        with transaction.atomic():
            jobs = list(ScheduledJob.objects.live().select_for_update(no_key=True))
            differences = periodic.drift(jobs)
            periodic.rebuild(jobs)
        for difference in differences:
            self.stdout.write(difference)
        self.stdout.write(self.style.SUCCESS(f"{len(jobs)} jobs mirrored, {len(differences)} differences mended."))
