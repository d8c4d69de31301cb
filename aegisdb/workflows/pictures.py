"""`db.diagram` and `migrate.graph`: pictures of the database and of the histories, written to a file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aegisdb.drift.expected_schema import base_schema
from aegisdb.errors import HistoryError, Refused, UsageError
from aegisdb.file_cache import make_state
from aegisdb.files import read_regular
from aegisdb.ownership import Owners
from aegisdb.pictures import diagram as er
from aegisdb.pictures import history_graph, mermaid
from aegisdb.pictures.canvas import MADE_BY
from aegisdb.pictures.tables import read_schema
from aegisdb.plain_text import number_of
from aegisdb.reporting import write_report
from aegisdb.results import Result
from aegisdb.revisions.history import History
from aegisdb.revisions.load import read_histories
from aegisdb.revisions.order import service_needs, service_order
from aegisdb.workflows.migrate.history import ServiceHistory, history

if TYPE_CHECKING:
    from aegisdb.errors import Problem
    from aegisdb.workspace import Workspace

_SUFFIXES = (".svg", ".mmd", ".md")


@dataclass(frozen=True)
class Picture:
    """A picture as text, and what it shows in words."""

    text: str
    shows: str
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PictureResult(Result):
    """The path of a picture, and what it shows."""

    file: str
    shows: str
    bytes: int


def diagram(ws: Workspace, *, output: str = "") -> PictureResult:
    """Draw tables, foreign keys and graph labels, coloured by owner, into an .svg, .mmd or .md file.

    Without `output`: `.aegisdb/diagram.svg`. A file that we did not write is never overwritten.

    Raises:
        UsageError: another ending; Refused: somebody else's file; Unreachable: no database.
    """
    path = destination(ws, output, "diagram.svg", _SUFFIXES)
    return _write(path, draw_diagram(ws, svg=path.suffix == ".svg"))


def draw_diagram(ws: Workspace, *, svg: bool = True) -> Picture:
    """The diagram of the live database, as SVG or as Mermaid."""
    owners = Owners(ws.registry, base_schema(ws))
    with ws.connect() as conn:
        schema = read_schema(conn, owners)
        title = f"{ws.registry.file.project}: {conn.identity().database}"
    text = (
        er.draw(schema, title=title, order=tuple(ws.registry.services)) if svg else mermaid.diagram(schema, title=title)
    )
    labels = sum(bool(table.graph) for table in schema.tables)
    counted = {"table": len(schema.tables) - labels, "foreign key": len(schema.keys), "graph label": labels}
    return Picture(text, ", ".join(number_of(count, thing) for thing, count in counted.items()))


def graph(ws: Workspace, *, service: str = "", output: str = "") -> PictureResult:
    """Draw the histories and where the database is, into an .svg, .mmd or .md file.

    Without `output`: `.aegisdb/histories.svg`. Without a server it shows the files alone.

    Raises:
        UsageError: another ending, or no such service; Refused: somebody else's file.
    """
    path = destination(ws, output, "histories.svg", _SUFFIXES)
    return _write(path, draw_graph(ws, service=service, svg=path.suffix == ".svg"))


def draw_graph(ws: Workspace, *, service: str = "", svg: bool = True) -> Picture:
    """The histories with markers of the live database, as SVG or as Mermaid."""
    found = history(ws, service=service)
    trees = _trees(ws, found.services)
    where = f"database {ws.target}" if found.reached else "no database reached: nothing is marked as applied"
    title = f"{ws.registry.file.project}: histories, {where}"
    order = tuple(ws.registry.services)
    text = history_graph.draw(trees, title=title, order=order) if svg else mermaid.histories(trees, title=title)
    shows = (
        f"{number_of(len(trees), 'history', 'histories')}, {number_of(sum(len(t.nodes) for t in trees), 'revision')}"
    )
    return Picture(text, shows, found.problems)


def _trees(ws: Workspace, services: tuple[ServiceHistory, ...]) -> tuple[history_graph.Tree, ...]:
    """The histories to draw, in cross-service order; those whose files cannot be read come last."""
    every = read_histories(ws.registry)
    good = {name: found for name, found in every.items() if isinstance(found, History)}
    shown = {found.service: found for found in services}
    readable = tuple(
        _tree(shown[name], tuple(service_needs(ws.registry, good[name])))
        for name in service_order(ws.registry, good)
        if name in shown
    )
    broken = {name: error for name, error in every.items() if isinstance(error, HistoryError)}
    return readable + tuple(history_graph.Tree(name, (), fault=error.message) for name, error in broken.items())


def _tree(found: ServiceHistory, after: tuple[str, ...]) -> history_graph.Tree:
    nodes = tuple(
        history_graph.Node(
            id=line.revision,
            message=line.message,
            parents=line.down,
            applied=line.applied,
            is_head=line.head,
            is_here=line.current,
        )
        for line in reversed(found.revisions)
    )
    return history_graph.Tree(service=found.service, nodes=nodes, after=after, unknown=found.unknown)


def destination(ws: Workspace, output: str, default: str, suffixes: tuple[str, ...]) -> Path:
    """The path of a file of ours: `output`, or `default` in the local state.

    Raises:
        UsageError: another ending, or it cannot be written; Refused: somebody else's file is there.
    """
    path = Path(output) if output else ws.registry.state / default
    if path.suffix not in suffixes:
        raise UsageError(f"cannot tell the format of {output!r}", hint=f"end the name with {', '.join(suffixes)}")
    if path.is_dir() or (output and not path.parent.is_dir()):
        raise UsageError(f"{path} cannot be written", hint="name a file in a directory that exists")
    kept_by_us = not output and path.is_file() and not path.is_symlink()  # cut or not, it can be made again
    if os.path.lexists(path) and not kept_by_us and not _is_ours(path):
        raise Refused(f"{path} was not made by aegisdb", hint="name another file", code="foreign_file")
    if not output:
        make_state(ws.registry.state)
    return path


def _is_ours(path: Path) -> bool:
    """Whether it is a file that may be overwritten; an empty one, as a full disk or a power cut leaves it, is."""
    content = read_regular(path)
    return content is not None and (not content.strip(b"\0 \r\n\t") or MADE_BY.encode() in content)


def _write(path: Path, picture: Picture) -> PictureResult:
    content = f"```mermaid\n{picture.text}```\n" if path.suffix == ".md" else picture.text
    write_report(path, content)
    return PictureResult(file=str(path), shows=picture.shows, bytes=len(content.encode()), problems=picture.problems)
