"""Prints the part of requirements.txt that the image runs on: neither the embedded engines nor what only tests need.

python runtime_requirements.py requirements.in requirements.txt, with the standard library alone.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

# What requirements.in names under these headings is not for the image, and of the others these are not.
LEFT_OUT_HEADINGS = ("# The embedded default", "# Tests")
LEFT_OUT = frozenset({"pytest-django"})


def main(listed: Path, compiled: Path) -> str:
    """Raises LookupError when something is asked for that was not compiled."""
    wanted = set(direct(listed.read_text()))
    packages = dict(blocks(compiled.read_text()))
    if missing := wanted - packages.keys():
        raise LookupError(f"not in {compiled}, run bin/lock: {', '.join(sorted(missing))}")
    while grown := {name for name, block in packages.items() if wanted & needed_by(block)} - wanted:
        wanted |= grown
    return "".join(block for name, block in packages.items() if name in wanted)


def direct(text: str) -> Iterator[str]:
    is_left_out = False
    for line in text.splitlines():
        if line.startswith("# "):
            is_left_out = line.startswith(LEFT_OUT_HEADINGS)
        elif (name := normal(line)) and not is_left_out and name not in LEFT_OUT:
            yield name


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """Each package with its lines: version, hashes, and by whom it is needed."""
    for block in re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]:
        yield normal(block), block


def needed_by(block: str) -> set[str]:
    return {normal(line) for line in re.findall(r"^ +#(?: via)? +(.+)$", block, re.MULTILINE)}


def normal(requirement: str) -> str:
    """Its name as registries compare it; "" where there is none."""
    found = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", requirement)
    return re.sub(r"[._-]+", "-", found[0]).lower() if found else ""


if __name__ == "__main__":
    sys.stdout.write(main(*map(Path, sys.argv[1:3])))
