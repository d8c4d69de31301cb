"""What each step locks, measured: the revisions run on an empty database, one after the other, as by `migrate.plan`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.forms.files import with_paragraph_of
from aegisdb.forms.step import plain
from aegisdb.ownership import Owners
from aegisdb.postgres.connection import connect
from aegisdb.progress import under_way
from aegisdb.proofs.rehearsal import rehearse
from aegisdb.revisions.load import read_history

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aegisdb.forms.files import StepFile
    from aegisdb.postgres.address import Address
    from aegisdb.proofs.rehearsal import Rehearsal, Touched
    from aegisdb.workspace import Workspace

_MAJOR = 10_000  # of `server_version_num`


def measure_locks(
    ws: Workspace, address: Address, service: str, below: str, files: Sequence[StepFile]
) -> dict[str, tuple[str, ...]]:
    """Run the steps and say in their docstrings what each locks; by revision, in words.

    `address` is a database without the steps, and without the revision `below` them, where there is one.
    """
    history = read_history(ws.registry, service)
    new = [*filter(None, [below]), *(file.revision for file in files)]
    todo = [(history, tuple(history.revisions[one] for one in new))]
    with (
        under_way(ws.listen, "locks of the steps", service),
        connect(address, application="aegisdb: plan") as conn,
    ):
        server = conn.identity().server_version // _MAJOR
        found = [*rehearse(ws, conn, todo, frozenset(Owners(ws.registry).version_tables))]
    told = {one.revision: tuple(_told(one)) for one in found}
    for file in files:
        if file.step.backfill:
            told[file.revision] = ()  # without rows it has no batch, and batches are what locks
        else:
            with_paragraph_of(file.path, _sentence(told[file.revision], server))
    return told


def _told(step: Rehearsal) -> Iterator[str]:
    yield from (_words(table) for table in step.tables)
    yield from (f"{name} is left INVALID" for name in step.invalid_indexes)


def _words(table: Touched) -> str:
    waits = f"{table.stops} wait for it" if table.stops else "readers and writers go on"
    return f"{table.lock} on {plain(table.table)}: {waits}"


def _sentence(told: Sequence[str], server: int) -> Iterator[str]:
    yield f"Locks, as measured on PostgreSQL {server}:"
    yield from (f"  {line}" for line in told or ["none on a table that was there before"])
