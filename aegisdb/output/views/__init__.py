"""Text views of results: one module per collection, found by the command's name; `generic` serves everything else.

A module of this package has `VIEWS`, from the name of a result's class to a function that makes blocks of it.
Names instead of classes: a view is needed only after its workflow ran, and must not import the other workflows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from importlib.util import find_spec
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aegisdb.output.blocks import Block
    from aegisdb.results import Result

_OWN_COLLECTION = {
    "ApplyResult": "migrate",
    "DeployApplyResult": "deploy",
    "SeedRunResult": "seed",
    "FleetResult": "fleet",
}
"""Results that other collections meet, too: `db.reset` and `db.prepare` apply and seed, and fail half-way."""
_AT_ONCE = 5000
View = Callable[[Any], "Iterable[Block]"]


def blocks_of(result: Result, command: str) -> Iterator[Block]:
    """The blocks of a result, by the view of the command's collection or by the generic one.

    The first thousands are made at once, so that a view that fails prints nothing; hundreds of thousands never are.
    """
    blocks = iter(_view_of(result, command.split(".", maxsplit=1)[0])(result))
    return chain(list(islice(blocks, _AT_ONCE)), blocks)


def _view_of(result: Result, collection: str) -> View:
    kind = type(result).__name__
    for place in (collection, _OWN_COLLECTION.get(kind, "")):
        name = f"{__name__}.{place}"
        if place.isidentifier() and find_spec(name) is not None:
            views: dict[str, View] = import_module(name).VIEWS
            if kind in views:
                return views[kind]
    from aegisdb.output.views.generic import generic

    return generic
