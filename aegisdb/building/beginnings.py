"""Templates of the beginning of a long history: what a proof of its last revisions starts on.

Kept among the grounds (`proof_templates.py`). A later run finds the longest beginning of the same code: that of the
revisions, and all that the process loaded which ran them. `AEGIS_WHOLE_HISTORIES=1` runs each from its first revision.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.building.content_hash import chained, surroundings
from aegisdb.building.templates import alone, ground_name, grounds, keep_grounds, promote_template
from aegisdb.errors import Failed, Interrupted
from aegisdb.postgres import databases
from aegisdb.postgres.connection import connect
from aegisdb.postgres.scratch import scratch
from aegisdb.postgres.uncopied import uncopied
from aegisdb.revisions.load import read_history
from aegisdb.runtime.history_base import lay_ground
from aegisdb.runtime.loaded_code import CodeHashes, older
from aegisdb.runtime.session import Session
from aegisdb.runtime.step_options import UNRECORDED
from aegisdb.runtime.step_results import Loaded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aegisdb.postgres.connection import Connection
    from aegisdb.revisions.history import History
    from aegisdb.revisions.parse import Revision
    from aegisdb.workspace import Workspace

WORTH_KEEPING = 100
"""Revisions; fewer run again in less time than a copy of the database takes."""
_SWITCH = "AEGIS_WHOLE_HISTORIES"
_EACH = 10
"""A template ends with such a revision: it serves those that come after it, too."""


@dataclass(frozen=True)
class Beginning:
    """A template, how many of a history's first revisions it has, and what the process had loaded that ran them."""

    template: str
    revisions: int
    loaded: Loaded


def beginning(
    ws: Workspace,
    history: History,
    start: str,
    revisions: Sequence[Revision],
    watch: Callable[[Session], None],
) -> Beginning | None:
    """Find a template that has the first ones of these revisions, or make one where it pays.

    `start` is the template that the first revision is run on; `watch` is told the session that runs them. None where a
    revision fails: who runs it again meets the error.

    Raises:
        Busy: another process builds the same for too long.
    """
    if len(revisions) < WORTH_KEEPING or os.environ.get(_SWITCH) == "1":
        return None
    maker = _Maker(ws, history, start, revisions, watch)
    with databases.maintenance(ws.address(), application="aegisdb: templates") as conn:
        found = maker.longest(conn)
        if len(revisions) - (found.revisions if found else 0) < WORTH_KEEPING:
            return found
        with alone(ws, maker.wanted):
            return maker.longest(conn, least=maker.count) or maker.make(conn, found)


class _Maker:
    """The beginnings of one history."""

    def __init__(
        self,
        ws: Workspace,
        history: History,
        start: str,
        revisions: Sequence[Revision],
        watch: Callable[[Session], None],
    ) -> None:
        self._ws = ws
        self._history = history
        self._start = start
        self._revisions = revisions
        self._watch = watch
        self._hashes = CodeHashes(ws.registry)
        self._names = self._named(history)
        self.count = len(revisions) // _EACH * _EACH
        self.wanted = self._names[self.count - 1]

    def longest(self, conn: Connection, *, least: int = 1) -> Beginning | None:
        """Return the longest beginning, of `least` revisions or more, that is there and was made by the code of now."""
        there = grounds(self._ws, conn)
        for count in range(len(self._names), least - 1, -1):
            facts = there.get(name := self._names[count - 1])
            if facts is None or "loaded" not in facts:
                continue
            files, places = json.loads(facts["loaded"])
            loaded = Loaded(files=tuple(files), places=tuple(places))
            if self._hashes.of(self._history, loaded) == facts["code"]:
                return Beginning(name, count, loaded)
        return None

    def make(self, conn: Connection, found: Beginning | None) -> Beginning | None:
        """Make the one that is wanted, upon the one that was found."""
        ws, began = self._ws, time.time()
        source = found.template if found else self._start
        todo = self._revisions[found.revisions if found else 0 : self.count]
        label = f"template beginning of {self._history.service}"
        with scratch(ws.address(), template=source, label=label) as address:
            with connect(address) as there:
                identity = there.identity()
                lay_ground(ws.registry, there, [self._history], bindir=ws.server.bindir())
            with Session(ws.registry, self._history, address, identity, UNRECORDED) as session:
                self._watch(session)
                loaded = _run(session, todo)
            if loaded is None or not older(ws.registry, self._history, loaded, began):
                return None
            loaded = loaded.and_of(found.loaded if found else None)
            if self._names != self._named(read_history(ws.registry, self._history.service)):
                return None
            if uncopied(conn, address.database):  # a later revision would not find it in a copy
                return None
            databases.drop(conn, self.wanted)  # one that is not current any more
            code = self._hashes.of(self._history, loaded)
            told = json.dumps([loaded.files, loaded.places])
            promote_template(conn, address.database, self.wanted, "ground", source, code=code, loaded=told)
        keep_grounds(ws, conn)
        return Beginning(self.wanted, self.count, loaded)

    def _named(self, history: History) -> list[str]:
        """One name for each of the beginnings, the files being as they are now."""
        now = (history.revisions.get(revision.id) for revision in self._revisions)
        parts = (f"{revision.id} {revision.digest}" if revision else "" for revision in now)
        # what was loaded is known by its path, so another checkout has templates of its own
        first = f"{self._start} {self._ws.registry.root} {surroundings(self._ws.registry, history)}"
        return [ground_name(self._ws, digest) for digest in chained(first, parts)]


def _run(session: Session, revisions: Sequence[Revision]) -> Loaded | None:
    try:
        for revision in revisions:
            session.upgrade_one(revision.id)
    except Interrupted:
        raise
    except Failed:
        return None
    return session.release()
