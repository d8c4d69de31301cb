"""What the schema should be: fingerprints of the base and of what histories build, kept under the template's name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from aegisdb.building import fill, template
from aegisdb.fingerprint import Fingerprint, read
from aegisdb.postgres.connection import connect
from aegisdb.postgres.scratch import scratch
from aegisdb.revisions.load import good_histories

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from aegisdb.building import Level
    from aegisdb.workspace import Workspace


def base_schema(ws: Workspace) -> Fingerprint:
    """The fingerprint of the base schema: init SQL and deploy files, no history."""
    return _of_template(ws, "base")


def schema_at(ws: Workspace, applied: Mapping[str, tuple[str, ...]]) -> Fingerprint:
    """The fingerprint of what the histories build at these revisions, by service.

    Raises:
        RevisionFailed: a revision does not apply; StatementFailed: the base schema does not.
    """
    histories = good_histories(ws.registry)
    if all(set(applied.get(name, ())) == set(history.heads) for name, history in histories.items()):
        return _of_template(ws, "histories")
    with scratch(ws.address(), template=template(ws, "base"), label="schema at the applied revisions") as address:
        fill(ws, address, "histories", revisions=applied)
        with connect(address) as conn:
            return read(conn)


def _of_template(ws: Workspace, level: Level) -> Fingerprint:
    name = template(ws, level)
    kept = ws.registry.state / "fingerprints" / f"{name}.json"
    if kept.exists():
        facts, relations = json.loads(kept.read_text())
        return Fingerprint(facts, relations)
    with scratch(ws.address(), template=name, label=f"fingerprint of {level}") as address, connect(address) as conn:
        found = read(conn)
    _keep(kept, found)
    return found


def _keep(path: Path, found: Fingerprint) -> None:
    path.parent.parent.mkdir(mode=0o711, exist_ok=True)
    path.parent.mkdir(exist_ok=True)
    unfinished = path.with_suffix(".new")
    unfinished.write_text(json.dumps([dict(found.facts), dict(found.relations)]))
    unfinished.replace(path)
