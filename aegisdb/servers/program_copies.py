"""PostgreSQL's programs where the server's account can start them.

They look for each other with access(2), which asks for the rights of the account alone: a capability does not count.
So where root keeps its environment in a directory that only root enters (`/root`, `mktemp -d`), the wheel's programs
are laid once more into a directory of ours that everybody may pass. No permission that was there before is changed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from aegisdb.errors import Unreachable
from aegisdb.servers import wheels
from aegisdb.servers.postmaster import all_processes

if TYPE_CHECKING:
    from aegisdb.servers.account import Account
    from aegisdb.servers.binaries import Binaries

CACHE = Path("/var/cache/aegisdb")
"""Root's own, passable for all; one directory in it for each environment that needs it."""

_SOURCE = "source"
_READABLE = stat.S_IROTH


def passable(binaries: Binaries, account: Account, *, cache: Path = CACHE) -> Binaries:
    """Find the programs at a place whose every directory the account may enter.

    Raises:
        Unreachable: they are not the wheel's, so nobody knows what belongs to them, or the copy cannot be made.
    """
    directory = binaries.directory.resolve()
    if not account.switch or all(account.enters(path) for path in (directory, *directory.parents)):
        return binaries
    wheel = wheels.server_directory()
    if wheel is None or directory != wheel.resolve():
        raise Unreachable(
            f"root starts PostgreSQL as uid {account.uid}, which may not enter {directory}",
            hint="put the programs of `bindir` where every user may enter, or run the command as an ordinary user",
            code="bindir",
        )
    name = hashlib.sha256(binaries.stamp.encode()).hexdigest()[:16]
    if not (cache / name).exists():
        try:
            _lay(directory.parents[2], cache, name)
        except OSError as error:
            raise Unreachable(
                f"root starts PostgreSQL as uid {account.uid}, which may not enter {directory}, and a copy for it "
                f"cannot be laid into {cache}: {error.strerror}",
                hint="keep the virtual environment where every user may enter, or run the command as an ordinary user",
                code="bindir",
            ) from None
    return replace(binaries, directory=cache / name / wheels.PROGRAMS)


def _lay(packages: Path, cache: Path, name: str) -> None:
    cache.mkdir(mode=0o755, parents=True, exist_ok=True)
    _forget_environments_that_are_gone(cache)
    work = Path(tempfile.mkdtemp(prefix="new-", dir=cache))
    try:
        for part in wheels.PARTS:
            shutil.copytree(packages / part, work / part, copy_function=_link_or_copy)
        for made in (work, *(path for path in work.rglob("*") if path.is_dir())):
            made.chmod(0o755)
        (work / _SOURCE).write_text(str(packages))
        work.rename(cache / name)
    except OSError:
        # another process was quicker: a directory with content is not replaced
        if not (cache / name).exists():
            raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _link_or_copy(source: str, target: str) -> None:
    """A link costs nothing; a file that only root reads (umask 077) becomes a copy that everybody does."""
    if Path(source).stat().st_mode & _READABLE:
        try:
            os.link(source, target)
        except OSError:  # another file system
            shutil.copy2(source, target)
        return
    shutil.copy2(source, target)
    mode = Path(source).stat().st_mode
    Path(target).chmod(0o755 if mode & stat.S_IXUSR else 0o644)


def _forget_environments_that_are_gone(cache: Path) -> None:
    """A deleted virtual environment must not live on here; what a server still runs from stays."""
    for noted in cache.glob(f"*/{_SOURCE}"):
        if not Path(noted.read_text()).exists() and not _runs(noted.parent):
            shutil.rmtree(noted.parent, ignore_errors=True)


def _runs(directory: Path) -> bool:
    programs = (process.program for process in all_processes())
    return any(program is not None and program.is_relative_to(directory) for program in programs)
