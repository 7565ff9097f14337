"""Where the wheels keep the servers' programs.

Only the programs are used. The wheels' Python layers are never imported: they leave processes behind, lose the
broker's content and look after accounts and permissions in ways of their own (docs/decisions).
"""

from importlib.util import find_spec
from pathlib import Path

from scheduler_project.local.errors import StartError


def find_program(package: str, pattern: str) -> Path:
    """The one program of a wheel that matches. Raises StartError when the wheel has none for this machine."""
    spec = find_spec(package)
    folders = (spec.submodule_search_locations if spec else None) or []
    for folder in folders:
        for program in Path(folder).resolve().glob(pattern):
            return program
    raise StartError(
        f"{package} is not installed for this machine: it covers Linux with glibc and macOS. "
        "Set DATABASE_URL and CELERY_BROKER_URL to use servers of your own."
    )
