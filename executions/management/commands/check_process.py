"""`manage.py check_process worker|beat`: the same as `python -m executions.vitals`, which starts ten times as fast."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from executions.vitals.file import KINDS, read


class Command(BaseCommand):
    help = "Says whether the worker or the beat of this machine works, by its sign of life, and exits with 1 if not."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("kind", choices=KINDS)

    def handle(self, *args: Any, kind: str, **options: Any) -> None:
        works, why = read(kind)
        if not works:
            raise CommandError(why)
        self.stdout.write(why)
