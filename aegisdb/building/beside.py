"""Whether databases of ours may stand beside the target's, for proofs, clones and tests (docs/safety.md).

Nothing is done to the target's own database, but they take room and work on its server. So something has to show that
nobody relies on that: a proof, the allow-list, or that `db.prepare` made the database or found it empty, and nobody
else uses the server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.fast_dataclass import dataclass
from aegisdb.postgres.capabilities import CREATE_DATABASE
from aegisdb.postgres.databases import MAINTENANCE
from aegisdb.postgres.markers import mark
from aegisdb.postgres.neighbours import is_empty, neighbours
from aegisdb.safety import (
    ALLOW_FILE,
    allowed,
    denials,
    prove,
    require_not_denied,
    shared,
    signalled,
    signals,
    signals_of_server,
    told,
)

if TYPE_CHECKING:
    from aegisdb.postgres.connection import Connection
    from aegisdb.postgres.markers import Marker
    from aegisdb.safety import Told
    from aegisdb.workspace import Workspace

_COMMENT = """
    SELECT coalesce(shobj_description(oid, 'pg_database'), ''), pg_has_role(datdba, 'USAGE')
      FROM pg_database WHERE datname = current_database()"""
_OF_INITDB = "default administrative connection database"
_FOUND = {"missing": "made its database", "empty": "found its database empty"}


@dataclass(frozen=True)
class Room:
    """The answer: `why` they may stand there, else empty, and what is `against` it."""

    why: str = ""
    by_default: bool = False
    """Nobody said so: `db.prepare` noted it, and nothing has spoken against it since."""
    against: tuple[str, ...] = ()


def room_beside(ws: Workspace, conn: Connection) -> Room:
    """Decide for the database of `conn`, a session on the target's database."""
    identity, said = conn.identity(), told(conn)
    against = denials(ws, conn, said)
    if conn.between() == "pooler":
        against += ("it is reached through a pooler",)
    if identity.standby:
        against += ("its server is a standby",)
    if against:
        return Room(against=against)
    if proof := prove(ws, conn, said):
        return Room(f"{proof.kind}: {proof.evidence}")
    if allowed(ws.registry, said.there):
        return Room(f"{ws.registry.state.name}/{ALLOW_FILE} has it")
    return _room_as_prepared(conn, said)


def note_prepared(ws: Workspace, *, made: bool) -> str:
    """Note in the target's database that `db.prepare` made it, or finds it empty; only on a server given by URL.

    Nothing is noted where there is another comment, or where something forbids databases beside it anyway.

    Returns:
        What is noted: "missing" or "empty"; empty where nothing is.
    """
    if ws.server.own:
        return ""
    with ws.connect() as conn:
        identity, said = conn.identity(), told(conn)
        if identity.standby or conn.between() == "pooler" or denials(ws, conn, said) or prove(ws, conn, said):
            return ""
        comment, owned = conn.rows(_COMMENT)[0]
        free = not comment or (identity.database == MAINTENANCE and comment == _OF_INITDB)
        if not (owned and free and (made or is_empty(conn))):
            return ""
        found = "missing" if made else "empty"
        mark(conn, identity.database, "prepared", found=found)
        return found


def still_noted(ws: Workspace, found: str) -> str:
    """What `note_prepared` noted, if the database still says so: init files and revisions may set another comment."""
    if not found:
        return ""
    with ws.connect() as conn:
        return found if _is_noted(told(conn).marker) else ""


def require_throw_away_server(ws: Workspace, conn: Connection, *, verb: str) -> None:
    """Let databases be made beside the target's, which nothing is done to; `conn` is on the maintenance database.

    The target's database must be proven or in the allow-list, or not be there yet, as on a server that CI has just
    started; nobody is asked, for nothing of anybody's goes.

    Raises:
        Refused: as `require_disposable`.
    """
    said = told(conn, ws.address().database)
    require_not_denied(ws, conn, said, verb)
    proof = prove(ws, conn, said)
    if proof is None and said.there.oid and not allowed(ws.registry, said.there):
        raise shared(ws.registry, said.there, verb)
    if against := signals_of_server(conn, proof):
        raise signalled(said.there, verb, against)


def _room_as_prepared(conn: Connection, said: Told) -> Room:
    marker = said.marker
    if marker is None or not _is_noted(marker):
        return Room(against=("no proof that it may go, and its comment has no note that db.prepare began it",))
    if CREATE_DATABASE.name in conn.identity().lacks:
        return Room(against=(f"role {conn.address.user} may not create databases",))
    if against := (*signals(conn, said), *neighbours(conn)):
        return Room(against=against)
    did = _FOUND.get(marker.facts.get("found", ""), "prepared it")
    why = f"db.prepare {did} on {marker.made[:10]}, and its server has no other database and no session of others"
    return Room(why, by_default=True)


def _is_noted(marker: Marker | None) -> bool:
    return marker is not None and marker.valid and marker.kind == "prepared"
