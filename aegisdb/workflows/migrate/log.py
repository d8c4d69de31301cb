"""`migrate.log`: what was applied, reverted, stamped and resolved, by whom and when; and the source that ran."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aegisdb.errors import UsageError
from aegisdb.results import Result

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from aegisdb.postgres.connection import Connection
    from aegisdb.workspace import Workspace

DEFAULT_LAST = 30
_ROWS = """
SELECT id, started, coalesce(service, ''), coalesce(revision, ''), action, outcome,
       pg_catalog.concat_ws('@', os_user, host), coalesce(database_user, ''), seconds,
       coalesce(pg_catalog.left(git_commit, 12), ''),
       coalesce(command, ''), coalesce(note, '')
  FROM aegisdb.journal
 WHERE (%s OR action <> 'run' OR outcome = 'died') AND (%s = '' OR service = %s)
 ORDER BY id DESC LIMIT %s
"""
_SOURCES = """
SELECT DISTINCT ON (service, revision) service, revision, source, action, started
  FROM aegisdb.journal WHERE source IS NOT NULL AND pg_catalog.starts_with(revision, %s) AND (%s = '' OR service = %s)
 ORDER BY service, revision, id DESC
"""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A row of the journal."""

    id: int
    started: datetime
    service: str
    revision: str
    action: str
    """upgrade, downgrade, stamp, resolve, run, or what was done to the whole database: base, reset, restore, deploy."""
    outcome: str
    who: str
    database_user: str
    seconds: float | None
    git_commit: str
    command: str
    note: str


@dataclass(frozen=True, kw_only=True)
class LogResult(Result):
    """The newest entries, oldest of them first."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True, kw_only=True)
class SourceResult(Result):
    """The source of a revision as it ran; `path` is where it was written to, empty for the terminal."""

    service: str
    revision: str
    ran: datetime
    source: str
    path: str = ""


def look(ws: Workspace, *, service: str, last: int, runs: bool, show: str, output: str) -> Result:
    """What `show` says, where there is a revision to show, else what `log` says."""
    if show:
        return source(ws, show, service=service, output=output)
    return log(ws, service=service, last=last, runs=runs)


def log(ws: Workspace, *, service: str = "", last: int = DEFAULT_LAST, runs: bool = False) -> LogResult:
    """The last entries of the journal; empty where nothing was ever journaled. `runs` also shows runs that ended well.

    Raises:
        UsageError: `last` is below 1; Unreachable: no server or no database.
    """
    require_some(last)
    with ws.connect() as conn:
        return LogResult(entries=entries_of(conn, service=service, last=last, runs=runs))


def require_some(last: int) -> None:
    """Refuse to show no entry at all: a UsageError."""
    if last < 1:
        raise UsageError(f"--last {last}: at least one entry")


def entries_of(conn: Connection, *, service: str, last: int, runs: bool) -> tuple[Entry, ...]:
    """The last entries of a database's journal, oldest of them first."""
    rows = conn.rows(_ROWS, (runs, service, service, last)) if _has_journal(conn) else []
    return tuple(Entry(**dict(zip(_NAMES, row, strict=True))) for row in reversed(rows))


_NAMES = (
    "id", "started", "service", "revision", "action", "outcome", "who", "database_user", "seconds", "git_commit",
    "command", "note",
)  # fmt: skip


def source(ws: Workspace, revision: str, *, service: str = "", output: str = "") -> SourceResult:
    """The source of a revision (an abbreviation will do) as it last ran here; `output` writes it to a new file.

    Raises:
        UsageError: no journaled revision or several services fit, or the file exists already.
    """
    with ws.connect() as conn:
        rows = conn.rows(_SOURCES, (revision, service, service)) if _has_journal(conn) else []
    exact = [row for row in rows if row[1] == revision]
    owner, identifier, source, _, ran = _only(revision, exact or rows)
    if output:
        _write(Path(output), source)
    return SourceResult(service=owner, revision=identifier, source=source, ran=ran, path=output)


def _has_journal(conn: Connection) -> bool:
    return conn.value("SELECT to_regclass('aegisdb.journal')") is not None


def _only(revision: str, rows: Sequence[tuple[str, str, str, str, datetime]]) -> tuple[str, str, str, str, datetime]:
    if len(rows) == 1:
        return rows[0]
    if not rows:
        raise UsageError(
            f"the journal has no source of a revision {revision!r}",
            hint="see invoke migrate.log; what plain alembic applied is not in it",
        )
    fitting = ", ".join(f"{row[1]} of {row[0]}" for row in rows)
    raise UsageError(f"{revision!r} fits several: {fitting}", hint="give --service or more of the id")


def _write(path: Path, source: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(source)
    except FileExistsError:
        raise UsageError(f"{path} exists already", hint="give another --output", code="exists") from None
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise UsageError(f"{path}: {error.strerror}", hint="--output names a new file in a directory") from None
