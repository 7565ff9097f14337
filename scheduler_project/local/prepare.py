"""Migrations, the predefined jobs and the admin's access, in one process instead of two."""

import os

import django
from django.core.management import call_command

from scheduler_project.local.commands import PREPARE


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scheduler_project.settings")
    django.setup()
    for _, command, *arguments in PREPARE:
        call_command(command, *arguments, skip_checks=False)  # a bad mapping, say, is told before anything starts


if __name__ == "__main__":
    main()
