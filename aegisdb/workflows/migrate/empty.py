"""Revisions without operations, which need no server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.postgres.address import nowhere
from aegisdb.runtime.session import Session
from aegisdb.runtime.step_options import UNRECORDED

if TYPE_CHECKING:
    from pathlib import Path

    from aegisdb.revisions.history import History
    from aegisdb.workspace import Workspace


def write_empty(ws: Workspace, history: History, message: str, head: str = "") -> Path:
    """Write a revision without operations, on this head where there are several; no database is contacted."""
    with Session(ws.registry, history, nowhere(), None, UNRECORDED) as session:
        return session.empty(message, head=head or "head")
