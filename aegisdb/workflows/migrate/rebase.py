"""`migrate.rebase`: puts my unapplied revision on top of the head that was merged first; no merge revision."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb import python_source
from aegisdb.applied.status import several_heads
from aegisdb.applied.version_tables import read_versions
from aegisdb.errors import Failed, HistoryError, NoDatabase, Refused, Unreachable
from aegisdb.files import replace_file, shown
from aegisdb.lint.changed_files import default_branch, files_at
from aegisdb.results import Result
from aegisdb.revisions.folder_lock import folder_lock
from aegisdb.revisions.load import read_history
from aegisdb.revisions.locate import alembic_settings
from aegisdb.revisions.parse import scan_source

if TYPE_CHECKING:
    from pathlib import Path

    from aegisdb.revisions.history import History
    from aegisdb.revisions.parse import Revision
    from aegisdb.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Moved:
    """A file that points elsewhere now."""

    file: str
    """Relative to services.yaml."""
    revision: str
    before: str
    """What it revised; empty for nothing."""
    after: str


@dataclass(frozen=True, kw_only=True)
class RebaseResult(Result):
    """Files that were re-pointed; none where there was one head already."""

    service: str
    moved: tuple[Moved, ...]
    heads: tuple[str, ...]
    """What the heads are now, or would be."""
    planned: bool


def rebase(ws: Workspace, service: str, *, dry_run: bool = False) -> RebaseResult:
    """Re-point my revisions onto the head that the default branch has; only `down_revision` and "Revises:" change.

    Mine is what the default branch does not have and the target's database has not applied.

    Raises:
        Refused: nothing tells which head is mine (`whose_head`), or mine is applied (`applied`).
        Unreachable: the database cannot be asked what is applied; nothing was changed.
        Busy: another command writes revisions of the service; nothing was changed.
    """
    alembic_settings(ws.registry, service)
    if dry_run:
        return _rebased(ws, service, dry_run=True)
    home = ws.registry.root / ws.registry.services[service].path
    with folder_lock(home, service, wait=ws.lock_wait, listen=ws.listen):
        return _rebased(ws, service, dry_run=False)


def _rebased(ws: Workspace, service: str, *, dry_run: bool) -> RebaseResult:
    history = read_history(ws.registry, service)
    if several_heads(history) is None:
        return RebaseResult(service=service, moved=(), heads=history.heads, planned=dry_run)
    theirs, mine = _sides(ws, history)
    _require_unapplied(ws, history, theirs, mine)
    moved: list[Moved] = []
    top = theirs
    for head in mine:
        revision = _lowest(history, head, theirs)
        moved.append(_moved(ws, revision, top))
        if not dry_run:
            _write(revision, top)
        top = head
    heads = (top,) if dry_run else _proven(ws, service, top)
    return RebaseResult(service=service, moved=tuple(moved), heads=heads, planned=dry_run)


def _sides(ws: Workspace, history: History) -> tuple[str, tuple[str, ...]]:
    """Their head, and mine: those that are not on the default branch."""
    branch = default_branch(ws.registry.root)
    merged = set()
    for path, text in files_at(ws.registry.root, branch, history.locations.versions).items():
        try:
            merged.add(scan_source(text, path).id)
        except HistoryError:
            continue  # no revision, so no head
    theirs = [head for head in history.heads if head in merged]
    if len(theirs) != 1:
        found = f"{len(theirs)} of its heads are" if theirs else "none of its heads is"
        raise Refused(
            f"{history.service}: nothing tells which head is yours: {found} on the default branch"
            f" ({branch or 'git knows none here'}); heads: {', '.join(history.heads)}",
            hint="git fetch, then again; or change down_revision of the newer file by hand",
            code="whose_head",
        )
    return theirs[0], tuple(head for head in history.heads if head != theirs[0])


def _require_unapplied(ws: Workspace, history: History, theirs: str, mine: tuple[str, ...]) -> None:
    own = history.ancestors(mine) - history.ancestors((theirs,))
    applied = history.ancestors(_rows(ws, history)) & own
    if applied:
        listed = [revision.id for revision in history.ordered() if revision.id in applied]
        lowest = history.revisions[listed[0]]
        raise Refused(
            f"{history.service}: {', '.join(listed)} is applied to {ws.target}, which would never get {theirs} then",
            where=f"{lowest.path}:{lowest.line}",
            hint=f"revert it first: invoke migrate.rollback --service {history.service}"
            f" --to {' '.join(lowest.down) or 'base'}",
            code="applied",
        )


def _rows(ws: Workspace, history: History) -> tuple[str, ...]:
    try:
        with ws.connect() as conn:
            return read_versions(conn, [history])[history.service]
    except Unreachable as error:
        if isinstance(error, NoDatabase) or not ws.server.has_data():
            return ()  # where there is nothing, nothing is applied
        raise


def _lowest(history: History, head: str, theirs: str) -> Revision:
    """The first of my revisions: the one that stands on what both sides have."""
    own = history.ancestors((head,)) - history.ancestors((theirs,))
    lowest = [r for r in history.ordered() if r.id in own and not set(r.down) & own]
    if len(lowest) == 1 and len(lowest[0].down) < 2:  # noqa: PLR2004  two parents
        return lowest[0]
    raise Refused(
        f"{history.service}: what leads to {head} is not a single line of revisions, so no file can be re-pointed",
        where=", ".join(f"{r.path}:{r.line}" for r in lowest),
        hint="change down_revision by hand",
        code="whose_head",
    )


def _moved(ws: Workspace, revision: Revision, onto: str) -> Moved:
    file = shown(revision.path, ws.registry.root)
    return Moved(file=file, revision=revision.id, before=" ".join(revision.down), after=onto)


def _write(revision: Revision, onto: str) -> None:
    replace_file(revision.path, repointed(revision.path.read_bytes(), revision.path, onto), durable=True)


def repointed(source: bytes, path: Path, onto: str) -> bytes:
    """The text of a revision with another `down_revision`; every other byte but the docstring's "Revises:" stays.

    Raises:
        Failed: the text would not say what it should.
    """
    tree = python_source.parse(source)
    edits = [_edit_of_value(source, tree, onto)]
    edits += _edit_of_docstring(source, tree, onto)
    result = source
    for start, end, text in sorted(edits, reverse=True):
        result = result[:start] + text + result[end:]
    if scan_source(result, path).down != (onto,):
        raise Failed(f"{path.name} cannot be re-pointed; it is as it was", where=str(path), hint="change it by hand")
    return result


def _edit_of_value(source: bytes, tree: ast.Module, onto: str) -> tuple[int, int, bytes]:
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = getattr(node, "value", None)
        if isinstance(value, ast.expr) and any(getattr(t, "id", "") == "down_revision" for t in targets):
            start = _offset(source, value.lineno, value.col_offset)
            end = _offset(source, value.end_lineno or value.lineno, value.end_col_offset or 0)
            quote = b"'" if b"'" in source[start:end] or b"revision = '" in source else b'"'
            return start, end, quote + onto.encode() + quote
    raise AssertionError  # the scan found one: a history without it has one head


def _edit_of_docstring(source: bytes, tree: ast.Module, onto: str) -> list[tuple[int, int, bytes]]:
    first = tree.body[0]
    if ast.get_docstring(tree) is None:
        return []
    start = _offset(source, first.lineno, first.col_offset)
    end = _offset(source, first.end_lineno or first.lineno, first.end_col_offset or 0)
    found = re.search(rb"^Revises:[ \t]*([^\r\n\"']*)", source[start:end], re.MULTILINE)
    if found is None:
        return []
    return [(start + found.start(), start + found.end(), b"Revises: " + onto.encode())]


def _offset(source: bytes, line: int, column: int) -> int:
    # ast counts columns in bytes of UTF-8, and a line ends as Python's tokenizer says
    return sum(len(text) for text in source.splitlines(keepends=True)[: line - 1]) + column


def _proven(ws: Workspace, service: str, head: str) -> tuple[str, ...]:
    heads = read_history(ws.registry, service).heads
    if heads != (head,):
        raise Failed(f"{service}: re-pointed, and its heads are {', '.join(heads)}", hint="git diff shows what changed")
    return heads
