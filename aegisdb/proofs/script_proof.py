"""The proof of a script: psql makes of it what the revisions make, on two copies of one database."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from aegisdb.applied.version_tables import read_versions
from aegisdb.building.levels import fill
from aegisdb.building.proof_target import proving
from aegisdb.building.templates import template
from aegisdb.errors import Difference, StatementFailed
from aegisdb.fingerprint import diff, read
from aegisdb.plain_text import release, some_of
from aegisdb.postgres import psql
from aegisdb.postgres.connection import connect
from aegisdb.postgres.scratch import scratch
from aegisdb.revisions.load import good_histories
from aegisdb.revisions.order import all_needs
from aegisdb.runtime.session import Session
from aegisdb.runtime.step_options import UNRECORDED
from aegisdb.runtime.upgrade import apply_histories

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aegisdb.postgres.address import Address
    from aegisdb.revisions.history import History
    from aegisdb.workspace import Workspace


def prove_script(
    ws: Workspace, history: History, applied: tuple[str, ...], way: Sequence[str], ends: tuple[str, ...], script: str
) -> str:
    """Run the script by psql on one copy, and the revisions of `way`, up or down to `ends`, on another.

    Returns the server's release.

    Both begin with the service at `applied`, and with the services that it needs at head. Rows are not compared.

    Raises:
        StatementFailed: psql ends at a statement of the script. RevisionFailed: a revision does not run.
        Difference: `script_differs`: the schemas, or the rows of the version table, are not the same.
    """
    ws = proving(ws)
    ws.client.use_driver()
    histories, name = good_histories(ws.registry), history.service
    label, own = f"script of {name}", ws.server.own
    revisions = {need: histories[need].heads for need in all_needs(ws.registry, histories, name)}
    with scratch(ws.address(), template=template(ws, "base"), label=label, soon=own) as stepped:
        fill(ws, stepped, "histories", revisions={**revisions, **({name: applied} if applied else {})})
        with scratch(ws.address(), template=stepped.database, label=label, soon=own) as scripted:
            _run(scripted, name, script, ws.server.bindir())
            _step(ws, history, stepped, way, ends)
            return _require_same(history, stepped, scripted)


def _run(address: Address, name: str, script: str, bindir: Path | None) -> None:
    with tempfile.TemporaryDirectory(prefix="aegisdb-") as folder:
        path = Path(folder) / f"{name}.sql"
        # the task prints a line before the script: the lines of an error are those of what it prints without --prove
        path.write_text(f"--\n{script}", encoding="utf-8")
        try:
            psql.run_file(address, path, bindir=bindir, single_transaction=False)
        except StatementFailed as error:
            # the folder is gone when this is read
            raise error.amended(where=error.where.removeprefix(f"{folder}/")) from None


def _step(ws: Workspace, history: History, address: Address, way: Sequence[str], ends: tuple[str, ...]) -> None:
    with connect(address) as conn:
        identity = conn.identity()
    if way[-1] in history.ancestors(ends):
        to = {history.service: ends}
        apply_histories(ws.registry, address, identity, to=to, options=UNRECORDED, bindir=ws.server.bindir())
        return
    with Session(ws.registry, history, address, identity, UNRECORDED) as session:
        for revision in way:
            session.downgrade_one(revision)


def _require_same(history: History, stepped: Address, scripted: Address) -> str:
    with connect(stepped) as one, connect(scripted) as other:
        changes = [str(change) for change in diff(read(one), read(other))]
        rows = [read_versions(conn, [history])[history.service] for conn in (one, other)]
        version = other.identity().server_version
    if rows[0] != rows[1]:
        changes.append(f"version table at {' '.join(rows[0])}, after the script at {' '.join(rows[1])}")
    if changes:
        raise Difference(
            f"{history.service}: psql makes another schema of the script than the revisions make: {some_of(changes)}",
            hint="a revision that does something else where it only writes SQL has no script: invoke migrate.apply",
            code="script_differs",
        )
    return release(version)
