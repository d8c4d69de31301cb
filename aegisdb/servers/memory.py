"""Where the data of a volatile server stand: in memory where the system has room there, else on the disk.

Only Linux has such a place for everybody, /dev/shm. What stands there goes with a reboot.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from aegisdb.errors import Unreachable
from aegisdb.files import replace_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.servers.account import Account

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  what stands there is checked
_ROOM = 1 << 30
"""Bytes that must be free: containers often have 64 MB, where a few databases would be too many."""
_HOME = "home"


def memory_directory(home: Path, owner: Account) -> Path | None:
    """The directory for the data of the server whose other files are in `home`; None where they belong on the disk.

    What was decided when the data were made holds for as long as they are there.

    Raises:
        Unreachable: somebody else made a directory of this name.
    """
    found = SHARED_MEMORY / f"{_prefix(owner)}{hashlib.sha256(os.fsencode(home)).hexdigest()[:12]}"
    if _is_ours(found, owner):
        return found
    if any(home.glob("*/PG_VERSION")) or not _has_room():
        return None
    return found


def make_memory_directory(directory: Path, home: Path, owner: Account) -> None:
    """Make it where it is missing; the caller holds the server's lock. Those whose `home` is gone are removed."""
    for left in _left_behind(owner):
        shutil.rmtree(left, ignore_errors=True)  # a server that still runs in it ends within a minute
    if not directory.exists():
        directory.mkdir(mode=0o711 if owner.switch else 0o700)
        owner.own(directory)
    replace_file(directory / _HOME, os.fsencode(home), own=owner.own)


def _prefix(owner: Account) -> str:
    return f"aegisdb-{owner.uid}-"


def _is_ours(directory: Path, owner: Account) -> bool:
    try:
        found = directory.lstat()
    except FileNotFoundError:
        return False
    if stat.S_ISDIR(found.st_mode) and found.st_uid == owner.uid:
        return True
    raise Unreachable(
        f"{directory} is not a directory of the server's account, and the server's data would be there",
        hint="have it removed, or take `volatile` out of the target",
        where=str(directory),
        code="permission",
    )


def _has_room() -> bool:
    try:
        found = os.statvfs(SHARED_MEMORY)
    except OSError:
        return False
    return found.f_bavail * found.f_frsize >= _ROOM


def _left_behind(owner: Account) -> Iterator[Path]:
    for directory in SHARED_MEMORY.glob(f"{_prefix(owner)}*"):
        with suppress(OSError):  # being made or removed by somebody else
            home = Path(os.fsdecode((directory / _HOME).read_bytes()))
            if directory.lstat().st_uid == owner.uid and not home.exists():
                yield directory
