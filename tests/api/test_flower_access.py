"""In production a Flower without a login does not start."""

import os
import subprocess
import sys

import pytest
from django.core.exceptions import ImproperlyConfigured

from scheduler_project.flower_access import refuse_open
from scheduler_project.local.folder import ROOT

FLOWER = ["celery", "-A", "scheduler_project", "flower", "--port=5555"]
PRODUCTION = {
    "SCHEDULER_ENVIRONMENT": "production",
    "SCHEDULER_SECRET_KEY": "only-for-this-test-0123456789-abcdefghijklmnopqrstuvwxyz",
    "SCHEDULER_ALLOWED_HOSTS": "scheduler.example",
    "DATABASE_URL": "postgresql://check:only-for-this-test@127.0.0.1:9/none",
    "CELERY_BROKER_URL": "redis://:only-for-this-test@127.0.0.1:9/0",
}


def test_it_is_refused_by_the_command_itself():
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FLOWER_")}
    started = subprocess.run(
        [sys.executable, "-m", *FLOWER],
        cwd=ROOT,
        env=environment | PRODUCTION,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert started.returncode != 0
    assert b"FLOWER_BASIC_AUTH" in started.stderr + started.stdout


@pytest.mark.parametrize("argument", ["--basic_auth=a:b", "--basic-auth=a:b", "--auth=.*@okla.example"])
def test_a_login_among_the_arguments_lets_it_start(argument):
    refuse_open([*FLOWER, argument], {})


@pytest.mark.parametrize("name", ["FLOWER_BASIC_AUTH", "FLOWER_AUTH"])
def test_so_does_one_in_the_environment(name):
    refuse_open(FLOWER, {name: "a:b"})


def test_so_does_one_in_its_file(tmp_path):
    file = tmp_path / "flower.conf"
    file.write_text("port = 5555\n")
    with pytest.raises(ImproperlyConfigured, match="FLOWER_BASIC_AUTH"):
        refuse_open([*FLOWER, f"--conf={file}"], {})
    file.write_text("basic_auth = ['a:b']\n")
    refuse_open([*FLOWER, f"--conf={file}"], {})


def test_other_processes_need_no_such_login():
    for command in (["celery", "-A", "scheduler_project", "worker"], ["manage.py", "migrate"], ["flower"]):
        refuse_open(command, {})
