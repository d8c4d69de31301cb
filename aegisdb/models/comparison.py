"""What the models of services say against what the histories build, as two databases and not as two guesses.

In a copy of the database with every history at head a service's own tables go, its models make them anew, and the
fingerprints of both are compared. Services share the copy: each build is a transaction that is taken back. What cannot
be built so, or fails there, is built in a copy of its own, and that answer counts. AEGIS_COPY_EACH=1 does so for all.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Self

from aegisdb.building import template
from aegisdb.building.proof_target import proving
from aegisdb.errors import AegisError, Interrupted
from aegisdb.fingerprint import without_parts
from aegisdb.models.both_sides import BothSides, other_kinds
from aegisdb.models.copies import Copies, Copy
from aegisdb.models.kept import KeptComparisons, is_older
from aegisdb.models.normal_form import differences
from aegisdb.models.results import ModelsCompared
from aegisdb.progress import counted
from aegisdb.runtime.failures import NoMetadata
from aegisdb.runtime.forkserver import warm_process

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aegisdb.models.both_sides import Sides
    from aegisdb.revisions.history import History
    from aegisdb.runtime.step_results import Loaded
    from aegisdb.workspace import Workspace

_COPY_EACH = "AEGIS_COPY_EACH"
Heard = Callable[[str, ModelsCompared | AegisError], None]
"""A listener to what was found about a service."""
Others = Callable[[Sequence["History"], Heard], Mapping[str, ModelsCompared]]
"""A comparison in place of this process; what is missing in the answer is compared here."""


_TOGETHER = 16
"""Services that are built in a copy one after the other before one looks whether it is as it was: that look goes
through the schema of all services."""


def _nobody(service: str, found: ModelsCompared | AegisError) -> None:
    del service, found


def compare_models(
    ws: Workspace, histories: Sequence[History], *, whole: Workspace | None = None
) -> dict[str, ModelsCompared | AegisError]:
    """Compare the models of these services with the histories at head, by service; what cannot be loaded is an error.

    `whole` knows all owners, where `ws` has only some of the services.

    Raises:
        RevisionFailed: a history does not build.
    """
    with comparing(ws, histories, whole=whole) as models:
        return models.found()


def expect(ws: Workspace, histories: Iterable[History]) -> None:
    """Load Alembic beside what comes first, where files of models look as if there will be something to compare."""
    if any(is_older(ws.registry, history) for history in histories):
        warm_process(ws.registry)


def comparing(
    ws: Workspace, histories: Sequence[History], *, whole: Workspace | None = None, others: Others | None = None
) -> Comparing:
    """Begin to compare: what was found out before is known, the rest is compared beside what the block does.

    With `others` these are asked for the rest, once the block asks what was found.
    """
    return Comparing(proving(ws), whole or ws, histories, others)


class Comparing:
    """Comparisons of models beside other work; the end of the block ends what has not begun."""

    def __init__(
        self, ws: Workspace, knowing: Workspace, histories: Sequence[History], others: Others | None = None
    ) -> None:
        self._ws = ws
        self._histories = histories
        self._others = others
        source = template(ws, "histories") if histories else ""
        kept = KeptComparisons(knowing.registry, source)
        there = {one.service: found for one in histories if (found := kept.get(one))}
        self._known = {name: found for name, (found, _) in there.items()}
        self.loaded = {name: loaded for name, (_, loaded) in there.items()}
        """What was imported for each comparison that there is."""
        self._asked = [one for one in histories if one.service not in self._known]
        self._pool = ThreadPoolExecutor(max(1, min(2, len(self._asked), os.cpu_count() or 1)))
        self._heard: Future[Heard] = Future()
        self._comparison = _Comparison(ws, knowing, source, kept, alone=len(self._asked) == 1)
        self._results: list[Future[list[ModelsCompared | AegisError]]] = []

    def __enter__(self) -> Self:
        if self._others is not None:
            return self
        if self._asked:
            warm_process(self._ws.registry)
        if self._ws.server.own:  # others may have room for few sessions at a time
            self._begin(self._asked)
        return self

    def __exit__(self, *exc: object) -> None:
        if not self._heard.done():
            self._heard.set_result(_nobody)
        self._pool.shutdown(cancel_futures=True)
        self._comparison.close()

    def _begin(self, asked: Sequence[History]) -> None:
        size = _at_once(len(asked))
        groups = [asked[first : first + size] for first in range(0, len(asked), size)]
        self._results = [self._pool.submit(self._tell, group) for group in groups]

    def _tell(self, group: Sequence[History]) -> list[ModelsCompared | AegisError]:
        told = []
        for service, found, loaded in self._comparison.tried(group):
            if loaded is not None:
                self.loaded[service] = loaded
            self._heard.result()(service, found)
            told.append(found)
        return told

    def found(self, heard: Heard = _nobody) -> dict[str, ModelsCompared | AegisError]:
        """By service; `heard` is told of each as it is known, in any order and from any thread."""
        for name, known in self._known.items():
            heard(name, known)
        self._heard.set_result(heard)
        if self._others is not None and self._asked:
            self._known |= self._others(self._asked, heard)
        left = [one for one in self._asked if one.service not in self._known]
        if not self._results:
            if left:
                warm_process(self._ws.registry)  # here: it would end with the thread that starts it
            self._begin(left)
        each = (found for group in self._results for found in group.result())
        results = counted(self._ws.listen, "models", each, len(left))
        made = dict(zip((history.service for history in left), results, strict=True))
        return {one.service: self._known.get(one.service) or made[one.service] for one in self._histories}


def _at_once(services: int) -> int:
    """How many are built together: of few each is told as soon as it is known, and all threads have some to the end."""
    return min(_TOGETHER, services // 8 + 1)


class _Comparison:
    """The histories at head, read once for all services, and copies of them; `alone` where there is one service."""

    def __init__(self, ws: Workspace, knowing: Workspace, source: str, kept: KeptComparisons, *, alone: bool) -> None:
        self._ws = ws
        self._knowing = knowing
        self._source = source
        self._kept = kept
        self._own_copy = alone or os.environ.get(_COPY_EACH) == "1"
        self._copies = Copies(ws.address(), source, "models")
        self._reading = Lock()

    def close(self) -> None:
        """Drop the copies."""
        self._copies.close()

    @property
    def _sides(self) -> BothSides:
        with self._reading:
            return self._read

    @cached_property
    def _read(self) -> BothSides:
        return BothSides(self._ws, self._source, self._knowing)

    def tried(self, group: Sequence[History]) -> Iterator[tuple[str, ModelsCompared | AegisError, Loaded | None]]:
        """The comparison of each service and what was imported for it, or why it failed."""
        since = time.time()
        there = {} if self._own_copy else self._in_copies(group)
        for history in group:
            try:
                yield (history.service, *self._compared(history, there.get(history.service), since))
            except Interrupted:
                raise
            except AegisError as error:
                yield history.service, error, None

    def _compared(
        self, history: History, there: Sides | AegisError | None, since: float
    ) -> tuple[ModelsCompared, Loaded]:
        if isinstance(there, AegisError):
            raise there
        sides = there or self._sides.of(history)
        found = compared(self._sides, history, sides)
        if not sides.built.plugins.modules:  # what they declare may stand in files that nobody imports
            self._kept.keep(history, sides.built.loaded, found, since)
        return found, sides.built.loaded

    def _in_copies(self, group: Sequence[History]) -> dict[str, Sides | AegisError]:
        """What can be built in copies that others get, or has no models."""
        there: dict[str, Sides | AegisError] = {}
        todo, left = [*group], len(group) + 1
        while todo and len(todo) < left:
            left = len(todo)
            there |= self._in_copy(todo)
        return there

    def _in_copy(self, todo: list[History]) -> dict[str, Sides | AegisError]:
        """Take from `todo` what is built in one copy, up to the first that fails; nothing counts if anything stayed."""
        there: dict[str, Sides | AegisError] = {}
        try:
            with self._copies.one() as copy:
                while todo and not copy.doubtful:
                    history = todo.pop(0)
                    sides = self._tried(history, copy)
                    if sides is not None:
                        there[history.service] = sides
        except Interrupted:
            raise
        except AegisError:
            return {}  # something stayed, or there is no copy: each is built in one of its own, and meets that there
        return there

    def _tried(self, history: History, copy: Copy) -> Sides | AegisError | None:
        try:
            sides = self._sides.tried(history, copy)
        except Interrupted:
            raise
        except NoMetadata as error:
            return error
        except AegisError:
            copy.doubtful = True  # whatever it is, a copy of its own shows whether it is true there
            return None
        return None if sides.built.failed else sides


def compared(both: BothSides, history: History, sides: Sides) -> ModelsCompared:
    """What the models of a service have otherwise than its histories."""
    others = tuple(other_kinds(sides.built))
    failed = {*sides.built.failed, *(other.table for other in others)}
    changes = differences(sides.head, sides.models, sides.built)
    return ModelsCompared(
        changes=without_parts(tuple(c for c in changes if c.relation.replace('"', "") not in failed)),
        lost=tuple(both.lost(history.service, sides.built)),
        others=others,
        not_built={table: why for table, why in sides.built.failed.items() if table not in sides.built.others},
        tables=len({*sides.built.tables} - {*sides.built.others}),
        plugins=tuple(both.of_plugins(history.service, sides.built)),
        plugins_failed=sides.built.plugins.failed,
    )
