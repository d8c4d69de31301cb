"""Files of services' folders `objects:` against what the histories build."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.building import template
from aegisdb.building.proof_target import proving
from aegisdb.errors import AegisError, Interrupted, Problem, Unreachable
from aegisdb.models.object_changes import object_changes
from aegisdb.models.object_files import made_of_files, read_units
from aegisdb.postgres.connection import connect
from aegisdb.postgres.scratch import scratch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aegisdb.postgres.connection import Connection
    from aegisdb.revisions.history import History
    from aegisdb.workspace import Workspace


def objects_problems(ws: Workspace, histories: Iterable[History]) -> tuple[Problem, ...]:
    """What files say otherwise than the histories at head, and files that do not run there; nothing without a folder.

    Raises:
        RevisionFailed: a history does not build.
    """
    asked = [history for history in histories if ws.registry.services[history.service].objects]
    if not asked:
        return ()
    ws = proving(ws)
    with (
        scratch(ws.address(), template=template(ws, "histories"), label="objects", soon=ws.server.own) as address,
        connect(address) as conn,
    ):
        return tuple(problem for history in asked for problem in _of_service(ws, history, conn))


def _of_service(ws: Workspace, history: History, conn: Connection) -> Iterator[Problem]:
    service = history.service
    hint = f'invoke migrate.new --service {service} -m "..."'
    try:
        units = read_units(ws.registry, service) or ()
        changes = object_changes(conn, history.schema or "", units, made_of_files(history))
    except (Interrupted, Unreachable):
        raise
    except AegisError as error:
        message = f"{service}: {error.message} (on what the revisions build)"
        yield Problem(code="objects", message=message, where=error.where, hint=error.hint or hint)
        return
    for words in changes.words:
        message = f"{service}: the files of objects are not what the revisions build: they would {words}"
        yield Problem(code="objects", message=message, where=words, hint=hint)
