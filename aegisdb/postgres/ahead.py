"""Sessions of psql that are there before somebody asks for them: begun ahead of time, or left by who had one before.

Connecting takes 10 ms, most of them the server's and those of hashing the password: time in which a command has
modules to import and files to read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.errors import AegisError
from aegisdb.postgres import psql, psql_session
from aegisdb.postgres.session import CONNECT_TIMEOUT

if TYPE_CHECKING:
    from pathlib import Path

    from aegisdb.postgres.address import Address
    from aegisdb.postgres.psql_session import PipedConnection

_waiting: list[PipedConnection] = []


def begin(address: Address, *, bindir: Path | None) -> None:
    """Start connecting, for who asks for `session` next; waits for nothing, and if it fails it is he who is told.

    Does nothing where one waits already, where there is no psql, or where its password would need a file.
    """
    if any(one.address == address for one in _waiting):
        return
    if psql.keeps_password_in_memory() and psql.installed(bindir):
        begun = psql_session.begin_session(address, bindir=bindir, application="aegisdb", timeout=CONNECT_TIMEOUT)
        begun.kept_by = leave
        _waiting.append(begun)


def leave(session: PipedConnection) -> None:
    """Leave a session to who asks for one on the same database next."""
    _waiting.append(session)


def session(
    address: Address, *, bindir: Path | None, application: str, timeout: float = CONNECT_TIMEOUT
) -> PipedConnection:
    """One that waits, or a new one; arguments and errors are those of `psql_session.open_session`."""
    # one that came in with the password serves everybody; who wants to know whether it is the right one takes no other
    fitting = [one for one in _waiting if one.address == address and (address.socket or not one.address.socket)]
    for waiting in fitting:
        try:
            _waiting.remove(waiting)
        except ValueError:  # another thread was quicker
            continue
        try:
            waiting.taken_over(application)
        except AegisError:
            waiting.close()  # a new one says what is wrong now
        else:
            return waiting
    opened = psql_session.open_session(address, bindir=bindir, application=application, timeout=timeout)
    opened.kept_by = leave
    return opened


def pids(address: Address) -> list[int]:
    """The server processes of those that wait for who asks for this database; they are in nobody's way."""
    found = []
    for waiting in [one for one in _waiting if one.address == address]:
        try:
            found.append(waiting.backend_pid)
        except AegisError:  # somebody has ended it
            _waiting.remove(waiting)
            waiting.close()
    return found


def glance(address: Address, *, bindir: Path | None) -> PipedConnection:
    """A read-only session; raises as `psql_session.open_session`."""
    looking = session(address, bindir=bindir, application="aegisdb: look")
    looking.look_only()
    return looking


def close_all() -> None:
    """End the sessions that nobody asked for."""
    while _waiting:
        _waiting.pop().close()
