"""`report`: everything that there is to know about the target's database, gathered for one page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aegisdb import processes
from aegisdb.errors import AegisError, Problem, Unreachable
from aegisdb.workflows.pictures import destination, draw_diagram, draw_graph

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from aegisdb.results import Result
    from aegisdb.workflows.pictures import Picture
    from aegisdb.workspace import Workspace

_JOURNAL = 50  # entries


@dataclass(frozen=True, kw_only=True)
class Section:
    """One part of the page: what a command found, or a picture, or why there is neither."""

    title: str
    command: str
    """The command that tells the same, e.g. "migrate.status"."""
    results: tuple[Result, ...] = ()
    svg: str = ""
    note: str = ""
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """The contents of the page, and its path."""

    path: Path
    project: str
    target: str
    where: str
    """The database's address without its password."""
    made: datetime
    source: str
    """git branch and commit; empty outside of a repository."""
    sections: tuple[Section, ...]


def gather(ws: Workspace, *, output: str = "") -> Gathered:
    """Look at everything; changes nothing in the database. A part that cannot be read says why in its place.

    Raises:
        UsageError, Refused: the page cannot be written to `output`. Unreachable: no server or no database.
    """
    path = destination(ws, output, "report.html", (".html",))
    ws.connect().close()
    return Gathered(
        path=path,
        project=ws.registry.file.project,
        target=ws.target,
        where=ws.server.label(),
        made=datetime.now(UTC),
        source=_source(ws),
        sections=tuple(_sections(ws)),
    )


def _sections(ws: Workspace) -> Iterator[Section]:
    from aegisdb.workflows.db.status import db_status
    from aegisdb.workflows.migrate.log import log
    from aegisdb.workflows.migrate.status import status
    from aegisdb.workflows.migrate.verify import verify

    yield _section("Services", "migrate.status", lambda: status(ws, check=True))
    yield _section("Models and drift", "migrate.verify", lambda: verify(ws))
    yield _roundtrip(ws)
    yield _section("Database", "db.status", lambda: db_status(ws))
    yield _picture("Histories", "migrate.graph", lambda: draw_graph(ws))
    yield _picture("Tables", "db.diagram", lambda: draw_diagram(ws))
    yield _section("Journal", "migrate.log", lambda: log(ws, last=_JOURNAL))


def _section(title: str, command: str, look: Callable[[], Result]) -> Section:
    try:
        result = look()
    except AegisError as error:
        return Section(title=title, command=command, problems=_told(error))
    return Section(title=title, command=command, results=(result,), problems=result.problems)


def _picture(title: str, command: str, draw: Callable[[], Picture]) -> Section:
    try:
        drawn = draw()
    except AegisError as error:
        return Section(title=title, command=command, problems=_told(error))
    return Section(title=title, command=command, svg=drawn.text, note=drawn.shows, problems=drawn.problems)


def _roundtrip(ws: Workspace) -> Section:
    from aegisdb.workflows.migrate.roundtrip_result import read_roundtrip

    title, command = "Last roundtrip", "migrate.roundtrip"
    last = read_roundtrip(ws.registry)
    if last is None:
        return Section(title=title, command=command, note="no result of one is kept in this working copy")
    note = f"run on {last.made:%Y-%m-%d %H:%M} UTC on the server of target {last.target}"
    return Section(title=title, command=command, results=(last.result,), note=note, problems=last.result.problems)


def _told(error: AegisError) -> tuple[Problem, ...]:
    if isinstance(error, Unreachable):
        raise error  # the server went away: the rest would be no report
    return error.problems


def _source(ws: Workspace) -> str:
    words = []
    for asked in (("--abbrev-ref", "HEAD"), ("--short=12", "HEAD")):
        try:
            told = processes.run(["git", "rev-parse", *asked], cwd=ws.registry.root, timeout=10)
        except AegisError:  # no git on this machine
            return ""
        words.append(told.stdout.strip() if told.returncode == 0 else "")
    return " ".join(filter(None, words))
