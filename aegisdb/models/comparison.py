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
from aegisdb.models.copies import Copies
from aegisdb.models.kept import KeptComparisons, is_older
from aegisdb.models.normal_form import differences
from aegisdb.models.results import ModelsCompared
from aegisdb.progress import counted
from aegisdb.runtime.failures import NoMetadata
from aegisdb.runtime.forkserver import warm_process

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aegisdb.models.both_sides import Sides
    from aegisdb.revisions.history import History
    from aegisdb.runtime.step_results import Loaded
    from aegisdb.workspace import Workspace

_COPY_EACH = "AEGIS_COPY_EACH"
Heard = Callable[[str, ModelsCompared | AegisError], None]
"""A listener to what was found about a service."""
Others = Callable[[Sequence["History"], Heard], Mapping[str, ModelsCompared]]
"""A comparison in place of this process; what is missing in the answer is compared here."""


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
        self._results: list[Future[ModelsCompared | AegisError]] = []

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
        self._results = [self._pool.submit(self._tell, history) for history in asked]

    def _tell(self, history: History) -> ModelsCompared | AegisError:
        found, loaded = self._comparison.tried(history)
        if loaded is not None:
            self.loaded[history.service] = loaded
        self._heard.result()(history.service, found)
        return found

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
        results = counted(self._ws.listen, "models", (one.result() for one in self._results), len(left))
        made = dict(zip((history.service for history in left), results, strict=True))
        return {one.service: self._known.get(one.service) or made[one.service] for one in self._histories}


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

    def tried(self, history: History) -> tuple[ModelsCompared | AegisError, Loaded | None]:
        """The comparison of one service and what was imported for it, or why it failed."""
        try:
            return self._compared(history)
        except Interrupted:
            raise
        except AegisError as error:
            return error, None

    def _compared(self, history: History) -> tuple[ModelsCompared, Loaded]:
        since = time.time()
        sides = self._of(history)
        found = compared(self._sides, history, sides)
        self._kept.keep(history, sides.built.loaded, found, since)
        return found, sides.built.loaded

    def _of(self, history: History) -> Sides:
        if not self._own_copy:
            try:
                sides = self._sides.tried(history, self._copies)
            except (Interrupted, NoMetadata):
                raise
            except AegisError:
                pass  # whatever it is, a copy of its own shows whether it is true there
            else:
                if not sides.built.failed:
                    return sides
        return self._sides.of(history)


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
    )
