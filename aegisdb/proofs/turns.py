"""Services whose revisions rest on each other in turn: what each of their revisions is proven on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from aegisdb.revisions.order import service_order
from aegisdb.runtime.upgrade import in_order

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aegisdb.revisions.history import History
    from aegisdb.revisions.sequence import Steps
    from aegisdb.workspace import Workspace


@dataclass(frozen=True)
class Turns:
    """All revisions in order; `listed` has a service more than once where it waits for another in between."""

    listed: tuple[Steps, ...]
    histories: Mapping[str, History]

    @classmethod
    def of(cls, ws: Workspace, histories: Mapping[str, History]) -> Turns:
        """Make the turns of a registry, as it is and as the target's database has them in its journal."""
        every = [histories[name] for name in service_order(ws.registry, histories)]
        todo = [(history, history.ordered()) for history in every]
        return cls(tuple(in_order(ws.registry, todo, ws.address())), histories)

    @cached_property
    def _in_turn(self) -> frozenset[str]:
        """Services that take several turns, and those that have one in between."""
        names = [history.service for history, _ in self.listed]
        spans = [(names.index(name), len(names) - names[::-1].index(name)) for name in set(names)]
        return frozenset(name for start, end in spans for name in names[start:end] if end - start > 1)

    def of_service(self, name: str, scope: frozenset[str]) -> list[frozenset[str]]:
        """The scope in the turns that the service takes; none where neither it nor one around it takes several."""
        if name not in self._in_turn:
            return []
        turns = [frozenset(r.id for r in steps) for history, steps in self.listed if history.service == name]
        return [turn & scope for turn in turns if turn & scope]

    def before(self, name: str, scope: frozenset[str]) -> dict[str, tuple[str, ...]] | None:
        """What stands below a turn, by service the topmost revisions, its own among them; None as in `of_service`."""
        if name not in self._in_turn:
            return None
        reached: dict[str, tuple[str, ...]] = {}
        for history, steps in self.listed:
            if history.service == name and scope & {revision.id for revision in steps}:
                break
            for revision in steps:
                reached[history.service] = history.after(reached.get(history.service, ()), revision.id, up=True)
        return reached
