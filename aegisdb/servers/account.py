"""The account that runs the embedded server: the user himself, or an ordinary account where the user is root.

PostgreSQL refuses to run as root. An ordinary account may be unable to pass directories that only root enters; it
then gets one capability for that. Permissions of directories that were there before are never touched.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
from pathlib import Path

from aegisdb.errors import Unreachable
from aegisdb.fast_dataclass import dataclass

_NOBODY = 65534
_CAP_DAC_READ_SEARCH = 2
_INSTALL = "install util-linux, or " if sys.platform == "linux" else ""  # no other system has setpriv


@dataclass(frozen=True)
class Account:
    """The uid and gid of server and data; `switch` is set when this process is root and must become it."""

    uid: int
    gid: int
    switch: bool = False

    def command(self, argv: list[str], *reached: Path) -> list[str]:
        """`argv` as this account, able to enter the directories that lead to each of `reached`.

        Raises:
            Unreachable: this process is root and the machine has no setpriv.
        """
        if not self.switch:
            return argv
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            raise Unreachable(
                "PostgreSQL does not run as root, and setpriv, which starts it as another user, is not on this machine",
                hint=f"{_INSTALL}run the command as an ordinary user",
                code="root",
            )
        change = [setpriv, f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups"]
        if all(self.enters(parent) for path in reached for parent in path.parents):
            return [*change, *argv]
        capability = _search_capability()
        return [*change, f"--inh-caps=+{capability}", f"--ambient-caps=+{capability}", *argv]

    def enters(self, directory: Path) -> bool:
        """Whether the account itself may pass this directory, by its mode bits."""
        found = directory.stat()
        if found.st_uid == self.uid:
            return bool(found.st_mode & stat.S_IXUSR)
        if found.st_gid == self.gid:
            return bool(found.st_mode & stat.S_IXGRP)
        return bool(found.st_mode & stat.S_IXOTH)

    def own(self, path: Path) -> None:
        """Give a path that we made to the account."""
        if self.switch:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def account_for(root: Path, data: Path) -> Account:
    """The account that owns the data; without data, this user, or for root the owner of the project, or `nobody`."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    for path in (data, root):
        if path.exists() and (found := path.stat()).st_uid != 0:
            return Account(found.st_uid, found.st_gid, switch=True)
    return Account(_NOBODY, _NOBODY, switch=True)


def project_owner(root: Path) -> Account:
    """The owner of the project's directory, to whom what root makes beside the data belongs."""
    found = root.stat()
    return Account(found.st_uid, found.st_gid, switch=os.geteuid() == 0)


def _search_capability() -> str:
    # reading and passing directories is all that is needed; containers often grant only the wider one
    status = Path("/proc/self/status").read_text()
    permitted = next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapPrm:"))
    return "dac_read_search" if permitted >> _CAP_DAC_READ_SEARCH & 1 else "dac_override"
