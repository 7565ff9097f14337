"""`manage.py jobs`: list, show, run, pause, plan and apply jobs, here or there (docs/schedules_as_code.md)."""

import os
import shutil
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from executions.command_line import arguments, plan_texts
from executions.command_line.console import Console
from executions.command_line.here import Here
from executions.command_line.place import Exit, Place, Refusal
from executions.command_line.there import There
from executions.command_line.verbs import VERBS


class Command(BaseCommand):
    help = (
        "Jobs and schedules as code. Exit codes: 0 done, 1 fault, 2 plan has changes, 3 not found, 4 refused by a state"
        " or an edit, 5 run failed, 6 run cancelled, skipped or missed, 7 run goes on, 8 no access, 64 usage."
    )
    requires_system_checks: list[str] = []

    def run_from_argv(self, argv: list[str]) -> None:
        """A wrong argument ends with 64: argparse's own 2 is that of a plan with changes."""
        self._called_from_command_line = True
        try:
            self.create_parser(argv[0], argv[1]).parse_args(argv[2:])
        except SystemExit as end:
            sys.exit(Exit.USAGE if end.code else Exit.DONE)
        super().run_from_argv(argv)

    def add_arguments(self, parser: CommandParser) -> None:
        arguments.add(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        console = self._console(as_json=options["json"])
        try:
            code = VERBS[options["verb"]](_place(options), console, options)
        except Refusal as refusal:
            raise self._told(refusal, console) from None
        if code:
            sys.exit(code)

    def _console(self, *, as_json: bool) -> Console:
        width = shutil.get_terminal_size().columns if self.stdout.isatty() else None
        return Console(self.stdout.write, self.stderr.write, width, self.style, as_json)

    def _told(self, refusal: Refusal, console: Console) -> CommandError:
        if console.as_json and refusal.told is not None:
            console.json(refusal.told)
        elif refusal.told and "jobs" in refusal.told:
            plan_texts.show(refusal.told, console)
        for line in refusal.lines:
            self.stderr.write(line)
        return CommandError(str(refusal), returncode=refusal.code)


def _place(options: dict[str, Any]) -> Place:
    url = os.environ.get("SCHEDULER_URL", "") if options["url"] is None else options["url"]
    if not url:
        return Here(options["user"])
    if options["user"]:
        raise Refusal("--as is for here: another instance knows you by the token.", Exit.USAGE)
    return There(url, os.environ.get("SCHEDULER_API_TOKEN", ""))
