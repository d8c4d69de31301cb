"""Proofs that something may run again on a copy of a database, remembered: by its code and by that database.

Where the database is the target's own, it counts with its schema, rows and sequences; one that the registry builds is
the same where its files are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.building.content_hash import level_hashes
from aegisdb.postgres import databases
from aegisdb.proofs import memory
from aegisdb.proofs.memory import Proofs
from aegisdb.proofs.second_run import state

if TYPE_CHECKING:
    from collections.abc import Callable

    from aegisdb.workspace import Workspace


class RememberedRun:
    """One proof: what is proven, and the memory of it; nothing is remembered where `code` finds no hash."""

    def __init__(self, ws: Workspace, name: str, code: Callable[[], str], *, on_target: bool) -> None:
        """`ws` is where the proof is made; `on_target`, that it is made on a copy of that target's own database."""
        self._ws = ws
        self._name = name
        self._code = code
        self._on_target = on_target
        self._proofs = Proofs(ws.registry)
        self._what = self._now()
        self._ground = ""

    def before(self) -> str:
        """When it was proven as it is now, in UTC; empty where it was not."""
        if not self._what or not self._proofs.has(self._what):
            return ""
        return self._proofs.made(self._what, self._standing())

    def begin(self) -> None:
        """Look at what the proof starts with."""
        self._ground = self._standing() if self._what else ""

    def remember(self) -> None:
        """Remember that it was proven, unless files or the target's database were changed since it began."""
        if self._ground and self._now() == self._what and self._standing() == self._ground:
            self._proofs.add({self._what: self._ground})

    def _now(self) -> str:
        code = self._code()
        if not code:
            return ""
        with databases.maintenance(self._ws.address(), application="aegisdb: proofs", client=self._ws.client) as conn:
            levels = level_hashes(self._ws, conn, "seeds")
            return memory.what(self._name, code, levels["seeds"], memory.server(conn))

    def _standing(self) -> str:
        if not self._on_target:
            return memory.ground("as its files build it")
        with self._ws.client.connect(self._ws.address(), application="aegisdb: prove") as conn:
            return state(conn)
