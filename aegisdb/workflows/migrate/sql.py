"""The SQL that an apply would run, from where the database is; runnable by psql."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.errors import Unreachable
from aegisdb.postgres.quoting import quote_ident
from aegisdb.results import Result
from aegisdb.revisions.load import read_histories
from aegisdb.revisions.locate import alembic_settings
from aegisdb.workflows.migrate.apply import judge

if TYPE_CHECKING:
    from aegisdb.applied.status import Standing
    from aegisdb.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class SqlResult(Result):
    """A script; empty but for its heading when nothing is pending."""

    sql: str
    service: str
    applied: tuple[str, ...]
    """Where the script starts."""
    revisions: tuple[str, ...]


def sql(ws: Workspace, service: str, *, to: str = "") -> SqlResult:
    """The script for one service's pending revisions, each in a transaction of its own. Nothing is changed.

    Raises:
        Failed: `reads_data`: a revision reads rows, so its SQL is not known without running it.
    """
    from aegisdb.runtime.session import Session

    standing = _look(ws, service)
    history = standing.history
    if history is None:
        raise AssertionError  # judge raised
    ids = tuple(revision.id for revision in history.pending(standing.applied, to))
    if not ids:
        return SqlResult(
            sql=f"-- {service}: nothing is pending\n", service=service, applied=standing.applied, revisions=()
        )
    with Session(ws.registry, history, ws.address(), None, listen=ws.listen, journal=False) as session:
        script = session.render_sql(standing.applied, ids, "upgrade")
    return SqlResult(
        sql=_heading(service, standing, ids) + script, service=service, applied=standing.applied, revisions=ids
    )


def _look(ws: Workspace, service: str) -> Standing:
    alembic_settings(ws.registry, service)
    histories = read_histories(ws.registry)
    try:
        conn = ws.connect()
    except Unreachable as error:
        if error.code != "no_database":
            raise
        return judge(None, histories, service)[service]
    with conn:
        return judge(conn, histories, service)[service]


def _heading(service: str, standing: Standing, ids: tuple[str, ...]) -> str:
    lines = [
        f"-- {service}: {' '.join(standing.applied) or 'base'} -> {ids[-1]}, {len(ids)} revisions",
        r"\set ON_ERROR_STOP on",
    ]
    if standing.history is not None and standing.history.schema:
        lines.append(f"SET search_path TO {quote_ident(standing.history.schema)};")
    return "\n".join(lines) + "\n\n"
