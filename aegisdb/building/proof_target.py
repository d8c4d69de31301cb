"""On which target's server the databases of references and proofs are made.

A database that others rely on gets none of ours beside it, and neither does a standby, a pooler, or a role that may
make none. So it is the target that `proof:` names; else the target itself where it is disposable, or where `db.prepare`
made its database and nobody else uses the server (`beside.py`); else a server of this project that can be started with
what is installed, which is the embedded one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from aegisdb.building.beside import Room, room_beside
from aegisdb.errors import Refused
from aegisdb.progress import Event
from aegisdb.servers import server_for
from aegisdb.workspace import client_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aegisdb.fingerprint import Fingerprint
    from aegisdb.postgres.connection import Connection
    from aegisdb.registry.types import Registry
    from aegisdb.servers import Server
    from aegisdb.workspace import Workspace

_SETTING = "`proof:` of target {target} in services.yaml (AEGIS_PROOF beside DATABASE_URL)"


def proving(ws: Workspace) -> Workspace:
    """The workspace on whose server proofs are made, started where it is ours; `ws` itself where that may be.

    Raises:
        Refused: `no_proof_server`: there is none; Unreachable: the target's own server has to be asked and is down.
    """
    # kept by name: a workspace with a part of the registry asks the same server
    key = f"proofs of {ws.target}"
    if key not in ws.kept:
        ws.kept[key] = _server(ws)
    name, server = ws.kept[key]
    return ws if name == ws.target else replace(ws, target=name, server=server, client=client_of(server))


def proving_together(ws: Workspace, others: Iterable[str]) -> None:
    """Make the proofs for these targets where those for `ws` are made; their workspaces keep what it keeps."""
    proving(ws)
    for target in others:
        ws.kept[f"proofs of {target}"] = ws.kept[f"proofs of {ws.target}"]


def proving_here(ws: Workspace) -> Workspace:
    """Make the proofs for this target on its own server: the process that ordered them has chosen it."""
    ws.kept[f"proofs of {ws.target}"] = ws.target, ws.server
    return ws


def comparable(ws: Workspace, conn: Connection) -> Workspace:
    """Choose as `proving` does, for a comparison with the live database of `conn`.

    Raises:
        Refused: `proof_version`: the servers are of different major versions, which write the same schema differently.
    """
    other = proving(ws)
    if other.target == ws.target:
        return other
    live, made = _major(conn), _major_of(other)
    if live != made:
        raise Refused(
            f"target {ws.target} is PostgreSQL {live}, and its reference would be built by PostgreSQL {made} (target"
            f" {other.target}): they write the same view or privilege differently, so nothing was compared",
            hint=f"name a target of PostgreSQL {live} as {_SETTING.format(target=ws.target)}, its own name to allow"
            " databases of ours on its server",
            code="proof_version",
        )
    return other


def in_words_of(conn: Connection, other: Workspace, built: Fingerprint) -> Fingerprint:
    """What was built on `other` as the role of `conn` would have built it: each server has a role of its own."""
    if conn.address == other.address():
        return built
    return built.built_by(str(conn.value("SELECT current_user")), instead_of=other.address().user)


def _server(ws: Workspace) -> tuple[str, Server]:
    name, against = _named(ws)
    if not name:
        raise Refused(
            f"references and proofs need databases of ours: beside that of target {ws.target} none may be made"
            f" ({'; '.join(against)}), and no embedded target can be started here for them",
            hint="pip install 'aegisdb[embedded]' (and a target `local: {server: embedded}`), or name a target as"
            f" {_SETTING.format(target=ws.target)}",
            code="no_proof_server",
        )
    if name == ws.target:
        return name, ws.server
    ws.registry.target(name)
    server = server_for(ws.registry, name)
    if server.own:
        server.start(ws.listen)
    ws.kept[f"proofs of {name}"] = name, server
    return name, server


def _named(ws: Workspace) -> tuple[str, tuple[str, ...]]:
    """The target whose server it is; empty where there is none, with what is against the target's own."""
    spec = ws.registry.target(ws.target)
    if spec.proof:
        if ws.registry.target(spec.proof).protected:  # services.yaml may not say so, AEGIS_PROOF can
            raise Refused(
                f"target {spec.proof} is protected: it gets no database of ours, also where AEGIS_PROOF names it",
                hint="name another target",
                code="protected",
            )
        return spec.proof, ()
    room = _own_room(ws, protected=spec.protected)
    if room.by_default:
        ws.listen(Event(step="will make databases for proofs", subject=f"on target {ws.target}:", note=room.why))
    return (ws.target, ()) if room.why else (_startable(ws.registry), room.against)


def _own_room(ws: Workspace, *, protected: bool) -> Room:
    if protected:
        return Room(against=("it is `protected: true`",))
    if ws.server.own:
        return Room("its server is of this project")
    with ws.connect() as conn:
        return room_beside(ws, conn)


def _startable(registry: Registry) -> str:
    """The first target that is not protected and whose server can be started here; empty for none."""
    targets = registry.file.targets.items()
    return next((name for name, spec in targets if spec.starts_here() and not spec.protected), "")


def _major(conn: Connection) -> int:
    return conn.identity().server_version // 10000


def _major_of(ws: Workspace) -> int:
    from aegisdb.postgres.databases import maintenance

    key = f"major version of {ws.target}"
    if key not in ws.kept:
        with maintenance(ws.address(), application="aegisdb: proofs") as conn:
            ws.kept[key] = _major(conn)
    found: int = ws.kept[key]
    return found
