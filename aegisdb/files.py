"""Replaces and reads files: whole or not at all, whoever else does the same at that moment."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_NAME = 40  # characters: the temporary name must not be longer than a file system takes
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_NOTHING = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
_PATH_ONLY = getattr(os, "O_PATH", 0)  # Linux alone tells a path of it
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


def replace_file(
    path: Path,
    content: str | bytes | Sequence[bytes | memoryview],
    *,
    mode: int | None = None,
    durable: bool = False,
    through_link: bool = True,
    own: Callable[[Path], object] | None = None,
) -> None:
    """Give the file this content in one step: a reader sees all of the old text or all of the new one.

    The content may come in parts. A symbolic link stays, the file that it leads to is replaced; without `through_link`
    it is the link. A file that is there keeps its owner, where we may set it, and without `mode` its mode; a new one
    gets what the umask leaves. `own` is given the new file before it takes its place. `durable`: the new content
    outlasts a power cut from here on, at the price of two flushes to the disk.

    Raises:
        OSError: it cannot be written; the old file is as it was and nothing is left beside it.
    """
    if through_link and path.is_symlink():
        path = Path(os.path.realpath(path))
    temporary = path.with_name(f".{path.name[:_NAME]}.{os.urandom(6).hex()}.tmp")
    handle = os.open(temporary, _CREATE, 0o666 if mode is None else mode)
    try:
        with os.fdopen(handle, "wb") as file:
            _take_over_access(path, handle, mode)
            content = content.encode() if isinstance(content, str) else content
            file.writelines((content,) if isinstance(content, bytes) else content)
            if durable:
                file.flush()
                os.fsync(handle)
        if own is not None:
            own(temporary)
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    if durable:
        _flush_directory(path.parent)


def read_regular(path: Path) -> bytes | None:
    """Return the content of a file; None where there is none or it is something else, which is never waited for.

    Raises:
        OSError: it is there and cannot be read.
    """
    try:
        handle = os.open(path, _READ)  # a pipe that nobody writes to would hold up an ordinary open for ever
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        return None
    with os.fdopen(handle, "rb") as file:
        return file.read()


def is_file(path: Path | str) -> bool:
    """As `Path.is_file` in half of the time: status of a thousand services asks for thousands.

    Raises:
        OSError: this user may not know.
    """
    found = status(path)
    return found is not None and stat.S_ISREG(found.st_mode)


def is_directory(path: Path | str) -> bool:
    """As `is_file`."""
    found = status(path)
    return found is not None and stat.S_ISDIR(found.st_mode)


def status(path: Path | str) -> os.stat_result | None:
    """What is there; None for nothing.

    Raises:
        OSError: this user may not know.
    """
    try:
        return os.stat(path)  # noqa: PTH116  see `is_file`
    except OSError as error:
        if error.errno not in _NOTHING:
            raise
        return None


def real_path(path: str) -> str:
    """As `os.path.realpath`; the kernel tells it in a fifth of the time where the path leads to something."""
    if _PATH_ONLY:
        with suppress(OSError):
            handle = os.open(path, _PATH_ONLY)
            try:
                found = os.readlink(f"/proc/self/fd/{handle}")  # noqa: PTH115  thousands of them
            finally:
                os.close(handle)
            if found.startswith("/") and not found.endswith(" (deleted)"):
                return found
    return os.path.realpath(path)


def shown(path: Path, root: Path) -> str:
    """A path as people are told it: from `root` where it is below, else the whole of it."""
    whole, above = str(path), f"{root}/"
    if whole.startswith(above):  # most, in a tenth of the time
        return whole[len(above) :]
    if not path.is_relative_to(root):
        path, root = path.resolve(), root.resolve()
    return str(path.relative_to(root) if path.is_relative_to(root) else path)


def _take_over_access(path: Path, handle: int, mode: int | None) -> None:
    try:
        before = path.stat()
    except OSError:
        return
    if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
        with suppress(OSError):  # only root gives files away
            os.fchown(handle, before.st_uid, before.st_gid)
    os.fchmod(handle, stat.S_IMODE(before.st_mode) if mode is None else mode)


def _flush_directory(directory: Path) -> None:
    try:
        handle = os.open(directory, os.O_RDONLY)
    except OSError:  # not every system opens directories
        return
    try:
        with suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)
