"""`db.status --fleet`: servers, versions, extensions and triggers of all members."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.fleets.answers import Answer, put_together
from aegisdb.fleets.asking import ask, chosen
from aegisdb.plain_text import some_of
from aegisdb.workflows.db.status import looked_at

if TYPE_CHECKING:
    from aegisdb.fleets.answers import FleetResult
    from aegisdb.workflows.db.status import DbStatusResult
    from aegisdb.workspace import Workspace


def fleet_db_status(ws: Workspace) -> FleetResult:
    """What `db.status` says of each member.

    Of one group are those with the same PostgreSQL, way there, extensions, graphs, and disabled triggers; size,
    sessions and the holder of the lock are each member's own.
    """
    return put_together(chosen(ws), ask(ws, looked_at, "status"), _answer)


def _answer(result: DbStatusResult) -> Answer:
    parts = [f"PostgreSQL {result.version}"]
    parts += [result.route] if result.route not in {"", "direct"} else []
    parts += [f"missing {some_of(result.missing)}"] if result.missing else []
    parts += [f"disabled triggers {some_of(result.disabled_triggers)}"] if result.disabled_triggers else []
    parts += [f"broken graphs {some_of(result.broken_graphs)}"] if result.broken_graphs else []
    same = (result.version, result.route, result.missing, result.disabled_triggers, result.broken_graphs, result.graphs)
    return Answer(
        text=", ".join(parts),
        key=(*same, tuple(result.extensions.items())),
        style="bad" if result.problems else "ok",
        problems=tuple(result.problems),
        detail={name: value for name, value in vars(result).items() if name != "problems"},
    )
