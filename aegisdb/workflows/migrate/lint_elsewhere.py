"""Lint by the workers of an engine, and by this process what the engine loses.

A worker opens services.yaml by itself, at the same path. What git says and what the target's database has applied is
asked here, and goes there with the names of the services. It judges nothing where its files, its aegisdb or its squawk
are others than here.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.building.content_hash import surroundings
from aegisdb.engines.choice import engine
from aegisdb.engines.other_side import OTHER_CODE, code_of_aegisdb, require_same, this_worker
from aegisdb.errors import AegisError, HistoryError
from aegisdb.lint.packed import Findings
from aegisdb.lint.services import Report, share_folders
from aegisdb.lint.squawk import Squawk
from aegisdb.lint.squawk_cache import configurations
from aegisdb.revisions.load import read_histories
from aegisdb.workflows.migrate.elsewhere import Telling, spread, workspace_of
from aegisdb.workflows.migrate.lint_parts import Looking, look

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from aegisdb.registry.types import Registry
    from aegisdb.workflows.migrate.lint_parts import Histories
    from aegisdb.workspace import Workspace

_PER_WORKER = 4
"""Parts for each call that an engine makes at once: histories differ in length."""
_OTHERWISE = {
    "code": OTHER_CODE,
    "squawk": ("another squawk", "install the same version of squawk for this run and for its workers"),
    "files": ("other files", "give the workers the same checkout: services.yaml, .squawk.toml, all histories"),
}


@dataclass(frozen=True)
class Order:
    """Services to be judged, and what a worker must see."""

    registry: str
    names: tuple[str, ...]
    looking: Looking
    sight: Mapping[str, str]


def lint_elsewhere(ws: Workspace, histories: Histories, looking: Looking, name: str) -> Report:
    """Let an engine judge these services in parts.

    Raises:
        Unreachable: the engine does not answer. Refused: a worker sees other files, or another aegisdb or squawk.
    """
    program = _squawk(ws.registry)
    with engine(name) as there:
        parts = [{name: histories[name] for name in names} for names in _cut(histories, there.width * _PER_WORKER)]
        orders = [
            Order(
                str(ws.registry.path),
                tuple(part),
                looking.part(ws.registry, part),
                {"code": code_of_aegisdb(), "squawk": program, "files": _files(ws.registry, part)},
            )
            for part in parts
        ]
        found = spread(ws.listen, there, lint_part, orders, _TELLING)
    for at, part in enumerate(parts):
        if at not in found:
            found[at] = look(ws.registry, part, orders[at].looking)
    return _joined([found[at] for at in range(len(parts))], shared=share_folders(histories))


def lint_part(order: Order) -> Report:
    """Judge one part in a worker's process.

    Raises:
        Refused: this worker sees something else than who ordered it; and what lint raises.
    """
    try:
        ws = workspace_of(order.registry)
        every = read_histories(ws.registry)
        histories = {name: every[name] for name in order.names if name in every}
        seen = {
            "code": code_of_aegisdb(),
            "squawk": _squawk(ws.registry),
            "files": _files(ws.registry, histories),
        }
    except AegisError as error:
        raise error.amended(message=f"{this_worker()}: {error.message}") from None
    require_same(seen, order.sight, _OTHERWISE)
    return look(ws.registry, histories, order.looking)


def _cut(histories: Histories, most: int) -> Iterator[tuple[str, ...]]:
    """Names in their order, in parts of about as many revisions; files that several services have stay together."""
    if share_folders(histories):
        yield tuple(histories)
        return
    sizes = {name: 1 if isinstance(one, HistoryError) else 1 + len(one.revisions) for name, one in histories.items()}
    wanted, part, size = sum(sizes.values()) / most, [], 0
    for name, count in sizes.items():
        part.append(name)
        size += count
        if size >= wanted:
            yield tuple(part)
            part, size = [], 0
    if part:
        yield tuple(part)


def _squawk(registry: Registry) -> str:
    with Squawk(registry) as found:
        return found.version


def _files(registry: Registry, histories: Histories) -> str:
    """Hash the bytes of all that a part is judged by: an ignore is a comment, and a finding has a line."""
    digest = hashlib.sha256()
    for path in (registry.path, *configurations(registry)):
        digest.update(f"{path}\0".encode() + path.read_bytes())
    for name, history in histories.items():
        if isinstance(history, HistoryError):
            digest.update(f"{name}\0{history.message}\0{history.where}\0".encode())
            continue
        digest.update(f"{name}\0{surroundings(registry, history)}\0".encode())
        for revision in history.ordered():
            digest.update(f"{revision.path}\0".encode() + hashlib.sha256(revision.path.read_bytes()).digest())
    return digest.hexdigest()


def _joined(reports: Sequence[Report], *, shared: bool) -> Report:
    return Report(
        Findings((part for one in reports for part in one.findings.parts), shared=shared),
        sum(one.revisions for one in reports),
        sum(one.ignored for one in reports),
        tuple(dict.fromkeys(note for one in reports for note in one.notes)),
    )


def _words(order: Order) -> str:
    count = len(order.names)
    return f"{order.names[0]}{f' and {count - 1} more' * (count > 1)}"


_TELLING: Telling[Order, Report] = Telling("lint", "judged again", _words)
