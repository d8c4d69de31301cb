"""Revision files put in order, parents first, or refused where they contradict each other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aegisdb.errors import HistoryError, MissingParent

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aegisdb.revisions.parse import Revision


_REFUSED = re.compile("[@+-]")


def arrange(service: str, found: Iterable[Revision]) -> dict[str, Revision]:
    """Revisions by id, parents first.

    Raises:
        HistoryError: two files with one id or label, an id that Alembic refuses, a missing parent, or a cycle; naming
            the files.
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
    _require_names(service, by_id)
    by_id = {identifier: _resolved(revision, by_id) for identifier, revision in by_id.items()}
    for revision in by_id.values():
        _require_parents(service, revision, by_id)
    return _parents_first(service, by_id)


def _require_names(service: str, by_id: Mapping[str, Revision]) -> None:
    """Refuse ids and labels that Alembic refuses when it loads the files."""
    if _REFUSED.search("".join(by_id)):
        refused = next(revision for revision in by_id.values() if _REFUSED.search(revision.id))
        raise HistoryError(
            f"{service}: Alembic takes no @, - or + in an id, and {refused.path.name} is revision {refused.id}",
            where=f"{refused.path}:{refused.line}",
            hint="change `revision` there, and `down_revision` of the next one",
        )
    named = dict(by_id)
    for revision in by_id.values():
        for label in revision.labels:
            if (other := named.setdefault(label, revision)) is not revision:
                raise HistoryError(
                    f"{service}: the label {label} of {revision.path.name} is {other.path.name}'s already",
                    where=f"{other.path}:{other.line}, {revision.path}:{revision.line}",
                    hint="give one of them other `branch_labels`",
                )


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
            verb, name = ("revises", "down_revision") if parent in revision.down else ("depends on", "depends_on")
            raise MissingParent(
                f"{service}: {revision.path.name} {verb} {parent}, and no file has that revision",
                where=f"{revision.path}:{revision.line}",
                hint=f"bring the file of {parent} back (git log --all -S {parent}), or change {name}",
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
        hint="change down_revision or depends_on of one of them: the first revision has none",
        code="cycle",
    )
