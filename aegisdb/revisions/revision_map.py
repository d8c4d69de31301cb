"""Revision files put in order, parents first, or refused where they contradict each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.errors import HistoryError, MissingParent

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aegisdb.revisions.parse import Revision


def arrange(service: str, found: Iterable[Revision]) -> dict[str, Revision]:
    """Revisions by id, parents first.

    Raises:
        HistoryError: two files with one id, a missing parent, or a cycle; naming both files.
    """
    by_id: dict[str, Revision] = {}
    for revision in found:
        other = by_id.setdefault(revision.id, revision)
        if other is not revision:
            raise HistoryError(
                f"{service}: {other.path.name} and {revision.path.name} both are revision {revision.id}",
                where=f"{other.path}:{other.line}, {revision.path}:{revision.line}",
                hint="give the newer one another id",
                code="duplicate_revision",
            )
    by_id = {identifier: _resolved(revision, by_id) for identifier, revision in by_id.items()}
    for revision in by_id.values():
        _require_parents(service, revision, by_id)
    return _parents_first(service, by_id)


def _resolved(revision: Revision, by_id: Mapping[str, Revision]) -> Revision:
    if not revision.depends_on:
        return revision
    from dataclasses import replace

    return replace(revision, depends_on=tuple(_full_id(name, by_id) for name in revision.depends_on))


def _full_id(name: str, by_id: Mapping[str, Revision]) -> str:
    labelled = [r.id for r in by_id.values() if name in r.labels]
    abbreviated = [identifier for identifier in by_id if identifier.startswith(name)]
    if name in by_id or len(labelled or abbreviated) != 1:
        return name
    return (labelled or abbreviated)[0]


def _require_parents(service: str, revision: Revision, by_id: Mapping[str, Revision]) -> None:
    for parent in revision.parents:
        if parent not in by_id:
            raise MissingParent(
                f"{service}: {revision.path.name} revises {parent}, and no file has that revision",
                where=f"{revision.path}:{revision.line}",
                hint=f"bring the file of {parent} back (git log --all -S {parent}), or change down_revision",
            )


def _parents_first(service: str, by_id: Mapping[str, Revision]) -> dict[str, Revision]:
    waiting = {identifier: len(set(revision.parents)) for identifier, revision in by_id.items()}
    children: dict[str, list[str]] = {}
    for revision in by_id.values():
        for parent in set(revision.parents):
            children.setdefault(parent, []).append(revision.id)
    ready = sorted((identifier for identifier, count in waiting.items() if not count), reverse=True)
    placed: dict[str, Revision] = {}
    while ready:
        identifier = ready.pop()
        placed[identifier] = by_id[identifier]
        for child in sorted(children.get(identifier, ()), reverse=True):
            waiting[child] -= 1
            if not waiting[child]:
                ready.append(child)
    if len(placed) < len(by_id):
        _raise_cycle(service, {i: r for i, r in by_id.items() if i not in placed})
    return placed


def _raise_cycle(service: str, left: Mapping[str, Revision]) -> None:
    path = [next(iter(left))]
    while path.count(path[-1]) == 1:
        path.append(next(parent for parent in left[path[-1]].parents if parent in left))
    cycle = path[path.index(path[-1]) :]
    files = dict.fromkeys(f"{left[i].path}:{left[i].line}" for i in cycle)
    raise HistoryError(
        f"{service}: revisions revise each other in a circle: {' -> '.join(cycle)}",
        where=", ".join(files),
        code="cycle",
    )
