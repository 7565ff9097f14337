"""`python -m scheduler_project.local`: what `bin/up` runs once the virtual environment stands."""

import sys

from scheduler_project.local import console
from scheduler_project.local.choices import read_choices
from scheduler_project.local.errors import StartError
from scheduler_project.local.folder import ROOT, Folder
from scheduler_project.local.runner import Runner


def main() -> int:
    """0 after a stop that was asked for, 1 when it could not start."""
    try:
        Runner(Folder(ROOT / "var"), read_choices()).run()
    except StartError as error:
        console.say(f"\nbin/up: {error}")
        return 1
    console.say("Stopped.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
