"""What revisions say that they require of other services, against what is applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.applied.version_tables import read_versions
from aegisdb.errors import Refused
from aegisdb.revisions.sequence import declared

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from aegisdb.postgres.connection import Connection
    from aegisdb.registry.types import Registry
    from aegisdb.revisions.history import History
    from aegisdb.revisions.sequence import Steps


def refuse_unmet(
    conn: Connection | None, registry: Registry, histories: Mapping[str, History], todo: Sequence[Steps]
) -> None:
    """Refuse to apply what requires a revision that is neither applied nor to be applied with it.

    Raises:
        Refused: `requires`; with the command that comes first. BadInput: a `requires` names nothing.
    """
    if not any(history.summary.requires for history, _ in todo):
        return
    _refuse_unread(registry, histories, todo)
    required = declared(registry, histories)
    planned = {(history.service, revision.id) for history, steps in todo for revision in steps}
    wanted = {(step, other) for step in planned for other in required.get(step, ()) if other not in planned}
    others = [histories[name] for name in dict.fromkeys(service for _, (service, _) in sorted(wanted))]
    rows = read_versions(conn, others) if conn is not None and others else {}
    for (service, revision), (other, needed) in sorted(wanted):
        if needed not in histories[other].ancestors(rows.get(other, ())):
            raise Refused(
                f"{service} {revision} requires {other} {needed}, which is not applied; nothing was touched",
                hint=f"invoke migrate.apply --service {other} --to {needed}",
                where=str(histories[service].revisions[revision].path),
                code="requires",
            )


def _refuse_unread(registry: Registry, histories: Mapping[str, History], todo: Sequence[Steps]) -> None:
    """Refuse what requires a revision of a service whose files cannot be read: whether it is applied is not known."""
    for history, steps in todo:
        for revision in steps:
            for service in (word.partition("@")[0] for word in revision.requires):
                entry = registry.services.get(service)
                if entry is not None and entry.alembic is not None and service not in histories:
                    raise Refused(
                        f"{history.service} {revision.id} requires a revision of {service}, whose history cannot be"
                        " read; nothing was touched",
                        hint=f"invoke migrate.status --service {service} says why",
                        where=str(revision.path),
                        code="requires",
                    )


def refuse_required(
    registry: Registry,
    service: str,
    down: Collection[str],
    histories: Mapping[str, tuple[History, tuple[str, ...]]],
) -> None:
    """Refuse to revert what an applied revision of another service requires; `histories` with what is applied.

    Raises:
        Refused: `dependents`; with the command that comes first.
    """
    required = declared(registry, {name: history for name, (history, _) in histories.items()})
    for (other, revision), needed in required.items():
        history, rows = histories[other]
        found = next((step for step in needed if step[0] == service and step[1] in down), None)
        if other != service and found is not None and revision in history.ancestors(rows):
            below = history.revisions[revision].down
            raise Refused(
                f"{service} cannot be rolled back: {other} {revision} requires {found[1]}; nothing was touched",
                hint=f"roll back first: invoke migrate.rollback --service {other} --to {below[0] if below else 'base'}",
                code="dependents",
            )
