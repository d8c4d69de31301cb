"""Models built in a copy that services share, and in a copy of their own: the two must find the same."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from aegisdb.building import template
from aegisdb.building.proof_target import proving
from aegisdb.models.both_sides import BothSides, Sides
from aegisdb.models.copies import Copies
from aegisdb.revisions.load import good_histories
from aegisdb.runtime.forkserver import warm_process
from aegisdb.workspace import open_workspace


def assert_both_ways_are_one(root: Path) -> None:
    """Of every service of a registry."""
    ws = open_workspace(cwd=root)
    warm_process(ws.registry)
    there = proving(ws)
    source = template(there, "histories")
    sides = BothSides(there, source, ws)
    with closing(Copies(there.address(), source, "models")) as copies:
        for name, history in good_histories(ws.registry).items():
            with copies.one() as copy:
                shared = sides.tried(history, copy)
            assert _told(shared) == _told(sides.of(history)), name


def _told(found: Sides) -> tuple[object, ...]:
    built = found.built
    parts = (found.head, found.models)
    facts = [(dict(part.facts), dict(part.relations)) for part in parts]
    return facts, built.tables, built.hidden, built.named, built.failed, built.classes
