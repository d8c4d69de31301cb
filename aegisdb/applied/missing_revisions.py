"""A revision that the database has and the checkout has not: where might its file be?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.errors import Failed, HistoryError
from aegisdb.processes import run
from aegisdb.revisions.parse import scan_source

if TYPE_CHECKING:
    from aegisdb.postgres.connection import Connection
    from aegisdb.revisions.history import History
    from aegisdb.revisions.parse import Revision

_CHAIN_LIMIT = 1000


@dataclass(frozen=True)
class Lost:
    """A row of a version table that no revision file explains."""

    revision: str
    ahead: int
    """How many journaled revisions lie between it and a revision that is known here; 0 when that is not known."""
    candidates: tuple[str, ...]
    """Places where the file was seen: commits with their branch, and the journal."""
    hint: str


def find_lost(conn: Connection, history: History, revision: str) -> Lost:
    """Look for the revision in the journal and in the git history of every branch; nothing is changed."""
    journaled = _journaled(conn, history)
    ahead = _ahead(history, journaled, revision)
    commits = _commits(history, revision)
    candidates = (*commits, *(("the journal has its source",) if revision in journaled else ()))
    return Lost(revision, ahead, candidates, _way_back(revision, commits, journaled=revision in journaled))


def _way_back(revision: str, commits: tuple[str, ...], *, journaled: bool) -> str:
    if commits:
        return f"check out the branch that has it: git branch -a --contains {commits[0].split()[1]}"
    if journaled:
        return f"bring its file back: invoke migrate.log --show {revision} --output FILE writes what ran"
    return "bring its file back from the branch it was made on"


def journaled_sources(conn: Connection, service: str) -> dict[str, str]:
    """The source of each revision of the service as it last ran in this database."""
    if conn.value("SELECT to_regclass('aegisdb.journal')") is None:
        return {}
    sql = "SELECT revision, source FROM aegisdb.journal WHERE service = %s AND source IS NOT NULL ORDER BY id"
    return dict(conn.rows(sql, (service,)))


def _journaled(conn: Connection, history: History) -> dict[str, Revision]:
    found = {}
    for identifier, source in journaled_sources(conn, history.service).items():
        try:
            found[identifier] = scan_source(source, history.locations.versions[0] / f"{identifier}.py")
        except HistoryError:
            continue  # it ran once, so this is not ours to judge; it only cannot help here
    return found


def _ahead(history: History, journaled: dict[str, Revision], revision: str) -> int:
    for count in range(_CHAIN_LIMIT):
        if revision in history.revisions:
            return count
        if revision not in journaled:
            return 0
        if not journaled[revision].down:
            return count + 1
        revision = journaled[revision].down[0]
    return 0


def _commits(history: History, revision: str) -> tuple[str, ...]:
    """Commits of any branch that brought the id into a file of the versions directory, newest first."""
    directory = history.locations.versions[0]
    search = ["git", "log", "--all", "-n", "3", "--diff-filter=A", "--format=%h %an %ad", "--date=short"]
    try:
        finished = run([*search, f"-S{revision}", "--", directory], cwd=history.locations.home, timeout=20)
    except Failed:
        return ()  # no git here
    return tuple(f"commit {line}" for line in finished.stdout.splitlines()) if finished.returncode == 0 else ()
