r"""SQL files and a shell through psql itself, whose \commands, COPY and :variables nothing else understands.

A file runs with -X (no ~/.psqlrc), ON_ERROR_STOP, in one transaction, and under \restrict, which stops \!, \connect and
every other command that leaves the file's own SQL; psql_commands.py has those that may run.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
import time
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from aegisdb import processes
from aegisdb.errors import AegisError, BadInput, Failed, StatementFailed
from aegisdb.postgres import psql_commands, server_errors
from aegisdb.postgres.client_programs import find_psql
from aegisdb.postgres.masking import mask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aegisdb.postgres.address import Address

_EXIT_CONNECTION = 2
_ANSWER = 10.0  # seconds for what psql says of itself
_ERROR = re.compile(r"^psql:(?P<file>.+?):(?P<line>\d+): (?P<severity>[^:\s]+): +(?P<text>.*)$")
_SQLSTATE = re.compile(r"^(?P<state>[0-9A-Z]{5}): (?P<text>.*)$")
_FIELD = re.compile(r"^(?:psql:.+?:\d+: )?(DETAIL|HINT|STATEMENT|CONTEXT|LOCATION|LINE \d+|QUERY|SCHEMA NAME): ?(.*)$")
_STATEMENT_LINES = 12


def binary(name: str, bindir: Path | None) -> Path:
    """The program `name` of the server's own binaries, else from PATH.

    Raises:
        Failed: it is in neither place.
    """
    if bindir is not None and (bindir / name).is_file():
        return bindir / name
    found = shutil.which(name)
    if found is None:
        raise Failed(f"{name} is not installed", hint="install PostgreSQL's client programs", code="program")
    return Path(found)


def installed(bindir: Path | None) -> bool:
    """Whether there is a psql."""
    return (bindir is not None and (bindir / "psql").is_file()) or shutil.which("psql") is not None


def keeps_password_in_memory() -> bool:
    """Whether a child that outlives this process still finds its password; a file with a name would be gone by then."""
    return hasattr(os, "memfd_create")


def run_file(
    address: Address,
    path: Path,
    *,
    bindir: Path | None,
    single_transaction: bool = True,
    restrict: bool = True,
    last: str = "",
    timeout: float | None = None,
) -> float:
    r"""Run a SQL file to its end, all or nothing; returns seconds.

    `restrict=False` is for init files that need \connect and nothing else. `last` is SQL of ours that runs after it.

    Raises:
        BadInput: the file is missing or unreadable.
        StatementFailed: file:line, SQLSTATE and the statement; with `single_transaction` nothing of the file was kept.
        Failed: `timeout` seconds are over (code `timeout`).
        Unreachable: the server is gone.
    """
    if not os.access(path, os.R_OK):
        raise BadInput(f"cannot read {path}", code="file")
    program = find_psql(address, bindir)
    argv = [str(program.path), "-X", "-q", "-b", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose", "-w"]
    if single_transaction:
        argv.append("-1")
    key = secrets.token_hex(16) if restrict and _knows_restrict(program.path) else ""
    if key:
        argv += ["-c", rf"\restrict {key}"]
    began = time.monotonic()
    with (
        login(address, application=f"aegisdb: {path.name}") as (variables, descriptors),
        _runnable(path, key, restrict=restrict) as (name, more, line),
    ):
        env = processes.child_environment({**variables, **program.variables})
        argv += ["-f", name, *(["-c", last] if last else [])]
        done = processes.run(argv, cwd=path.parent, env=env, pass_fds=(*descriptors, *more), timeout=timeout)
    if done.returncode:
        raise _error(done, address, path, line)
    return time.monotonic() - began


@contextmanager
def _runnable(path: Path, key: str, *, restrict: bool) -> Iterator[tuple[str, tuple[int, ...], Callable[[int], int]]]:
    r"""What psql reads, the file itself or a copy in which commands that may run are let through, and the file's lines.

    Raises:
        StatementFailed: a command may not run, and this psql has no \restrict that would stop it.
    """
    text = path.read_bytes().decode(psql_commands.ENCODING)
    found = psql_commands.commands(text) if restrict else ()
    refused = next((command for command in found if command.refusal), None)
    if refused and not key:
        raise StatementFailed(_not_allowed(refused), where=f"{path}:{1 + text.count(chr(10), 0, refused.start)}")
    if all(command.refusal for command in found):
        yield str(path), (), int
        return
    copy = psql_commands.guarded(text, found, key)
    with _unnamed_file(copy.text.encode(psql_commands.ENCODING)) as (name, descriptors):
        yield name, descriptors, copy.line


def shell(address: Address, bindir: Path | None) -> NoReturn:
    """Become psql on this database, with the person's own ~/.psqlrc; never returns.

    Raises:
        Failed: psql is not installed, or none does what the URL asks.
    """
    program = find_psql(address, bindir)
    psql, own = str(program.path), {**_login(address), **program.variables}
    descriptor = _anonymous_file(_passfile_text(address))
    if descriptor is None:
        with _password_file(address) as (variables, _):
            env = processes.child_environment({**own, **variables})
            child = processes.start([psql], env=env, stdin=None)
            raise SystemExit(child.wait())
    os.set_inheritable(descriptor, True)  # noqa: FBT003  its signature
    env = processes.child_environment({**own, "PGPASSFILE": f"/dev/fd/{descriptor}"})
    os.execve(psql, [psql], env)  # noqa: S606  no shell is wanted: psql takes the terminal over


@cache
def _knows_restrict(psql: Path) -> bool:
    # 18.0, 17.6, 16.10, 15.14, 14.19 and 13.22 brought it; asking is surer than a list of versions
    asked = processes.run([psql, "-X", "--help=commands"], timeout=_ANSWER)
    return r"\restrict" in asked.stdout


def _login(address: Address) -> dict[str, str]:
    """Where to, as libpq's variables: the process list then shows none of it."""
    names = {"hostaddr": "PGHOSTADDR", "options": "PGOPTIONS", "connect_timeout": "PGCONNECT_TIMEOUT"}
    given = {
        names.get(key, f"PG{key.replace('_', '').upper()}"): value
        for key, value in address.parameters
        if value and key != "application_name"
    }
    host = address.socket or address.hosts
    own = {"PGHOST": host, "PGPORT": address.ports, "PGUSER": address.user, "PGDATABASE": address.database}
    return {"PGCONNECT_TIMEOUT": "5", "LC_MESSAGES": "C", **given, **own}


@contextmanager
def login(address: Address, *, application: str) -> Iterator[tuple[dict[str, str], tuple[int, ...]]]:
    """Variables and descriptors with which a psql child logs in; the password is in neither of them, nor in argv."""
    with _password_file(address) as (variables, descriptors):
        yield {**_login(address), **variables, "PGAPPNAME": application}, descriptors


@contextmanager
def _password_file(address: Address) -> Iterator[tuple[dict[str, str], tuple[int, ...]]]:
    if not address.password.reveal():
        yield {}, ()
        return
    with _unnamed_file(_passfile_text(address)) as (name, descriptors):
        yield {"PGPASSFILE": name}, descriptors


@contextmanager
def _unnamed_file(content: bytes) -> Iterator[tuple[str, tuple[int, ...]]]:
    """A file that only the child that gets the descriptors can read; with a name in the end where it takes one."""
    descriptor = _anonymous_file(content)
    if descriptor is not None:
        try:
            yield f"/dev/fd/{descriptor}", (descriptor,)
        finally:
            os.close(descriptor)
        return
    handle, name = tempfile.mkstemp(prefix="aegisdb-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        yield name, ()
    finally:
        Path(name).unlink()


def _passfile_text(address: Address) -> bytes:
    escaped = address.password.reveal().replace("\\", "\\\\").replace(":", "\\:")
    return f"*:*:*:*:{escaped}\n".encode()


def _anonymous_file(content: bytes) -> int | None:
    """A file without a name, so that not even kill -9 leaves it behind; None where the system knows no such thing."""
    if not hasattr(os, "memfd_create"):
        return None
    descriptor: int = os.memfd_create("aegisdb")
    os.fchmod(descriptor, 0o600)
    with os.fdopen(descriptor, "wb", closefd=False) as file:
        file.write(content)
    return descriptor


def _error(done: processes.Finished, address: Address, path: Path, number: Callable[[int], int]) -> AegisError:
    stderr = mask(done.stderr, address)
    lines = stderr.splitlines()
    for at, line in enumerate(lines):
        if (found := _ERROR.match(line)) and found["severity"].lower() not in {"notice", "warning", "info", "debug"}:
            return _statement_error(found, lines[at + 1 :], path, number)
    last = lines[-1] if lines else f"exit code {done.returncode}"
    if done.returncode == _EXIT_CONNECTION:
        return server_errors.of_connecting(done.stderr, address)
    return StatementFailed(f"psql stopped: {last}", where=str(path))


def _statement_error(
    found: re.Match[str], following: list[str], path: Path, number: Callable[[int], int]
) -> StatementFailed:
    fields = _fields(following)
    state = _SQLSTATE.match(found["text"])
    message = state["text"] if state else found["text"]
    statement = "\n".join(fields.get("STATEMENT", ())).strip()
    # psql tells the line on which the statement ended
    line = number(int(found["line"])) - statement.count("\n")
    if "restrict" in message and not state:
        message = _not_allowed(_refused_at(path, line))
    if detail := " ".join(fields.get("DETAIL", ())).strip():
        message += f" ({detail})"
    return StatementFailed(
        message,
        sqlstate=state["state"] if state else "",
        statement="\n".join(statement.splitlines()[:_STATEMENT_LINES]),
        hint=" ".join(fields.get("HINT", ())).strip(),
        where=f"{path}:{line}",
    )


def _refused_at(path: Path, line: int) -> psql_commands.Command | None:
    text = path.read_bytes().decode(psql_commands.ENCODING)
    found = (command for command in psql_commands.commands(text) if command.refusal)
    return next((command for command in found if 1 + text.count("\n", 0, command.start) == line), None)


def _not_allowed(command: psql_commands.Command | None) -> str:
    if command is None:
        return r"the file uses a psql command (such as \! or \connect) that is not allowed in it"
    return f"the file uses {command.refusal}, a psql command that is not allowed in it"


def _fields(lines: list[str]) -> dict[str, list[str]]:
    """What psql prints below an error, by DETAIL, HINT, STATEMENT and so on, until the next message."""
    fields: dict[str, list[str]] = {}
    current: list[str] = []
    for line in lines:
        if field := _FIELD.match(line):
            current = fields.setdefault(field[1].partition(" ")[0], [])
            current.append(field[2].strip())
        elif _ERROR.match(line):
            break
        else:
            current.append(line)
    return fields
