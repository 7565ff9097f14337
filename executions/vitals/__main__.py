"""`python -m executions.vitals worker|beat`: a container's health check, which needs neither Django nor a server."""

import sys

from executions.vitals.file import KINDS, read


def main(words: list[str]) -> int:
    if len(words) != 1 or words[0] not in KINDS:
        print(f"usage: python -m executions.vitals {'|'.join(KINDS)}", file=sys.stderr)
        return 2
    works, why = read(words[0])
    print(why)
    return 0 if works else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
