"""What the schema should be: fingerprints of the base and of what histories build, kept under the template's name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.building import fill, template
from aegisdb.building.lacking import lacking, subscriptions
from aegisdb.building.proof_target import proving
from aegisdb.file_cache import Kind
from aegisdb.fingerprint import Fingerprint, read
from aegisdb.postgres.connection import connect
from aegisdb.postgres.scratch import scratch
from aegisdb.revisions.load import good_histories
from aegisdb.runtime.history_base import has_ground, lay_ground

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from aegisdb.building import Level
    from aegisdb.workspace import Workspace

_FINGERPRINTS = Kind("fingerprints/{name}.json")


def base_schema(ws: Workspace, name: str = "") -> Fingerprint:
    """The fingerprint of the base schema: init SQL and deploy files, no history; `name`: of its template, if known."""
    return _of_template(ws, "base", name)


def schema_at_head(ws: Workspace, name: str = "") -> Fingerprint:
    """The fingerprint of what the histories build to their heads; `name`: of its template, if known."""
    return _of_template(ws, "histories", name)


def schema_at(ws: Workspace, applied: Mapping[str, tuple[str, ...]], laid: Collection[str] = ()) -> Fingerprint:
    """The fingerprint of what the histories build at these revisions, by service.

    `laid` are services without a revision whose schema and base are there (`laid_grounds`).

    Raises:
        RevisionFailed: a revision does not apply; StatementFailed: the base schema does not.
    """
    ws = proving(ws)
    histories = good_histories(ws.registry)
    bare = [h for name, h in histories.items() if has_ground(ws.registry, h) and not applied.get(name)]
    grounds = [history for history in bare if history.service in laid]
    if len(grounds) == len(bare) and all(h.is_at_head(applied.get(name, ())) for name, h in histories.items()):
        return schema_at_head(ws)
    with scratch(
        ws.address(), template=template(ws, "base"), label="schema at the applied revisions", soon=ws.server.own
    ) as address:
        fill(ws, address, "histories", revisions=applied)
        with connect(address) as conn:
            lay_ground(ws.registry, conn, grounds, bindir=ws.server.bindir())
            return read(conn)


def _of_template(ws: Workspace, level: Level, name: str) -> Fingerprint:
    ws = proving(ws)
    name = name or template(ws, level)
    kept = _FINGERPRINTS.file(ws.registry.state, name)
    if (known := kept.read_json()) is not None:
        return Fingerprint(*known)
    with (
        scratch(ws.address(), template=name, label=f"fingerprint of {level}", soon=ws.server.own) as address,
        connect(address) as conn,
    ):
        found = read(conn)
        found = Fingerprint({**found.facts, **subscriptions(lacking(conn, name))}, found.relations)
    kept.keep_json([dict(found.facts), dict(found.relations)])
    return found
