"""What the models of a service still have otherwise once new revisions of it were written."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from aegisdb.errors import AegisError
from aegisdb.models.comparison import compare_models
from aegisdb.models.comparison_on_top import comparing_on_top
from aegisdb.models.object_comparison import objects_problems
from aegisdb.models.problems import models_problems

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from aegisdb.errors import Problem
    from aegisdb.models.both_sides import Sides
    from aegisdb.models.results import ModelsCompared
    from aegisdb.revisions.history import History
    from aegisdb.workspace import Workspace


def compared_alone(ws: Workspace, history: History) -> ModelsCompared:
    """Compare the models of one service with its history at head; raises what stands in the way."""
    found = compare_models(ws, (history,))[history.service]
    if isinstance(found, AegisError):
        raise found
    return found


def comparing_new(
    ws: Workspace, before: Mapping[str, History], history: History, new: tuple[str, ...], models: Sides | None
) -> AbstractContextManager[Callable[[], ModelsCompared | None]]:
    """Compare as `comparing_on_top` where a single revision is new; else what is given knows nothing."""
    return comparing_on_top(ws, before, history, new[0], models) if len(new) == 1 else nullcontext(lambda: None)


def left(ws: Workspace, history: History, compared: ModelsCompared | None) -> Iterator[Problem]:
    """What the models have otherwise, with the new revisions in the history; `compared` where that is known."""
    found = compared or compared_alone(ws, history)
    for problem in (*models_problems(ws.registry, history.service, found), *objects_problems(ws, (history,))):
        yield replace(problem, hint="write it into the new file by hand, then invoke migrate.roundtrip --last 1")
