"""The verbs of `manage.py jobs`: each asks the place, shows what it says, and gives the exit code."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from executions.command_line import plan_texts, texts, waiting
from executions.command_line.console import Console
from executions.command_line.place import Exit, Json, Place, Refusal
from jobs import cron
from jobs.as_code.exporting import export

DUE_TIMES_SHOWN = 5
RUNS_SHOWN = 5
FILTERS = ("status", "jobType", "queue", "search", "order")
RUN_FILTERS = ("status", "trigger", "from", "to", "search")


def list_jobs(place: Place, console: Console, options: Json) -> Exit:
    jobs = list(place.jobs({name: options[name] for name in FILTERS if options[name]}))
    if console.as_json:
        console.json(jobs)
    else:
        console.table(texts.JOB_COLUMNS, map(texts.job_row, jobs))
    return Exit.DONE


def show(place: Place, console: Console, options: Json) -> Exit:
    job = place.job(options["job"])
    due_times = place.due_times(job, DUE_TIMES_SHOWN)
    runs = place.history(job, {}, limit=RUNS_SHOWN)
    if console.as_json:
        console.json({**job, "nextExecutions": due_times, "executions": runs})
        return Exit.DONE
    console.facts(texts.job_facts(job))
    if due_times:
        console.write("")
        console.table(("NEXT", "REMARK"), map(texts.due_row, due_times))
    if runs:
        console.write("")
        console.table(texts.RUN_COLUMNS, (texts.run_row(run, job["timeZone"]) for run in runs))
    return Exit.DONE


def history(place: Place, console: Console, options: Json) -> Exit:
    job = place.job(options["job"]) if options["job"] else None
    filters = {name: options[name] for name in RUN_FILTERS if options[name]}
    runs = place.history(job, filters, limit=options["limit"])
    zone = job["timeZone"] if job else cron.DEFAULT_TIME_ZONE
    if console.as_json:
        console.json(runs)
    elif job:
        console.table(texts.RUN_COLUMNS, (texts.run_row(run, zone) for run in runs))
    else:
        console.table(("JOB", *texts.RUN_COLUMNS), ((run["jobName"], *texts.run_row(run, zone)) for run in runs))
    return Exit.DONE


def change(place: Place, console: Console, options: Json) -> Exit:
    """Each job for itself: what one refuses holds up no other. The last refusal gives the exit code."""
    code, changed = Exit.DONE, []
    answers = {name: options[name] for name in ("reason", "until") if options.get(name)}
    for name in options["jobs"]:
        try:
            changed.append(place.change(place.job(name), options["verb"], answers))
        except Refusal as refusal:
            if len(options["jobs"]) == 1:
                raise
            console.error(f"{name}: {refusal}")
            code = refusal.code
    if console.as_json:
        console.json(changed)
    elif changed:
        console.table(texts.JOB_COLUMNS, map(texts.job_row, changed))
    return code


def run(place: Place, console: Console, options: Json) -> Exit:
    job = place.job(options["job"])
    request = {name: options[name] for name in ("parameters", "scheduledFor") if options[name] is not None}
    asked = place.run(job, request, idempotency_key=options["idempotency_key"])
    if options["wait"]:
        asked = waiting.wait(place, asked, seconds=options["timeout"])
    if console.as_json:
        console.json(asked)
    else:
        console.facts(texts.run_facts(asked, job["timeZone"]))
    return waiting.outcome(asked) if options["wait"] else Exit.DONE


def write_file(place: Place, console: Console, options: Json) -> Exit:
    chosen = set(options["jobs"])
    definitions = [each for each in place.definitions() if not chosen or {each["key"], each["name"]} & chosen]
    missing = chosen - {name for each in definitions for name in (each["key"], each["name"])}
    if missing:
        raise Refusal(f"There is no job of this key or name: {', '.join(sorted(missing))}", Exit.NOT_FOUND)
    if console.as_json:
        console.json(definitions)
    else:
        console.write(export(definitions, set_name=options["set"]).rstrip("\n"))
    return Exit.DONE


def plan(place: Place, console: Console, options: Json) -> Exit:
    file = options["file"]
    made = place.plan(_text(file), file=_called(file), choices=_choices(options))
    _tell_plan(made, console)
    counts = made["counts"]
    is_settled = not any(counts[word] for word in counts if word not in ("unchanged", "kept"))
    return Exit.DONE if is_settled else Exit.CHANGES


def apply(place: Place, console: Console, options: Json) -> Exit:
    file = options["file"]
    _tell_plan(place.apply(_text(file), file=_called(file), choices=_choices(options)), console)
    return Exit.DONE


def _tell_plan(made: Json, console: Console) -> None:
    if console.as_json:
        console.json(made)
    else:
        plan_texts.show(made, console)


def _choices(options: Json) -> Json:
    return {
        "takeOver": options["take_over"], "takeOverAll": options["take_over_all"], "keepEdits": options["keep_edits"],
    }  # fmt: skip


def _called(file: str) -> str:
    return "stdin" if file == "-" else file


def _text(file: str) -> str:
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = content.count(b"\n", 0, fault.start) + 1
        raise Refusal(f"{file}:{line}: This is not UTF-8. Save the file in that encoding.") from None
    except OSError as fault:
        raise Refusal(f"{file}: {fault.strerror}.") from None


VERBS: dict[str, Callable[[Place, Console, dict[str, Any]], Exit]] = {
    "list": list_jobs, "show": show, "run": run, "pause": change, "resume": change, "enable": change,
    "disable": change, "history": history, "export": write_file, "plan": plan, "apply": apply,
}  # fmt: skip
