"""A session for a few short looks at a database, through one psql child: psycopg takes 0.2 s to import, psql 10 ms.

Only for commands that mostly find nothing to do. Results come as JSON, so numbers, texts and booleans are themselves
and everything else is text.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol

from aegisdb import processes
from aegisdb.postgres import psql, translating
from aegisdb.postgres.quoting import quote_literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from aegisdb.errors import AegisError
    from aegisdb.postgres.address import Address

_END = b"aegisdb: end of answer"
_EXIT_CONNECTION = 2
_GOODBYE = 1.0  # seconds
# classes 00 and 01 are notices and warnings
_ERROR = re.compile(r"^psql:<stdin>:\d+: [^:\s]+: +(?P<state>(?!0[01])[0-9A-Z]{5}): (?P<text>.*)$", re.MULTILINE)
_FLAGS = ("-X", "-q", "-A", "-t", "-w", "-v", "VERBOSITY=verbose", "-f", "-")


class Reader(Protocol):
    """What only looks asks with this; a `Connection` and a `QuickSession` both are one."""

    def execute(self, sql: str, params: Sequence[Any] = ()) -> None:
        """Run one statement without a result."""

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of one query."""

    def value(self, sql: str, params: Sequence[Any] = ()) -> Any:
        """First column of the first row, None without a row."""


class QuickSession:
    """A read-only session of psql, made and ended by `glance`. Errors are those of `Connection`."""

    def __init__(self, address: Address, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin and process.stdout and process.stderr  # noqa: S101, PT018  made with pipes
        self._address, self._process = address, process
        self._input, self._output, self._errors = process.stdin, process.stdout, process.stderr
        os.set_blocking(self._errors.fileno(), False)

    def execute(self, sql: str, params: Sequence[Any] = ()) -> None:
        """Run one statement; raises as `Connection.execute`."""
        self._ask(_filled(sql, params))

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of one query, of which columns may have equal names; raises as `Connection.rows`."""
        query = _filled(sql, params)
        (answer,) = self._ask(f"SELECT coalesce(array_to_json(array_agg(q)), '[]') FROM (\n{query}\n) q", query)  # noqa: S608  a query of ours
        return [row or () for row in json.loads(answer, object_pairs_hook=_values)]

    def value(self, sql: str, params: Sequence[Any] = ()) -> Any:
        """First column of the first row, None without a row; raises as `rows`."""
        rows = self.rows(sql, params)
        return rows[0][0] if rows else None

    def _ask(self, sql: str, asked: str = "") -> list[bytes]:
        """The lines that a statement prints; psql goes on after an error, and so may who asked."""
        try:
            self._input.write(f"{sql}\n;\nSELECT '{_END.decode()}';\n".encode())
            self._input.flush()
        except BrokenPipeError:
            raise self._failed(asked or sql) from None
        lines = []
        for line in self._output:
            if line.rstrip() == _END:
                break
            lines.append(line)
        else:
            raise self._failed(asked or sql)
        # psql writes what it has to say about a statement before it sends the next one
        said = (self._errors.read() or b"").decode(errors="replace")
        if _ERROR.search(said):
            raise self._refused(said, asked or sql)
        return lines

    def _failed(self, sql: str) -> AegisError:
        """The error of a session that has ended."""
        code = self._process.wait()
        said = (self._errors.read() or b"").decode(errors="replace")
        if code == _EXIT_CONNECTION and "psql: error: " in said:
            return translating.of_connecting(said, self._address)
        if _ERROR.search(said):
            return self._refused(said, sql)
        return translating.lost(said or f"psql ended with {code}", self._address)

    def _refused(self, said: str, sql: str) -> AegisError:
        last = list(_ERROR.finditer(said))[-1]
        return translating.of_statement(last["text"], self._address, sql, sqlstate=last["state"])


@contextmanager
def glance(address: Address, *, bindir: Path | None) -> Iterator[QuickSession]:
    """A read-only session; a connection that fails raises at the first look, as `connect` does.

    Raises:
        Failed: psql is not installed.
    """
    argv = [str(psql.binary("psql", bindir)), *_FLAGS]
    with psql.login(address, application="aegisdb: look") as (variables, descriptors):
        env, pipe = processes.child_environment(variables), subprocess.PIPE
        # without a death signal: psql ends when its input does, and the child is made without copying this process
        process = processes.start(
            argv, env=env, pass_fds=descriptors, stdin=pipe, stdout=pipe, stderr=pipe, death_signal=None
        )
        try:
            session = QuickSession(address, process)
            session.execute("SET default_transaction_read_only = on")
            yield session
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None  # noqa: S101  made with a pipe
    # psql says goodbye to the server at the end of its input, where a signal would leave the backend to find out
    with suppress(BrokenPipeError):
        process.stdin.close()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_GOODBYE)
    processes.stop(process)


def _filled(sql: str, params: Sequence[Any]) -> str:
    if not params:
        return sql
    return sql % tuple(_literal(value) for value in params)


def _literal(value: Any) -> str:
    if isinstance(value, list):
        return f"ARRAY[{', '.join(map(_literal, value))}]"
    return str(value) if isinstance(value, int) else quote_literal(value)


def _values(pairs: list[tuple[str, Any]]) -> tuple[Any, ...]:
    return tuple(value for _, value in pairs)
