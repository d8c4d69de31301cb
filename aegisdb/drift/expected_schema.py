"""What the schema should be: fingerprints of the base and of what histories build, kept under the template's name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.building import fill, template
from aegisdb.building.proof_target import proving
from aegisdb.file_cache import Kind
from aegisdb.fingerprint import Fingerprint, read
from aegisdb.postgres.connection import connect
from aegisdb.postgres.scratch import scratch
from aegisdb.revisions.load import good_histories

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aegisdb.building import Level
    from aegisdb.workspace import Workspace

_FINGERPRINTS = Kind("fingerprints/{name}.json")


def base_schema(ws: Workspace) -> Fingerprint:
    """The fingerprint of the base schema: init SQL and deploy files, no history."""
    return _of_template(ws, "base")


def schema_at_head(ws: Workspace) -> Fingerprint:
    """The fingerprint of what the histories build to their heads."""
    return _of_template(ws, "histories")


def schema_at(ws: Workspace, applied: Mapping[str, tuple[str, ...]]) -> Fingerprint:
    """The fingerprint of what the histories build at these revisions, by service.

    Raises:
        RevisionFailed: a revision does not apply; StatementFailed: the base schema does not.
    """
    ws = proving(ws)
    histories = good_histories(ws.registry)
    if all(history.is_at_head(applied.get(name, ())) for name, history in histories.items()):
        return schema_at_head(ws)
    with scratch(
        ws.address(), template=template(ws, "base"), label="schema at the applied revisions", soon=ws.server.own
    ) as address:
        fill(ws, address, "histories", revisions=applied)
        with connect(address) as conn:
            return read(conn)


def _of_template(ws: Workspace, level: Level) -> Fingerprint:
    ws = proving(ws)
    name = template(ws, level)
    kept = _FINGERPRINTS.file(ws.registry.state, name)
    if (known := kept.read_json()) is not None:
        return Fingerprint(*known)
    with (
        scratch(ws.address(), template=name, label=f"fingerprint of {level}", soon=ws.server.own) as address,
        connect(address) as conn,
    ):
        found = read(conn)
    kept.keep_json([dict(found.facts), dict(found.relations)])
    return found
