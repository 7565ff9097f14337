"""What is there when the API is asked at random: jobs, runs of every status, alerts and a report."""

import json
from typing import Any

import django


def make(count: int) -> dict[str, list[str]]:
    """By the names that stand in the routes' brackets."""
    from django.db.models.functions import Now

    from executions.models import Alert, Artifact
    from tests.factories import FAILED, a_job, a_run, ended, started

    found: dict[str, list[str]] = {"job_id": [], "execution_id": [], "alert_id": [], "name": ["report.html"]}
    for number in range(count):
        job = a_job(f"job {number}", overlap_policy="Allow", parameters={} if number % 2 else None)
        runs = [a_run(job), started(job), ended(started(job), output="a line\n"), ended(started(job), FAILED)]
        for run in runs:
            Artifact.objects.create(
                execution_id=run.id, name="report.html", content_type="text/html", size=2, content=b"hi"
            )
        alert = Alert.objects.create(rule="job", job=job, subject="odd", opened_at=Now())
        found["job_id"].append(str(job.id))
        found["execution_id"] += [str(run.id) for run in runs]
        found["alert_id"].append(str(alert.id))
    return found


def main() -> None:
    django.setup()
    made: Any = make(150)
    print(json.dumps(made))


if __name__ == "__main__":
    main()
