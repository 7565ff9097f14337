"""Whether Flower is being started without a login: it shows every run's arguments, and production refuses that."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

LOGIN = re.compile(r"--(basic[_-]auth|auth)=.+")
LOGIN_IN_FILE = re.compile(r"^\s*(basic_auth|auth)\s*=", re.MULTILINE)
FILE = re.compile(r"--conf=(.+)")
DEFAULT_FILE = "flowerconfig.py"


def refuse_open(arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    """Raise ImproperlyConfigured when this process is a Flower that lets everybody in."""
    if "flower" in arguments[1:] and not _has_login(arguments, environment):
        raise ImproperlyConfigured(
            "SCHEDULER_ENVIRONMENT is production: Flower needs a login, FLOWER_BASIC_AUTH=user:password or one in its"
            " configuration file."
        )


def _has_login(arguments: Sequence[str], environment: Mapping[str, str]) -> bool:
    if environment.get("FLOWER_BASIC_AUTH") or environment.get("FLOWER_AUTH"):
        return True
    files = [found[1] for each in arguments if (found := FILE.fullmatch(each))] or [DEFAULT_FILE]
    texts = [Path(file).read_text() for file in files if Path(file).is_file()]
    return any(LOGIN.fullmatch(each) for each in arguments) or any(LOGIN_IN_FILE.search(text) for text in texts)
