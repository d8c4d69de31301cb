"""Which psql to run: one that is proven to understand what the URL asks for, TLS above all.

The wheel's psql is built without TLS. psycopg brings a libpq of the same version that has it, and takes the place of
the psql's own on Linux.
"""

from __future__ import annotations

import shutil
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from aegisdb import processes
from aegisdb.errors import Failed
from aegisdb.fast_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.postgres.address import Address

_NOWHERE = "/dev/null/aegisdb"  # a socket's directory that cannot be: libpq gets there once it has understood the rest
_UNTRIED = {"sslpassword", "passfile", "hostaddr", "application_name"}
"""Secret, or they would make the trial a connection."""
_NEEDS_NO_TLS = {"disable", "allow", "prefer"}
_LOCAL = {"127.0.0.1", "::1", "localhost"}


@dataclass(frozen=True)
class Program:
    """A client program and the variables that it needs."""

    path: Path
    preload: str = ""
    """A library that takes the place of its own."""

    @property
    def variables(self) -> dict[str, str]:
        """Variables for the child's environment."""
        return {"LD_PRELOAD": self.preload} if self.preload else {}


def find_psql(address: Address, bindir: Path | None) -> Program:
    """The psql for this address: the one of `bindir`, else from PATH, where it does what the URL asks.

    Raises:
        Failed: there is none, or none that does.
    """
    found = list(_installed(bindir))
    if not found:
        raise Failed("psql is not installed", hint="install PostgreSQL's client programs", code="program")
    if address.ours or address.socket:
        return found[0]
    asked = {name: value for name, value in address.parameters if value and name not in _UNTRIED}
    mode = asked.get("sslmode", "prefer")
    if mode == "disable":
        return found[0]
    # without a word of sslmode the server may still insist on TLS, so who can speak it comes first
    trial = asked if mode not in _NEEDS_NO_TLS else {**asked, "sslmode": "require"}
    for program in found:
        if _understands(program, tuple(sorted(trial.items()))):
            return program
    if mode in _NEEDS_NO_TLS and (address.host in _LOCAL or address.host.startswith("/")):
        return found[0]
    raise Failed(
        f"no psql here does what the URL of {address} asks: {_said(found[-1], tuple(sorted(trial.items())))}",
        hint="install PostgreSQL's client programs of that version or newer, or name their directory as `bindir` of the"
        " target",
        code="program",
    )


def _installed(bindir: Path | None) -> Iterator[Program]:
    own = bindir / "psql" if bindir is not None and (bindir / "psql").is_file() else None
    if own is not None:
        yield Program(own)
    if on_path := shutil.which("psql"):
        yield Program(Path(on_path))
    if own is not None and (library := _psycopgs_libpq()):
        yield Program(own, library)


def _psycopgs_libpq() -> str:
    found = find_spec("psycopg_binary")  # imports nothing
    if found is None or found.origin is None:
        return ""
    libraries = sorted((Path(found.origin).parent.parent / "psycopg_binary.libs").glob("libpq-*.so*"))
    return str(libraries[0]) if len(libraries) == 1 else ""


def _understands(program: Program, asked: tuple[tuple[str, str], ...]) -> bool:
    return _NOWHERE in _said(program, asked)


@cache
def _said(program: Program, asked: tuple[tuple[str, str], ...]) -> str:
    """What libpq says of these parameters: that it cannot get there once it has understood them all."""
    parameters = dict(asked) | {"host": _NOWHERE, "port": "1", "dbname": "nothing"}
    # a parameter's value may be the word of TLS only, never a secret, so the process list may show it
    conninfo = " ".join(f"{name}='{_escaped(value)}'" for name, value in parameters.items())
    env = processes.child_environment({**program.variables, "LC_ALL": "C"})
    asked_of = processes.run([program.path, "-X", "-w", "-d", conninfo, "-c", ""], env=env, timeout=10)
    return asked_of.stderr.strip().removeprefix("psql: error: ")


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")
