"""Connections through a psql child: psycopg takes 0.2 s to import, psql 10 ms to be there.

Statements go into the child's standard input, rows come back as one line of JSON. An error of psql is put into the same
words as one of psycopg. The child ends when its input does, also when this process is killed; with it ends the session.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from aegisdb import processes
from aegisdb.postgres import psql, server_errors
from aegisdb.postgres.quoting import filled
from aegisdb.postgres.session import CATALOG_FIRST, Connection

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from aegisdb.errors import AegisError
    from aegisdb.postgres.address import Address

_END = "aegisdb: end of answer"
_EXIT_CONNECTION = 2
_GOODBYE = 1.0  # seconds
_CANCELLING = 5.0  # seconds
# in whatever language the severity is: notices, which may have any SQLSTATE, are switched off
_ERROR = re.compile(r"^psql:<stdin>:(?P<line>\d+): [^:\s]+: +(?P<state>[0-9A-Z]{5}): (?P<text>.*)$", re.MULTILINE)
_ONLY_ERRORS = "SET client_min_messages = error"
_FIELD = re.compile(r"^(DETAIL|HINT): +(.*)$", re.MULTILINE)
_FLAGS = ("-X", "-q", "-A", "-t", "-w", "-v", "VERBOSITY=verbose", "-f", "-")


class Said(NamedTuple):
    """A statement on its way."""

    text: str
    """The statement as an error shows it."""
    until: int
    """The line of psql's input with which it ends: psql tells of an error on which line it was."""


class PipedConnection(Connection):
    """A session of a psql child."""

    prepares = False

    def __init__(self, address: Address, process: subprocess.Popen[bytes], application: str) -> None:
        super().__init__(address)
        self._application = application
        assert process.stdin and process.stdout and process.stderr  # noqa: S101, PT018  made with pipes
        self._process, self._input = process, process.stdin
        self._output, self._errors = process.stdout, process.stderr
        self._depth = 0
        self._lines_said = 0
        self._owed: list[Said] = []
        """What nobody has heard the answers of."""
        os.set_blocking(self._errors.fileno(), False)

    def execute(self, sql: str, params: Sequence[Any] = ()) -> None:
        """As `Connection.execute`."""
        self._ask(filled(sql, params))

    def execute_soon(self, sql: str) -> None:
        """As `Connection.execute_soon`; does not wait until the session is connected either."""
        with suppress(BrokenPipeError):  # it has ended: that is the answer
            self._say(sql)

    def execute_together(self, statements: Sequence[str]) -> None:
        """As `Connection.execute_together`."""
        self._ask("\n\\;\n".join(statements), ";\n".join(statements))

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """As `Connection.rows`; columns may have equal names, and it is a query that can stand in FROM."""
        query = filled(sql, params)
        (answer,) = self._ask(f"SELECT coalesce(array_to_json(array_agg(q)), '[]') FROM (\n{query}\n) q", query)  # noqa: S608  a query of ours
        return [tuple(_plain(value) for _, value in row or ()) for row in json.loads(answer, object_pairs_hook=_Pairs)]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """As `Connection.transaction`."""
        begin, end, undo = "BEGIN", "COMMIT", "ROLLBACK"
        if self._depth:
            point = f"aegisdb_{self._depth}"
            begin, end, undo = f"SAVEPOINT {point}", f"RELEASE {point}", f"ROLLBACK TO {point}"
        self.execute_soon(begin)  # it does not fail but with its session, and the next statement tells that
        self._depth += 1
        try:
            yield
        except BaseException:
            if not self.closed:
                self.execute(undo)
            raise
        else:
            self.execute(end)
        finally:
            self._depth -= 1

    @property
    def backend_pid(self) -> int:
        """The server process of this session."""
        if not self._pid:
            self._pid = self.value("SELECT pg_backend_pid()")
        return self._pid

    @property
    def closed(self) -> bool:
        """Closed by us or by the server."""
        return self._process.poll() is not None

    def settle(self) -> None:
        """Wait until the session is connected and has done everything that was to be done soon.

        Raises:
            Unreachable, Busy: as `connection.connect`; what one of those statements raises.
        """
        self._hear()

    def take_over(self, application: str) -> None:
        """Go on as a session of this application; raises as `settle`, also where it was ended while it waited."""
        if application != self._application or not self._owed:
            self._application = application
            self.execute_soon(filled("SELECT set_config('application_name', %s, false)", (application,)))
        self.settle()

    def close(self) -> None:
        """End the session and its psql."""
        # psql says goodbye to the server at the end of its input, where a signal would leave the backend to find out
        with suppress(BrokenPipeError):
            self._input.close()
        if not self.closed and self._output_ends():
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_GOODBYE)
        processes.stop(self._process)
        self._output.close()
        self._errors.close()

    def _output_ends(self) -> bool:
        """Wait for it for a moment: `Popen.wait` sleeps between two looks for longer than psql takes to end."""
        descriptor, deadline = self._output.fileno(), time.monotonic() + _GOODBYE
        output = select.poll()
        output.register(descriptor, select.POLLIN | select.POLLHUP)
        while (left := deadline - time.monotonic()) > 0:
            if output.poll(left * 1000) and not os.read(descriptor, 65536):
                return True
        return False

    def _ask(self, sql: str, asked: str = "") -> list[bytes]:
        """The lines that a statement prints; psql goes on after an error, and so may who asked."""
        try:
            self._say(sql, asked)
        except BrokenPipeError:
            raise self._failed(self._owed) from None
        return self._hear()

    def _say(self, sql: str, asked: str = "") -> None:
        text = f"{sql}\n;\n\\echo {_END}\n"
        self._lines_said += text.count("\n")
        self._owed.append(Said(asked or sql, self._lines_said))
        self._input.write(text.encode())
        self._input.flush()

    def _hear(self) -> list[bytes]:
        """Read the owed answers, and return what the last one prints."""
        heard, self._owed = self._owed, []
        lines: list[bytes] = []
        try:
            for _ in heard:
                lines = self._lines(heard)
        except (KeyboardInterrupt, SystemExit):
            self._cancel()
            raise
        # psql writes what it has to say about a statement before it goes on
        if heard and _ERROR.search(said := self._said()):
            raise self._refused(said, heard)
        return lines

    def _lines(self, heard: Sequence[Said]) -> list[bytes]:
        lines: list[bytes] = []
        for line in self._output:
            if line == f"{_END}\n".encode():
                return lines
            lines.append(line)
        raise self._failed(heard)

    def _cancel(self) -> None:
        """End what the server does for this session: psql cancels it when it is interrupted, and stops."""
        with suppress(ProcessLookupError, subprocess.TimeoutExpired):
            self._process.send_signal(signal.SIGINT)
            self._process.wait(_CANCELLING)
        processes.stop(self._process)

    def _said(self) -> str:
        return (self._errors.read() or b"").decode(errors="replace")

    def _failed(self, heard: Sequence[Said]) -> AegisError:
        """The error of a session that has ended."""
        code = self._process.wait()
        said = self._said()
        if code == _EXIT_CONNECTION and "psql: error: " in said:
            return server_errors.of_connecting(said, self.address)
        if _ERROR.search(said):
            return self._refused(said, heard)
        return server_errors.lost(said or f"psql ended with {code}", self.address)

    def _refused(self, said: str, heard: Sequence[Said]) -> AegisError:
        """The error of the first of these statements that has one; of several, its last."""
        errors = list(_ERROR.finditer(said))
        asked = next((one for one in heard if one.until >= int(errors[0]["line"])), Said("", 0))
        own = sum(int(error["line"]) <= asked.until for error in errors) or 1
        last, *later = errors[own - 1 :]
        fields = dict(_FIELD.findall(said, last.end(), later[0].start() if later else len(said)))
        return server_errors.of_statement(
            last["text"],
            self.address,
            asked.text,
            sqlstate=last["state"],
            detail=fields.get("DETAIL", ""),
            hint=fields.get("HINT", ""),
        )


def open_session(address: Address, *, bindir: Path | None, application: str, timeout: float) -> PipedConnection:
    """A session of psql; arguments and errors are those of `connection.connect`.

    Raises:
        Failed: psql is not installed.
    """
    with _started(address, bindir=bindir, application=application, timeout=timeout) as session:
        # within this, as its password may be a file that is there only as long as this lasts
        session.settle()
    return session


def begin_session(address: Address, *, bindir: Path | None, application: str, timeout: float) -> PipedConnection:
    """Open a session without waiting until it is connected: `settle` does, and raises what connecting raises.

    For systems where `psql.keeps_password_in_memory`.
    """
    with _started(address, bindir=bindir, application=application, timeout=timeout) as session:
        return session


@contextmanager
def _started(address: Address, *, bindir: Path | None, application: str, timeout: float) -> Iterator[PipedConnection]:
    argv = [str(psql.binary("psql", bindir)), *_FLAGS]
    with psql.login(address, application=application) as (variables, descriptors):
        own = {"PGCONNECT_TIMEOUT": str(max(2, int(timeout))), "PGCLIENTENCODING": "UTF8"}
        env = processes.child_environment({**variables, **own})
        pipe = subprocess.PIPE
        # without a death signal: psql ends when its input does, and the child is made without copying this process
        process = processes.start(
            argv, env=env, pass_fds=descriptors, stdin=pipe, stdout=pipe, stderr=pipe, death_signal=None
        )
        session = PipedConnection(address, process, application)
        try:
            session.execute_soon(_ONLY_ERRORS)
            session.execute_soon(CATALOG_FIRST.format(only=""))
            yield session
        except BaseException:
            session.close()
            raise


class _Pairs(list[tuple[str, Any]]):
    """An object of JSON, or a row, whose columns may have equal names."""


def _plain(value: Any) -> Any:
    if isinstance(value, _Pairs):
        return {key: _plain(each) for key, each in value}
    return [_plain(each) for each in value] if isinstance(value, list) else value
