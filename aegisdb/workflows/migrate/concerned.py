"""A workspace for an answer about one service: what is broken elsewhere does not matter to it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from aegisdb.errors import HistoryError
from aegisdb.revisions.load import read_histories
from aegisdb.revisions.order import all_needs

if TYPE_CHECKING:
    from aegisdb.workspace import Workspace


def about(ws: Workspace, service: str) -> Workspace:
    """The workspace without the broken histories of services that this one does not need; they still own what they own.

    Raises:
        HistoryError: the history of the service, or of one that it needs, cannot be read.
    """
    histories = read_histories(ws.registry)
    broken = {name: history for name, history in histories.items() if isinstance(history, HistoryError)}
    if not broken:
        return ws
    if service in broken:
        raise broken[service]
    good = {name: history for name, history in histories.items() if not isinstance(history, HistoryError)}
    needed = all_needs(ws.registry, good, service)
    after = {other for name in (service, *needed) for other in ws.registry.services[name].after}
    if first := next((broken[name] for name in broken if name in after), None):
        raise first
    services = {
        name: replace(settings, alembic=None) if name in broken else settings
        for name, settings in ws.registry.services.items()
    }
    return replace(ws, registry=replace(ws.registry, file=replace(ws.registry.file, services=services)))
