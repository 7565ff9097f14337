"""The environment of every test, set before Django's settings are read."""

import os

SAMPLE_JOBS = ("NoOpJob", "DiaryJob", "FailingJob", "CrashingJob", "SweepingJob", "DeafJob", "StubbornJob")


def prepare() -> None:
    # A team that tests a job type of its own names it as for the service.
    given = os.environ.get("SCHEDULER_EXTRA_JOB_TYPES", "")
    types = [*(f"tests.sample_jobs.{name}" for name in SAMPLE_JOBS), *filter(None, [given])]
    os.environ.update(
        {
            "DJANGO_SETTINGS_MODULE": "scheduler_project.settings",
            "SCHEDULER_ENVIRONMENT": "development",
            "SCHEDULER_EXTRA_JOB_TYPES": ",".join(types),
            # A test makes the jobs that it is about.
            "SCHEDULER_INSTALL_PREDEFINED_JOBS": "false",
        }
    )
