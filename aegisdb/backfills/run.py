"""One backfill inside a revision: out of Alembic's transaction, along the key, and back into the next transaction."""

from __future__ import annotations

import logging
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from aegisdb.applied.backfills import percent, said, seconds_left
from aegisdb.backfills.batches import Batches
from aegisdb.backfills.keys import Table
from aegisdb.backfills.pace import Pace
from aegisdb.backfills.progress import Place, Recorded, Unrecorded
from aegisdb.backfills.wanted import BackfillStopped
from aegisdb.runtime.worker.statements import rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aegisdb.backfills.wanted import Wanted

SUITE = "aegisdb"
"""The key under which the suite's worker leaves in Alembic's options who runs it, and whom to tell."""
_OFTEN = 10.0
"""Seconds between two lines in the log of plain Alembic."""
_SETTINGS = {
    # texts of keys are read again by another session
    "DateStyle": "ISO, YMD", "IntervalStyle": "postgres", "extra_float_digits": "1", "bytea_output": "hex",
    # a batch is a range of the key, whatever the statistics say about a table in the middle of a backfill
    "enable_seqscan": "off",
}  # fmt: skip


def run(context: Any, wanted: Wanted) -> None:
    """Run the backfill; the revision's transaction is committed before it, and another one is begun afterwards."""
    if context._in_external_transaction:  # noqa: SLF001  Alembic has no public name for it
        raise BackfillStopped(
            "env.py holds a transaction of its own around the revisions, so no batch can be committed alone",
            "let it use `engine.connect()` and `context.begin_transaction()`",
        )
    suite = context.opts.get(SUITE) or {"record": True}
    connection = context.connection
    table = Table.read(connection, wanted)
    total = table.estimate or _count(connection, table)
    progress = Unrecorded(total)
    if suite["record"]:
        progress = Recorded(_place(context), wanted, table, suite, total)
        progress.open(connection)
    if not progress.finished:
        tell = suite.get("tell") or _log
        pace, settings = Pace(wanted, rests=suite["record"]), _settings(connection, wanted)
        with _unprepared(connection), context.autocommit_block():
            teller = _teller(table, progress, tell)
            Batches(context.connection, wanted, table, progress, pace, settings, teller).run()
    progress.land(context.connection)


def _count(connection: Any, table: Table) -> int:
    return int(rows(connection, f"SELECT count(*) FROM {table.name}")[0][0])  # noqa: S608  quoted


def _place(context: Any) -> Place:
    """Find the revision whose file calls this, since Alembic does not say which one runs."""
    frame = sys._getframe(1)  # noqa: SLF001  what `inspect` uses
    while frame.f_back is not None and not {"revision", "down_revision"} <= frame.f_globals.keys():
        frame = frame.f_back
    if "revision" not in frame.f_globals:
        raise BackfillStopped("aegisdb.backfill is called from no revision", "call it in upgrade()")
    schema = context.version_table_schema or rows(context.connection, "SELECT CAST(current_schema() AS text)")[0][0]
    return Place(schema or "", context.version_table, frame.f_globals["revision"])


@contextmanager
def _unprepared(connection: Any) -> Iterator[None]:
    """Keep psycopg from preparing what it sees again and again: behind a pooler the next session has not got it."""
    driver = connection.connection.driver_connection
    if not hasattr(driver, "prepare_threshold"):
        yield
        return
    before, driver.prepare_threshold = driver.prepare_threshold, None
    try:
        yield
    finally:
        driver.prepare_threshold = before


def _settings(connection: Any, wanted: Wanted) -> dict[str, str]:
    """The settings of each batch."""
    settings = {**_SETTINGS, "lock_timeout": f"{wanted.lock_timeout * 1000:.0f}ms"}
    if not rows(connection, "SELECT pg_catalog.current_setting('synchronous_standby_names')")[0][0]:
        settings["synchronous_commit"] = "off"  # a batch that a crash takes back is done again: its key goes with it
    return settings


def _teller(table: Table, progress: Unrecorded, tell: Callable[[str], None]) -> Callable[[str], None]:
    told = time.monotonic() if tell is _log else 0.0

    def now(note: str) -> None:
        nonlocal told
        if time.monotonic() - told < (_OFTEN if tell is _log else 1.0):
            return
        told = time.monotonic()
        done = percent(progress.walked, progress.total)
        left = seconds_left(progress.walked, progress.total, progress.seconds)
        tell(" ".join(filter(None, (f"{table.name}: {said(done, left)}", note))))

    return now


def _log(text: str) -> None:
    # Alembic's own ini file shows what its loggers say
    logging.getLogger("alembic.aegisdb.backfill").info("backfill of %s", text)
