"""The environment of every test, set before Django's settings are read."""

import os

SAMPLE_JOBS = ("NoOpJob", "DiaryJob", "FailingJob", "CrashingJob", "SweepingJob")


def prepare() -> None:
    os.environ.update(
        {
            "DJANGO_SETTINGS_MODULE": "scheduler_project.settings",
            "SCHEDULER_ENVIRONMENT": "development",
            "SCHEDULER_EXTRA_JOB_TYPES": ",".join(f"tests.sample_jobs.{name}" for name in SAMPLE_JOBS),
            # A test makes the jobs that it is about.
            "SCHEDULER_INSTALL_PREDEFINED_JOBS": "false",
        }
    )
