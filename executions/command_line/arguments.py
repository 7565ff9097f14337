"""The arguments of `manage.py jobs`."""

import argparse
import json
from argparse import ArgumentTypeError
from typing import Any

from jobs.as_code.document import DEFAULT_SET

RUNS_LISTED = 20


def add(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    everywhere = _everywhere()

    def verb(name: str, text: str) -> argparse.ArgumentParser:
        return verbs.add_parser(name, help=text, description=text, parents=[everywhere])

    _list(verb("list", "The jobs, by name."))
    _one_job(verb("show", "One job: its definition, next due times and last executions."))
    _run(verb("run", "Run a job now, beside its schedule."))
    _pause(verb("pause", "Record due times as skipped from now on."))
    for name, text in (
        ("resume", "End a pause."),
        ("enable", "Put a disabled or paused job on the schedule."),
        ("disable", "Take a job off the schedule; its waiting runs are cancelled."),
    ):
        _jobs(verb(name, text))
    _history(verb("history", "The executions, the newest first."))
    _export(verb("export", "Write jobs as a file that apply reads as unchanged."))
    _file(verb("plan", "What apply would do. Exits with 0 when there is nothing to do, with 2 when there is."))
    _file(verb("apply", "Make the jobs what the file says, all or nothing. Jobs that left it are disabled."))


def _everywhere() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--json", action="store_true", help="Tell it as JSON.")
    parser.add_argument(
        "--url", default=None,
        help="Act at another instance, with the token in SCHEDULER_API_TOKEN. Default: SCHEDULER_URL, else here.",
    )  # fmt: skip
    parser.add_argument("--as", dest="user", default="", metavar="USER", help="Who asks, here. Default: the system.")
    return parser


def _list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--status", help="Enabled, Disabled or Paused.")
    parser.add_argument("--type", dest="jobType", metavar="JOB_TYPE")
    parser.add_argument("--queue")
    parser.add_argument("--search", metavar="TEXT", help="A part of the name, key, type or description.")
    parser.add_argument("--order", help="name, nextExecutionAt or createdAt; with - in front the other way round.")


def _one_job(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job", metavar="JOB", help="Its key, id or name.")


def _jobs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("jobs", nargs="+", metavar="JOB", help="Key, id or name.")


def _run(parser: argparse.ArgumentParser) -> None:
    _one_job(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--parameters", type=_object, metavar="JSON", help="In the place of the stored ones.")
    what.add_argument(
        "--dry-run", dest="parameters", action="store_const", const={"dryRun": True}, help="Do nothing, report."
    )
    parser.add_argument("--scheduled-for", dest="scheduledFor", metavar="ISO", help="A past due time, once more.")
    parser.add_argument("--idempotency-key", default="", metavar="KEY", help="The same key gives the same run.")
    parser.add_argument("--wait", action="store_true", help="Until the last attempt has ended; exits by its outcome.")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="With --wait: not longer than this.")


def _pause(parser: argparse.ArgumentParser) -> None:
    _jobs(parser)
    parser.add_argument("--reason", default="")
    parser.add_argument("--until", default="", metavar="ISO", help="It resumes then by itself.")


def _history(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job", nargs="?", metavar="JOB", help="Its key, id or name; without: all jobs.")
    parser.add_argument("--limit", type=_count, default=RUNS_LISTED, metavar="N", help=f"Default: {RUNS_LISTED}.")
    parser.add_argument("--status")
    parser.add_argument("--trigger", help="Schedule, Manual, Retry or CatchUp.")
    parser.add_argument("--from", metavar="ISO", help="Due at this instant or later.")
    parser.add_argument("--to", metavar="ISO", help="Due before it.")
    parser.add_argument("--search", metavar="TEXT", help="A part of the job's name or of the error message.")


def _export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("jobs", nargs="*", metavar="JOB", help="Key or name; without: all jobs.")
    parser.add_argument("--set", default=DEFAULT_SET, metavar="NAME", help="The set of schedules that it is to be.")


def _file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="YAML; - for standard input.")
    parser.add_argument(
        "--take-over", action="append", default=[], metavar="KEY", help="Overwrite what was edited of this job."
    )
    parser.add_argument("--take-over-all", action="store_true", help="Overwrite what was edited of any job.")
    parser.add_argument("--keep-edits", action="store_true", help="Leave edited jobs as they are, and apply the rest.")


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ArgumentTypeError(f"{text[:50]!r} is no JSON object.")
    return value


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:9]) <= 1_000_000:
        raise ArgumentTypeError(f"{text[:50]!r} is no number from 1 to 1000000.")
    return int(text)
