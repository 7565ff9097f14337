"""The memory of a process as Linux counts it."""

from pathlib import Path

MIB = 1024**2


def resident(pid: int) -> int:
    """In bytes, now."""
    return _line(pid, "VmRSS")


def peak(pid: int) -> int:
    """In bytes, the most that it ever was."""
    return _line(pid, "VmHWM")


def _line(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(name + ":"))
