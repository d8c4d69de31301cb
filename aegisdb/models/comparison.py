"""What the models of services say against what the histories build, as two databases and not as two guesses.

In a copy of the database with every history at head a service's own tables go, its models make them anew, and the
fingerprints of both are compared. Services share the copy: each build is a transaction that is taken back. What cannot
be built so, or fails there, is built in a copy of its own, and that answer counts. AEGIS_COPY_EACH=1 does so for all.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Self

from aegisdb.building import template
from aegisdb.building.proof_target import proving
from aegisdb.errors import AegisError, Interrupted
from aegisdb.models.both_sides import BothSides
from aegisdb.models.copies import Copies
from aegisdb.models.kept import KeptComparisons
from aegisdb.models.normal_form import differences
from aegisdb.models.results import ModelsCompared
from aegisdb.progress import counted
from aegisdb.proofs.judgement import without_parts
from aegisdb.runtime.failures import NoMetadata
from aegisdb.runtime.forkserver import warm_process

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aegisdb.models.both_sides import Sides
    from aegisdb.revisions.history import History
    from aegisdb.workspace import Workspace

_COPY_EACH = "AEGIS_COPY_EACH"
Heard = Callable[[str, ModelsCompared | AegisError], None]
"""A listener to what was found about a service."""


def _nobody(service: str, found: ModelsCompared | AegisError) -> None:
    del service, found


def compare_models(
    ws: Workspace, histories: Sequence[History], *, whole: Workspace | None = None, heard: Heard = _nobody
) -> dict[str, ModelsCompared | AegisError]:
    """Compare the models of these services with the histories at head, by service; what cannot be loaded is an error.

    `whole` knows all owners, where `ws` has only some of the services. `heard` is told of each as it is known, in any
    order and from any thread.

    Raises:
        RevisionFailed: a history does not build.
    """
    if not histories:
        return {}
    knowing = whole or ws
    ws = proving(ws)
    source = template(ws, "histories")
    kept = KeptComparisons(knowing.registry, source)
    known = {history.service: found for history in histories if (found := kept.get(history))}
    for name, found in known.items():
        heard(name, found)
    asked = [history for history in histories if history.service not in known]
    made = _compare(ws, _Comparison(ws, knowing, source, kept, heard), asked) if asked else {}
    return {history.service: known.get(history.service) or made[history.service] for history in histories}


def _compare(
    ws: Workspace, comparison: _Comparison, histories: Sequence[History]
) -> dict[str, ModelsCompared | AegisError]:
    warm_process(ws.registry)
    with comparison, ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        found = counted(ws.listen, "models", pool.map(comparison.tried, histories), len(histories))
        return dict(zip((history.service for history in histories), found, strict=True))


class _Comparison:
    """The histories at head, read once for all services, and copies of them while it is entered."""

    def __init__(self, ws: Workspace, knowing: Workspace, source: str, kept: KeptComparisons, heard: Heard) -> None:
        self._sides = BothSides(ws, source, knowing)
        self._copies = Copies(ws.address(), source, "models")
        self._kept = kept
        self._heard = heard

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._copies.close()

    def tried(self, history: History) -> ModelsCompared | AegisError:
        """The comparison of one service, or why it failed."""
        found: ModelsCompared | AegisError
        try:
            found = self._compared(history)
        except Interrupted:
            raise
        except AegisError as error:
            found = error
        self._heard(history.service, found)
        return found

    def _compared(self, history: History) -> ModelsCompared:
        since = time.time()
        sides = self._of(history)
        failed = set(sides.built.failed)
        changes = differences(sides.head, sides.models, sides.built.named)
        found = ModelsCompared(
            changes=without_parts(tuple(c for c in changes if c.relation.replace('"', "") not in failed)),
            lost=tuple(self._sides.lost(history.service, sides.built)),
            not_built=sides.built.failed,
            tables=len(sides.built.tables),
        )
        self._kept.keep(history, sides.built.loaded, found, since)
        return found

    def _of(self, history: History) -> Sides:
        if os.environ.get(_COPY_EACH) != "1":
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
