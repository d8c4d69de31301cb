"""Files that this process has read: what revisions do may stand there, and not in their own text.

A hook of Python's sees each file that is opened and each directory that is listed; no hook sees who only asks whether
something is there, so `os.stat` and `os.lstat` are replaced. What a revision has open, asks for or imports is told with
its answer, be it there or not: it may be there the next time. What it made itself decides nothing. What env.py or a
library reads counts for what the process has loaded (`loaded.py`).
"""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from types import CodeType

_OPENED = "open"
_LISTED = frozenset({"os.listdir", "os.scandir"})
_PLACES = frozenset({"site-packages", "dist-packages"})
_SYSTEM = ("/proc/", "/dev/", "/sys/")
_MADE = "os.mkdir"
_ANEW = os.O_TRUNC | os.O_EXCL
_IMPORTING = "<frozen importlib"
_LIBRARY = os.path.dirname(os.__file__)
_RESOLVING = frozenset({"resolve", "realpath", "_joinrealpath"})
_PATH = 0
_FLAGS = 2
_CACHE = "__pycache__"

_read: dict[str, None] = {}
"""Data files that anybody here has read."""
_by_revisions: dict[str, None] = {}
"""What revisions have read, listed, asked for and imported, and nobody was told of."""
_made: set[str] = set()
"""Files and directories that this process has made."""
_told: set[str] = set()
_packages: set[str] = set()
"""Packages that revisions have names of, and that were looked at."""
_versions: tuple[str, ...] = ()
_left_out: tuple[str, ...] = ()


def watch() -> None:
    """Begin to note; a process cannot end it, so a fork does this, and not the one that it is of."""
    global _left_out  # noqa: PLW0603  one process, one hook
    installed = [f"{entry}/" for entry in sys.path if os.path.basename(entry) in _PLACES]
    own = os.path.abspath(f"{__file__}/../../..")  # the package, whose helpers revisions call
    _left_out = (f"{os.path.dirname(os.__file__)}/", f"{own}/", *installed, *_SYSTEM)
    sys.addaudithook(_hear)
    _hear_of_questions()


def _hear_of_questions() -> None:
    os.stat, os.lstat = _heard(os.stat), _heard(os.lstat)


def _heard(real: Callable[..., os.stat_result]) -> Any:
    def asked(path: Any, **how: Any) -> os.stat_result:
        if how.get("dir_fd") is None and not isinstance(path, int):
            _note(_path(path), asked=True)
        return real(path, **how)

    for those in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
        if real in those:
            those.add(asked)  # who looks there asks for what stands in `os`
    return asked


def revisions_stand_in(directories: Iterable[str]) -> None:
    """Tell where the files of revisions are."""
    global _versions  # noqa: PLW0603  as above
    _versions = tuple(f"{os.path.abspath(directory)}/" for directory in directories)


def everything() -> list[str]:
    """Every file that was read and is no module, and all that revisions have read, listed, asked for or imported."""
    return [*dict.fromkeys([*filter(os.path.exists, _read), *_told, *_by_revisions])]


def of_revision(names: Mapping[str, Any]) -> list[str]:
    """What revisions have read since this was asked last; `names` are those of the module of the last one."""
    # its own name is another one each time, and that of no module that it imports
    packages = {_package(value) for value in names.values()} - _packages - {names["__name__"], ""}
    if packages:
        _packages.update(packages)
        _by_revisions.update(dict.fromkeys(_modules_of(packages)))
    new = [path for path in _by_revisions if path not in _told]
    _told.update(_by_revisions)
    _by_revisions.clear()
    return sorted(new)


def _package(value: Any) -> str:
    """The package that something is, or is from: others may have imported it before a revision did."""
    name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
    return name.partition(".")[0] if isinstance(name, str) else ""


def _modules_of(packages: Collection[str]) -> Iterable[str]:
    for name in list(sys.modules):
        if name.partition(".")[0] not in packages:
            continue
        file = getattr(sys.modules.get(name), "__file__", None)
        if isinstance(file, str) and not file.startswith(_left_out):
            yield os.path.abspath(file)


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if event == _OPENED:
        if not isinstance(arguments[_PATH], int):
            flags = arguments[_FLAGS] or 0
            if flags & _ANEW:
                _made.add(_path(arguments[_PATH]))
            elif not flags & os.O_WRONLY:
                _note(_path(arguments[_PATH]))
    elif event in _LISTED:
        _note(_path(arguments[_PATH]), listed=True)
    elif event == _MADE:
        _made.add(_path(arguments[_PATH]))


def _path(given: Any) -> str:
    if given is None:
        return os.getcwd()
    return os.path.abspath(os.fsdecode(given)) if isinstance(given, (str, bytes, os.PathLike)) else ""


def _note(path: str, *, listed: bool = False, asked: bool = False) -> None:
    if not path or path.startswith(_left_out):
        return
    module = path.endswith((".py", ".pyc"))
    if not module and not listed and not asked:
        _read[path] = None
    if path.startswith(_versions) and module:
        return  # revisions count by their code
    for code in _callers():
        if (listed and code.co_filename.startswith(_IMPORTING)) or (asked and _resolves(code)):
            return  # looks for modules, or follows links
        if code.co_filename.startswith(_versions):
            if _made.isdisjoint(_with_parents(path)):
                _by_revisions[_source(path)] = None
            return


def _callers() -> Iterable[CodeType]:
    frame = sys._getframe(3) if _versions else None  # noqa: SLF001  as `inspect` does, which takes long to import
    while frame is not None:
        yield frame.f_code
        frame = frame.f_back


def _resolves(code: CodeType) -> bool:
    return code.co_name in _RESOLVING and code.co_filename.startswith(_LIBRARY)


def _with_parents(path: str) -> Iterable[str]:
    while path:
        yield path
        path = path.rpartition("/")[0]


def _source(path: str) -> str:
    """The module whose compiled form this is; the file itself otherwise."""
    directory, name = os.path.split(path)
    if not name.endswith(".pyc") or os.path.basename(directory) != _CACHE:
        return path
    return os.path.join(os.path.dirname(directory), name.partition(".")[0] + ".py")
