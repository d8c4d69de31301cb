"""Scratch databases: thrown away when their user ends, however it ends.

The maker holds an advisory lock on the maintenance database while it uses one. So a scratch database whose lock is free
belongs to nobody alive, on whatever machine it was made. The name carries a check over the server's identifier: a
database that only happens to have `__scratch_` in its name is never taken for ours.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from aegisdb.errors import AegisError, Busy
from aegisdb.postgres import databases, markers
from aegisdb.postgres.capabilities import CREATE_DATABASE
from aegisdb.postgres.quoting import MAX_NAME_BYTES, cut_name
from aegisdb.postgres.route import require, require_primary, require_undivided
from aegisdb.postgres.uncopied import uncopied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aegisdb.postgres.address import Address
    from aegisdb.postgres.connection import Connection

_WAIT_FOR_DROPS = "AEGIS_WAIT_FOR_DROPS"
_INFIX = "__scratch_"
_RANDOM_BYTES = 4
_CHECK_LENGTH = 6
_PATIENCE = 100  # milliseconds: whoever drops a database waits for a checkpoint, and a sweep need not wait with him
_OWN_LOCKS = """
    SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks
     WHERE locktype = 'advisory' AND objsubid = 1 AND mode = 'ExclusiveLock' AND pid = pg_backend_pid()"""
_ID = re.compile(rf"{_INFIX}([0-9a-f]{{{2 * _RANDOM_BYTES}}})([0-9a-f]{{{_CHECK_LENGTH}}})$")


@contextmanager
def scratch(
    address: Address,
    conn: Connection | None = None,
    *,
    template: str | None = None,
    label: str = "",
    wait: float = 30.0,
    sweeping: bool = True,
    soon: bool = False,
) -> Iterator[Address]:
    """A database of one's own on the address's server, empty or a copy of `template`; always dropped.

    `conn` is a session on the maintenance database, where the caller has one that will stay open; else one is opened.
    `label` goes into its marker. `wait` seconds for a template in use. Orphans of the same database are dropped first,
    unless `sweeping` is False. With `soon`, and no `conn`, nobody waits until it is dropped: the server is
    left to it, also by the end of the process.

    Raises:
        Busy: sessions are on the template; Unreachable; StatementFailed: the role may not create databases.
    """
    if conn is None and works_beside(own=soon):
        own = databases.maintenance(address, application="aegisdb: scratch database")
        with _closed_on_error(own):
            made = _begun(address, own, template, label, wait, sweeping=sweeping)
        try:
            yield made
        finally:
            # its session has the lock that tells it from an orphan until it is gone
            if not _can_be_left(own, made.database) or not own.leave(
                databases.drop_statement(made.database, force=True)
            ):
                threading.Thread(target=_drop_and_close, args=(address, own, made.database), name="drop").start()
        return
    if conn is None:
        with (
            databases.maintenance(address, application="aegisdb: scratch database") as own,
            scratch(address, own, template=template, label=label, wait=wait, sweeping=sweeping) as made,
        ):
            yield made
        return
    made = _begun(address, conn, template, label, wait, sweeping=sweeping)
    try:
        yield made
    finally:
        _drop(address, conn, made.database)


@contextmanager
def scratch_ahead(address: Address, *, template: str, label: str, soon: bool) -> Iterator[Callable[[], Address]]:
    """As `scratch`, beside what the block does first where that may be; what is yielded waits for it, and raises so."""
    made = scratch(address, template=template, label=label, soon=soon)
    with ExitStack() as stack:
        if not works_beside(own=soon):
            yield lambda: stack.enter_context(made)
            return
        with ThreadPoolExecutor(1, thread_name_prefix="scratch") as pool:
            yield pool.submit(stack.enter_context, made).result


def _begun(
    address: Address, conn: Connection, template: str | None, label: str, wait: float, *, sweeping: bool
) -> Address:
    require_primary(conn, "a scratch database")
    require_undivided(conn, "a scratch database")
    require(conn, CREATE_DATABASE, "a scratch database")
    if sweeping:
        sweep(conn, address.database)
    return make(address, conn, template=template, label=label, wait=wait)


def works_beside(*, own: bool) -> bool:
    """Whether databases are made and dropped beside other work: on an `own` server, as others have room for few."""
    return own and os.environ.get(_WAIT_FOR_DROPS) != "1"


def _can_be_left(conn: Connection, name: str) -> bool:
    """Whether the server can drop it by itself: nobody would hear it refuse."""
    try:
        return not uncopied(conn, name)
    except AegisError:
        return False


def _drop_and_close(address: Address, conn: Connection, name: str) -> None:
    """Drop in a thread of its own; what cannot be dropped is an orphan when the session ends, for the next sweep."""
    with conn, suppress(AegisError):
        _drop(address, conn, name)


@contextmanager
def _closed_on_error(conn: Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        conn.close()
        raise


def make(
    address: Address, conn: Connection, *, template: str | None = None, label: str = "", wait: float = 30.0
) -> Address:
    """A scratch database that belongs to the session `conn`, on the maintenance database, until `retire`."""
    name = new_name(conn, address.database)
    conn.value(f"SELECT pg_advisory_lock({lock_key(name)})::text")
    try:
        if template is None:
            databases.create(conn, name)
        else:
            databases.clone(conn, template, name, wait=wait)
        conn.execute_soon(markers.mark_statement(name, "scratch", {"label": label}))
    except BaseException:
        _drop(address, conn, name)
        raise
    return address.with_database(name)


def retire(conn: Connection, name: str) -> None:
    """Let whoever drops retired ones have a scratch database of this session; it is no orphan while `conn` lives."""
    databases.end_sessions(conn, name)
    key = lock_key(name)
    conn.value(f"SELECT pg_advisory_lock_shared({key})::text")
    conn.value(f"SELECT pg_advisory_unlock({key})")


def retired(conn: Connection, database: str) -> tuple[str, ...]:
    """Retired scratch databases of `database`, whose maker lives or not; nobody makes one of these names again.

    Those that `conn` itself has made and not retired are none.
    """
    rows = conn.rows(
        "SELECT datname FROM pg_database WHERE starts_with(datname, %s) ORDER BY datname", (_prefix(database),)
    )
    # a session's own lock would not stop it from taking another one
    used = {key for (key,) in conn.rows(_OWN_LOCKS)}
    names = [name for (name,) in rows if lock_key(name) not in used and is_scratch_name(conn, name)]
    # the lock goes with the session
    return tuple(name for name in names if conn.value(f"SELECT pg_try_advisory_lock_shared({lock_key(name)})"))


def sweep(conn: Connection, database: str) -> tuple[str, ...]:
    """Drop the scratch databases of `database` whose maker is dead; returns their names."""
    return tuple(name for name in orphans(conn, database) if _drop_orphan(conn, name))


def orphans(conn: Connection, database: str) -> tuple[str, ...]:
    """Scratch databases of `database` whose maker is dead: its lock is free."""
    rows = conn.rows(
        "SELECT datname FROM pg_database WHERE starts_with(datname, %s) ORDER BY datname", (_prefix(database),)
    )
    names = [name for (name,) in rows if is_scratch_name(conn, name)]
    return tuple(name for name in names if not _is_locked(conn, name))


def is_scratch_name(conn: Connection, name: str) -> bool:
    """Whether the suite gave this name, on this server."""
    found = _ID.search(name)
    return found is not None and found[2] == _check(conn.identity().system_identifier, found[1])


def lock_key(name: str) -> int:
    """The 64-bit key of the advisory lock that the user of a scratch database holds."""
    return int.from_bytes(hashlib.sha256(f"aegisdb:scratch:{name}".encode()).digest()[:8], signed=True)


def new_name(conn: Connection, database: str) -> str:
    """A name that no other has; a database that bears it without its lock being held is dropped by the next sweep."""
    random = secrets.token_hex(_RANDOM_BYTES)
    return f"{_prefix(database)}{random}{_check(conn.identity().system_identifier, random)}"


def _prefix(database: str) -> str:
    # a scratch database of a scratch database stays within one infix
    base = _ID.sub("", database)
    room = MAX_NAME_BYTES - len(_INFIX) - 2 * _RANDOM_BYTES - _CHECK_LENGTH
    return cut_name(base, room) + _INFIX


def _check(system_identifier: int, random: str) -> str:
    return hashlib.sha256(f"{system_identifier}:{random}".encode()).hexdigest()[:_CHECK_LENGTH]


def _is_locked(conn: Connection, name: str) -> bool:
    key = lock_key(name)
    if conn.value(f"SELECT pg_try_advisory_lock({key})"):
        conn.value(f"SELECT pg_advisory_unlock({key})")
        return False
    return True


def _drop_orphan(conn: Connection, name: str) -> bool:
    key = lock_key(name)
    if not conn.value(f"SELECT pg_try_advisory_lock({key})"):
        return False
    try:
        conn.execute(f"SET lock_timeout = '{_PATIENCE}ms'")
        databases.drop(conn, name)
    except Busy:  # somebody drops it now, or a backend of the dead maker still works in it: the next sweep gets it
        return False
    finally:
        conn.execute("RESET lock_timeout")
        conn.value(f"SELECT pg_advisory_unlock({key})")
    return True


def _drop(address: Address, conn: Connection, name: str) -> None:
    if not conn.closed:
        databases.drop(conn, name, force=True)
        conn.value(f"SELECT pg_advisory_unlock({lock_key(name)})")
        return
    try:
        with databases.maintenance(address) as again:
            databases.drop(again, name, force=True)
    except AegisError:
        # the server is gone, which the body's own error tells; the next sweep drops the database
        return
