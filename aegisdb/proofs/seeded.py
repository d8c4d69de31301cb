"""The database with rows for the proof with data: the seeds at head, or, where they fail there, below what is proven.

A revision that the seeds do not fit yet (a column that they do not fill) is run on the rows that they make below it, as
it will be where people have such rows already.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aegisdb.building import fill, template
from aegisdb.errors import AegisError, Busy, Interrupted, Unreachable
from aegisdb.postgres.connection import connect
from aegisdb.postgres.scratch import scratch
from aegisdb.proofs.collector import describe, failure, not_reached
from aegisdb.runtime.session import Session
from aegisdb.runtime.step_options import UNRECORDED
from aegisdb.runtime.upgrade import in_order

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aegisdb.postgres.address import Address
    from aegisdb.proofs.revision_proof import RevisionProof
    from aegisdb.results import Problem
    from aegisdb.revisions.history import History
    from aegisdb.workspace import Workspace

_BELOW = "below the revisions, as they fail at the new heads"


@dataclass(frozen=True)
class Seeded:
    """A database to clone; or, where no revision could be taken further, what was found on the way."""

    database: str
    proofs: tuple[RevisionProof, ...] = ()
    problems: tuple[Problem, ...] = ()
    """Why the seeds fail at head."""
    where: str = "at the new heads"


@contextmanager
def seeded(ws: Workspace, histories: Mapping[str, History], scope: Mapping[str, frozenset[str]]) -> Iterator[Seeded]:
    """Seed at head, or below the revisions of `scope` and take those up through the rows.

    Raises:
        Failed: the seeds fail below them too, as at head.
    """
    template(ws, "histories")  # what fails from here on is a seed
    try:
        database = template(ws, "seeds")
    except (Interrupted, Unreachable, Busy):
        raise
    except AegisError as error:
        with ExitStack() as stack:
            address = stack.enter_context(scratch(ws.address(), template=template(ws, "base"), label="older seeds"))
            _seed_below(ws, histories, scope, address, error)
            yield Seeded(address.database, tuple(_taken_up(ws, histories, scope, address)), error.problems, _BELOW)
        return
    yield Seeded(database)


def _seed_below(
    ws: Workspace,
    histories: Mapping[str, History],
    scope: Mapping[str, frozenset[str]],
    address: Address,
    at_head: AegisError,
) -> None:
    below = {name: _below(history, scope.get(name, frozenset())) for name, history in histories.items()}
    try:
        fill(ws, address, "histories", revisions=below)
        fill(ws, address, "seeds")
    except (Interrupted, Unreachable):
        raise
    except AegisError:
        raise at_head from None


def _below(history: History, proven: frozenset[str]) -> tuple[str, ...]:
    above = history.descendants(proven)
    return history.topmost(identifier for identifier in history.revisions if identifier not in above)


def _taken_up(
    ws: Workspace, histories: Mapping[str, History], scope: Mapping[str, frozenset[str]], address: Address
) -> Iterator[RevisionProof]:
    """Proofs of what fails on the rows, and of all above it; nothing where everything goes up."""
    todo = []
    for history in histories.values():
        above = history.descendants(scope.get(history.service, frozenset()))
        if above:
            todo.append((history, tuple(r for r in history.ordered() if r.id in above)))
    failed = ""
    with connect(address) as conn:
        identity = conn.identity()
    for history, steps in in_order(ws.registry, todo):
        with Session(ws.registry, history, address, identity, UNRECORDED) as session:
            for revision in steps:
                if failed:
                    yield not_reached(history, revision, f"with data: not reached, {failed} fails on the rows below it")
                    continue
                try:
                    session.upgrade_one(revision.id)
                except (Interrupted, Unreachable):
                    raise
                except AegisError as error:
                    failed = f"{history.service} {revision.id}"
                    found = failure("data_upgrade_failed", history, revision, error)
                    yield replace(describe(history, revision, "failed"), findings=(found,))
