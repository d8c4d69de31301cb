"""Models compared by the workers of an engine, and by this process what the engine loses, or what fails there.

What a worker imported is known afterwards. It counts where the same files are here, with the same contents.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aegisdb.engines.choice import engine
from aegisdb.errors import Refused
from aegisdb.models.comparison import comparing
from aegisdb.models.results import ModelsCompared
from aegisdb.runtime.loaded_code import CodeHashes
from aegisdb.workflows.migrate.elsewhere import Place, Telling, opened, place_of, spread, swept

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aegisdb.engines.engine import Engine
    from aegisdb.models.comparison import Heard
    from aegisdb.revisions.history import History
    from aegisdb.runtime.step_results import Loaded
    from aegisdb.workspace import Workspace


@dataclass(frozen=True)
class Order:
    """Services whose models are to be compared at a place."""

    place: Place
    names: tuple[str, ...]


@dataclass(frozen=True)
class Compared:
    """The comparison of one service, and the code that it is about."""

    found: ModelsCompared
    loaded: Loaded
    code: str


@dataclass(frozen=True)
class Elsewhere:
    """Lets the workers of an engine compare models.

    `ws` makes proofs on its own target, with the services that can be built; `whole` knows all owners.
    """

    ws: Workspace
    whole: Workspace
    name: str

    def __call__(self, histories: Sequence[History], heard: Heard) -> Mapping[str, ModelsCompared]:
        """Return what workers found about the models of these services; what they did not is left out.

        Raises:
            Unreachable: the engine does not answer. Refused: a worker sees other files, or another server or aegisdb.
        """
        with swept(self.ws), engine(self.name) as there:
            parts = self._asked(histories, there)
        codes = CodeHashes(self.whole.registry)
        mine = {one.service: one for one in histories}
        for part in parts:
            for name, one in part.items():
                if _code(codes, mine[name], one.loaded) != one.code:
                    told = f"a worker compared other models of {name} than this run has"
                    hint = "give the workers the same checkout, and change nothing meanwhile"
                    raise Refused(told, hint=hint, where=str(mine[name].locations.home), code="engine_differs")
                heard(name, one.found)
        return {name: one.found for part in parts for name, one in part.items()}

    def _asked(self, histories: Sequence[History], there: Engine) -> Sequence[dict[str, Compared]]:
        place = place_of(self.ws)
        names = [one.service for one in histories]
        size = -(-len(names) // min(there.width, len(names)))
        orders = [Order(place, tuple(names[at : at + size])) for at in range(0, len(names), size)]
        return list(spread(self.ws.listen, there, compare_order, orders, _TELLING).values())


def compare_order(order: Order) -> dict[str, Compared]:
    """Compare the models of some services in a worker's process; one that fails is left out.

    Raises:
        Refused: this worker sees something else than who ordered it.
    """
    there = opened(order.place)
    asked = [there.histories[name] for name in order.names]
    with comparing(there.ws, asked, whole=there.whole) as models:
        found = models.found()
    codes = CodeHashes(there.whole.registry)
    return {
        one.service: Compared(result, loaded, _code(codes, one, loaded))
        for one in asked
        if isinstance(result := found[one.service], ModelsCompared)
        and (loaded := models.loaded.get(one.service)) is not None
    }


def _code(codes: CodeHashes, history: History, loaded: Loaded) -> str:
    # packages may be installed in another place there
    return codes.of(history, replace(loaded, places=()))


def _words(order: Order) -> str:
    count = len(order.names)
    return f"{order.names[0]}{f' and {count - 1} more' * (count > 1)}"


_TELLING: Telling[Order, dict[str, Compared]] = Telling("models", "compared again", _words)
