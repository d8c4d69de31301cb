"""The SQL of a way up or down, from where the database is or from a revision; runnable by psql."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.errors import Failed, NoDatabase
from aegisdb.postgres.address import nowhere
from aegisdb.postgres.quoting import quote_ident
from aegisdb.results import Result
from aegisdb.revisions.load import read_histories, read_history
from aegisdb.revisions.locate import alembic_settings
from aegisdb.workflows.migrate.pending import judge

if TYPE_CHECKING:
    from aegisdb.applied.status import Standing
    from aegisdb.revisions.history import History
    from aegisdb.runtime.step_results import Direction
    from aegisdb.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class SqlResult(Result):
    """A script; empty but for its heading when nothing is pending."""

    sql: str
    service: str
    applied: tuple[str, ...]
    """Revisions at which the script starts."""
    revisions: tuple[str, ...]


def sql(
    ws: Workspace, service: str, *, to: str = "", start: str = "", down: bool = False, prove: bool = False
) -> SqlResult:
    """The script for one service, each revision in a transaction of its own. Nothing is changed.

    It goes up from where the database is, or from `start`, for which no database is needed; with `down`, or where `to`
    is below `start`, it goes down: to the revision below, or to `to`. With `prove` it is run by psql on a copy first.

    Raises:
        Failed: `reads_data`: a revision reads rows, so its SQL is not known without running it; `unrendered`: it has
            values that no literal says.
        UsageError: `to` is not on the way. With `prove`, what `prove_script` raises.
    """
    from aegisdb.runtime.session import Session
    from aegisdb.runtime.step_options import StepOptions

    history, applied = _from(ws, service, start)
    path = _path(history, applied, to, down=down)
    if not path.revisions:
        return SqlResult(
            sql=f"-- {service}: nothing is {path.nothing}\n", service=service, applied=applied, revisions=()
        )
    _require_whole(ws, history, applied)
    with Session(
        ws.registry, history, nowhere() if start else ws.address(), None, StepOptions(listen=ws.listen, journal=False)
    ) as session:
        script = session.render_sql(applied, path.revisions, path.direction)
    heading = _heading(history, applied, path)
    if prove:
        from aegisdb.proofs.script_proof import prove_script

        server = prove_script(ws, history, applied, path.revisions, path.ends, heading + script)
        heading = f"-- run by psql on a copy: the schema is that of the revisions ({server})\n{heading}"
    return SqlResult(sql=heading + script, service=service, applied=applied, revisions=path.revisions)


@dataclass(frozen=True)
class _Path:
    """The revisions that the script runs, in order."""

    direction: Direction
    revisions: tuple[str, ...]
    ends: tuple[str, ...]
    """The version table afterwards."""

    @property
    def nothing(self) -> str:
        """Words for an empty path: what there is nothing of."""
        return "pending" if self.direction == "upgrade" else "to revert"


def _path(history: History, applied: tuple[str, ...], to: str, *, down: bool) -> _Path:
    goal = history.resolve(to, applied) if to else ()
    # what is applied is below itself, and base is below everything
    is_below = bool(to) and set(goal) < history.ancestors(applied) and not set(applied) <= set(goal)
    if down or is_below:
        ids = tuple(revision.id for revision in history.path_down(applied, to=to)) if applied else ()
    else:
        ids = tuple(revision.id for revision in history.pending(applied, to))
    rows, up = applied, not (down or is_below)
    for identifier in ids:
        rows = history.after(rows, identifier, up=up)
    return _Path("upgrade" if up else "downgrade", ids, rows)


def _require_whole(ws: Workspace, history: History, applied: tuple[str, ...]) -> None:
    """Refuse a script that would begin where `base:` makes something first."""
    base = ws.registry.services[history.service].base
    if base is None or applied:
        return
    stamp = ws.registry.services[history.service].stamp
    raise Failed(
        f"{history.service} begins with {base if isinstance(base, str) else ', '.join(base)}, which no script contains",
        hint=f"run that first, then the script of --from {stamp}" if stamp else "invoke migrate.apply",
        code="unrendered",
    )


def _from(ws: Workspace, service: str, start: str) -> tuple[History, tuple[str, ...]]:
    alembic_settings(ws.registry, service)
    if start:
        history = read_history(ws.registry, service)
        return history, history.resolve(start)
    standing = _look(ws, service)
    if standing.history is None:
        raise AssertionError  # judge raised
    return standing.history, standing.applied


def _look(ws: Workspace, service: str) -> Standing:
    alembic_settings(ws.registry, service)
    histories = read_histories(ws.registry)
    try:
        conn = ws.connect()
    except NoDatabase:
        return judge(None, histories, service)[service]
    with conn:
        return judge(conn, histories, service)[service]


def _heading(history: History, applied: tuple[str, ...], path: _Path) -> str:
    count = f"{len(path.revisions)} revision{'s' if len(path.revisions) > 1 else ''}"
    lines = [
        f"-- {history.service}: {' '.join(applied) or 'base'} -> {' '.join(path.ends) or 'base'}, {count}",
        r"\set ON_ERROR_STOP on",
    ]
    if history.schema and not applied:
        lines.append(f"CREATE SCHEMA IF NOT EXISTS {quote_ident(history.schema)};")
    if history.schema:
        lines.append(f"SET search_path TO {quote_ident(history.schema)};")
    return "\n".join(lines) + "\n\n"
