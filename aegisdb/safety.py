"""May this database be destroyed? Decided from the open connection, never from the text of a URL (docs/safety.md).

Default is deny. A proof makes a database disposable: P1, the server's identifier is that of this project's embedded
data directory; P2, it is the one inside this project's compose container; P3, the suite made and marked the database.
Anything else is shared, and only an entry in an untracked local file plus a typed name lets a person through.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from aegisdb import processes
from aegisdb.errors import AegisError, Refused
from aegisdb.fast_dataclass import dataclass
from aegisdb.postgres.databases import sessions
from aegisdb.postgres.markers import DISPOSABLE, Marker, parse_marker
from aegisdb.registry.protection import protecting
from aegisdb.servers import Proof

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from aegisdb.postgres.connection import Connection
    from aegisdb.registry.types import Registry
    from aegisdb.workspace import Workspace

ALLOW_FILE = "allow-destroy"
"""A file in `.aegisdb/`: one `SYSTEM_IDENTIFIER DATABASE` a line; never counts when git tracks it."""

MANAGED_ROLES = (
    "rdsadmin",
    "rds_superuser",
    "cloudsqlsuperuser",
    "cloudsqladmin",
    "alloydbsuperuser",
    "azure_pg_admin",
    "azuresu",
    "neon_superuser",
    "supabase_admin",
    "doadmin",
    "aiven_extras",
    "crunchy_superuser",
)
"""Roles that hosted services make on every server."""

_OURS = "aegisdb"
_TOLD = """
    SELECT d.oid::bigint, EXISTS (SELECT FROM pg_db_role_setting s WHERE s.setdatabase = d.oid
                                      AND 'aegisdb.environment=production' = ANY (s.setconfig)),
           shobj_description(d.oid, 'pg_database')
      FROM pg_database d WHERE d.datname = %s"""
_PRODUCTION_ROW = """
    SELECT EXISTS (SELECT FROM aegisdb.marker WHERE name = 'environment' AND value = 'production')"""
_SERVER_SIGNALS = """
    SELECT pg_is_in_recovery(), (SELECT count(*) FROM pg_replication_slots),
           (SELECT count(*) FROM pg_stat_replication),
           (SELECT pg_catalog.string_agg(rolname, ', ' ORDER BY rolname) FROM pg_roles WHERE rolname = ANY (%s))"""


@dataclass(frozen=True)
class Reached:
    """The database that a destructive command would hit, as the server tells it."""

    system_identifier: int
    oid: int
    database: str
    server: str
    """host:port as the server itself sees them, behind any tunnel."""

    @property
    def typed(self) -> str:
        """The text that a person types to confirm."""
        return f"{self.database}@{self.server}"


class Told(NamedTuple):
    """What the server says of a database, as far as it decides whether that may be destroyed."""

    there: Reached
    production: bool
    """Whether a setting of the database marks it as production."""
    marker: Marker | None


def told(conn: Connection, database: str = "") -> Told:
    """Ask the server of an open connection; `database` names another database of it. `oid` is 0 where there is none."""
    identity = conn.identity()
    name = database or identity.database
    rows = conn.rows(_TOLD, (name,))
    oid, production, comment = rows[0] if rows else (0, False, None)
    there = Reached(identity.system_identifier, oid, name, f"{identity.host}:{identity.port}")
    return Told(there, production, parse_marker(comment, identity.system_identifier, oid))


def prove(ws: Workspace, conn: Connection, said: Told) -> Proof | None:
    """The proof that a database is disposable, None without one."""
    if proof := ws.server.disposable(conn, said.there.database):
        return proof
    marker = said.marker
    if marker is not None and marker.valid and marker.kind in DISPOSABLE:
        made = f"on {marker.made[:19]} UTC by {marker.made_by}"
        return Proof("P3", f"made by the suite as a {marker.kind} database {made}")
    return None


def denials(ws: Workspace, conn: Connection, said: Told) -> tuple[str, ...]:
    """What can never be overridden: each entry is a reason. Empty when nothing forbids destroying the database."""
    found = []
    if guard := protecting(ws.registry.file.targets, ws.target):
        same = f", and {ws.target!r} leads to its database" if guard != ws.target else ""
        found.append(f"target {guard!r} is `protected: true` in {ws.registry.path.name}{same}")
    if _environment(ws.registry) == "production":
        found.append("AEGIS_ENV is production")
    if is_production(ws, conn, said):
        found.append(f"database {said.there.database!r} carries a production marker")
    return tuple(found)


def signals(conn: Connection, said: Told, *, proof: Proof | None = None) -> tuple[str, ...]:
    """Signs of a database that others rely on; they only ever deny.

    A server that is proven to be this project's own (P1, P2) is not asked for roles and replication.
    """
    found = _copied(said.marker) + signals_of_server(conn, proof)
    if proof is None:
        others = [s for s in sessions(conn, said.there.database) if not s.application.startswith(_OURS)]
        found += [f"{len(others)} session(s) of other applications, such as {others[0]}"] if others else []
    return tuple(found)


def require_disposable(
    ws: Workspace, conn: Connection, *, verb: str, database: str = "", undoable: bool = False, yes: bool = False
) -> Proof:
    """Let a destructive command through, or refuse it.

    Args:
        ws: the open workspace.
        conn: on the database or on the server's maintenance database; the connection that will act.
        verb: what the person typed, such as "db.reset".
        database: the database in question, where `conn` is on another one.
        undoable: what is replaced is kept, so a proof is enough without a typed name.
        yes: the person gave --yes; serves only proven databases.

    Returns:
        The proof; kind "P3" with the allow-list as evidence where a person confirmed a shared database.

    Raises:
        Refused: `protected`, `production`, `shared`, `signal`, `not_confirmed`, or no terminal to ask on.
    """
    said = told(conn, database)
    there = said.there
    require_not_denied(ws, conn, said, verb)
    proof = prove(ws, conn, said)
    if proof is None and not allowed(ws.registry, there):
        raise shared(ws.registry, there, verb)
    if against := signals(conn, said, proof=proof):
        raise signalled(there, verb, against)
    if proof is None:
        _confirm(ws, there, verb)
        return Proof("P3", f"allowed by {ws.registry.state.name}/{ALLOW_FILE} and typed {there.typed}")
    if not (undoable or yes):
        _confirm(ws, there, verb, expected=there.database)
    return proof


def is_production(ws: Workspace, conn: Connection, said: Told) -> bool:
    """Whether the database says of itself that it is production.

    Either `ALTER DATABASE x SET aegisdb.environment = 'production'` or a row in `aegisdb.marker`.
    """
    there = said.there
    if said.production or not there.oid:
        return said.production
    if conn.identity().database == there.database:
        return _has_marker_row(conn)
    with ws.short_session(there.database) as inside:
        return _has_marker_row(inside)


def _has_marker_row(conn: Connection) -> bool:
    if conn.value("SELECT to_regclass('aegisdb.marker')") is None:
        return False
    return bool(conn.value(_PRODUCTION_ROW))


def require_not_denied(ws: Workspace, conn: Connection, said: Told, verb: str) -> None:
    """Raise Refused, `protected` or `production`, where something forbids it that nobody can override."""
    if forbidden := denials(ws, conn, said):
        raise Refused(
            f"{verb} on {said.there.typed} is refused: {'; '.join(forbidden)}",
            hint="nothing overrides this; use another target",
            code="protected" if "protected: true" in forbidden[0] else "production",
        )


def signals_of_server(conn: Connection, proof: Proof | None) -> list[str]:
    """Signs of replication and hosting on the server; one that is proven to be this project's own has none."""
    if proof is not None and proof.kind != "P3":
        return []
    recovery, slots, clients, managed = conn.rows(_SERVER_SIGNALS, (list(MANAGED_ROLES),))[0]
    found = ["the server is a standby in recovery"] * bool(recovery)
    found += [f"the server has {slots} replication slot(s)"] * bool(slots)
    found += [f"{clients} replication client(s) are connected"] * bool(clients)
    found += [f"a hosted service's roles are on the server: {managed}"] * bool(managed)
    return found


def signalled(there: Reached, verb: str, against: Iterable[str]) -> Refused:
    """The refusal of `verb` where signs speak against it."""
    return Refused(
        f"{verb} on {there.typed} is refused: {'; '.join(against)}",
        hint="others seem to rely on this database; use another target",
        code="signal",
    )


def _copied(marker: Marker | None) -> list[str]:
    if marker is None or marker.valid:
        return []
    return ["it carries a marker that was copied from another database"]


def _environment(registry: Registry) -> str:
    # either one denies: a variable of the shell must not switch off what the file says
    values = [os.environ.get("AEGIS_ENV", "")]
    if (path := registry.root / ".env").exists():
        from aegisdb.registry.dotenv_file import read_dotenv

        values.append(read_dotenv(path, os.environ).values.get("AEGIS_ENV", ""))
    return "production" if any(value.strip().lower() in {"production", "prod"} for value in values) else ""


def shared(registry: Registry, there: Reached, verb: str) -> Refused:
    """The refusal of `verb` where nothing proves the database to be disposable."""
    return Refused(
        f"{verb} is refused: {there.typed} is shared, nothing proves that it is this project's own throw-away database",
        hint=f"if it really may be destroyed, put the line `{there.system_identifier} {there.database}` into"
        f" {registry.state.name}/{ALLOW_FILE} (never commit it) and run it again in a terminal",
        code="shared",
    )


def allowed(registry: Registry, there: Reached) -> bool:
    """Whether the allow-list has this database; a list that git tracks never counts."""
    path = registry.state / ALLOW_FILE
    if not path.is_file() or _tracked(path):
        return False
    lines = (line.split("#")[0].split(maxsplit=1) for line in path.read_text(errors="replace").splitlines())
    return [str(there.system_identifier), there.database] in [[part.strip() for part in line] for line in lines]


def _tracked(path: Path) -> bool:
    try:
        asked = processes.run(["git", "ls-files", "--error-unmatch", path.name], cwd=path.parent, timeout=10)
    except AegisError:  # no git: then nothing tracks it
        return False
    return asked.returncode == 0


def _confirm(ws: Workspace, there: Reached, verb: str, *, expected: str = "") -> None:
    wanted = expected or there.typed
    try:
        answer = ws.ask(f"{verb} destroys data in {there.typed} for good. Type {wanted} to go on:")
    except Refused as error:
        if expected:  # proven to be ours: the one case that --yes serves
            raise error.amended(hint=f"{error.hint}, or add --yes") from None
        raise
    if answer.strip() != wanted:
        raise Refused(f"{verb} was not confirmed; nothing changed", hint=f"type {wanted}", code="not_confirmed")
