"""The account a process runs under, and its promise to end with its parent.

PostgreSQL refuses root. As root the engines run under a uid that no account on the machine has: nothing has to be
created, and nobody else's processes can touch their files. Only `initdb` insists on a name for its uid; it runs as
`nobody`, and the files change hands afterwards. When a folder above is closed to others (/root, say), the engine keeps
one right of root, to pass and read closed folders, rather than that we open the folder or move the data elsewhere.
"""

import os
import pwd
import shutil
import signal
import stat
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from scheduler_project.local.errors import StartError

# Debian keeps 65000-65533 free of accounts, and containers map no uid above 65535.
ENGINE_UID = 65038
# Rights in the order of preference: their number in the kernel and their name. Docker grants only the second.
PASSING_RIGHTS = ((2, "dac_read_search"), (1, "dac_override"))


@dataclass(frozen=True)
class Account:
    """Who runs an engine. `uid` None: whoever runs this process."""

    uid: int | None = None

    def take(self, *paths: Path) -> None:
        """Make files and whole folders this account's own."""
        if self.uid is None:
            return
        for path in paths:
            os.chown(path, self.uid, self.uid)
            for folder, folders, files in os.walk(path):
                for name in (*folders, *files):
                    os.chown(Path(folder, name), self.uid, self.uid, follow_symlinks=False)


def engine_account() -> Account:
    return Account(ENGINE_UID) if os.geteuid() == 0 else Account()


def named_account() -> Account:
    """An account with a name, for programs that look theirs up. Raises StartError when root has none to give."""
    if os.geteuid() != 0:
        return Account()
    others = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid != 0}
    if not others:
        raise StartError("/etc/passwd names no account but root, and PostgreSQL cannot run as root.")
    return Account(others.get("nobody", next(iter(others.values()))))


def launch_words(
    *, parent_death: signal.Signals, account: Account | None = None, needs: Iterable[Path] = ()
) -> list[str]:
    """What stands before a command so that it runs as `account` and gets `parent_death` when its parent dies.

    `needs`: the files and folders the account has to reach. Without `setpriv` (macOS) an ordinary user's processes
    start as they are: one that outlives its parent is stopped by the next start.
    """
    setpriv = shutil.which("setpriv")
    uid = account.uid if account else None
    if uid is None:
        return [setpriv, "--pdeathsig", parent_death.name, "--"] if setpriv else []
    if setpriv is None or sys.platform != "linux":
        raise StartError("As root this needs `setpriv` (util-linux). Install it, or start as an ordinary user.")
    words = [setpriv, f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--pdeathsig", parent_death.name]
    if not all(is_open_to_others(path) for path in needs):
        right = passing_right()
        # The securebit: access(2) would otherwise ignore the right for anyone but root.
        words += ["--securebits=+no_setuid_fixup", f"--inh-caps=-all,+{right}", f"--ambient-caps=-all,+{right}"]
    return [*words, "--"]


def is_open_to_others(path: Path) -> bool:
    """Whether any account gets as far as `path`: every folder above lets others pass."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in path.resolve().parents)


def passing_right() -> str:
    """The smallest right this root has that lets a process through closed folders. Raises StartError without one."""
    status = Path("/proc/self/status").read_text()
    held = int(status.partition("CapPrm:")[2].split()[0], 16)
    for number, name in PASSING_RIGHTS:
        if held >> number & 1:
            return name
    raise StartError(
        "This folder lies where only root may look, and this root may not lend that right. "
        "Put the folder somewhere else, or start as an ordinary user."
    )
