"""`migrate.verify --fleet`: every member's live schema against one reference; models are compared once for all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.applied.status import read_standings
from aegisdb.building.buildable import buildable
from aegisdb.building.proof_target import proving_together
from aegisdb.drift.schema_drift import References
from aegisdb.drift.tampering import tampered
from aegisdb.engines.choice import require_engine
from aegisdb.errors import HistoryError
from aegisdb.fleets.answers import Answer, put_together
from aegisdb.fleets.asking import ask, chosen
from aegisdb.models.comparison import comparing
from aegisdb.models.object_comparison import objects_problems
from aegisdb.plain_text import some_of
from aegisdb.postgres.graphs import broken_graphs
from aegisdb.revisions.load import read_histories
from aegisdb.revisions.locate import alembic_settings
from aegisdb.workflows.migrate.fleet_status import standing_words
from aegisdb.workflows.migrate.verify import Verdict, of_models, others_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from aegisdb.building.buildable import Buildable
    from aegisdb.errors import AegisError, Problem
    from aegisdb.fleets.answers import FleetResult
    from aegisdb.models.results import ModelsCompared
    from aegisdb.postgres.connection import Connection
    from aegisdb.revisions.history import History
    from aegisdb.workflows.migrate.verify import VerifyResult
    from aegisdb.workspace import Workspace

    Seen = tuple[VerifyResult, tuple[Problem, ...]]


def fleet_verify(ws: Workspace, *, service: str = "", engine: str = "") -> FleetResult:
    """Compare the live schema of every member with what the histories build; only reads the members.

    The references are built where `proof:` of the fleet says, one for each state that members are in. With an `engine`
    its workers compare the models; the members are asked by this process.

    Raises:
        UsageError: no such service or engine; Refused: there is no server for references, or a worker sees something
        else; Unreachable: the engine does not answer.
    """
    require_engine(engine)
    fleet = chosen(ws)
    if service:
        alembic_settings(ws.registry, service)
    if not fleet.members:
        return put_together(fleet, (), _answer)
    histories = read_histories(ws.registry)
    proving_together(ws, (member.target for member in fleet.members))
    parts = buildable(ws, service=service)
    asked = list(_compared(histories.values(), parts, service))
    with comparing(parts.ws, asked, whole=ws, others=others_of(parts.ws, ws, engine)) as models:
        look = _Look(ws, histories, parts, service)
        answers = ask(ws, look, "verify")
        also = (*_of_all(ws, parts, models.found()), *objects_problems(parts.ws, asked))
    return put_together(fleet, answers, _answer, also=also)


def _compared(histories: Iterable[History | HistoryError], parts: Buildable, service: str) -> Iterator[History]:
    """Histories whose models are compared."""
    for history in histories:
        if isinstance(history, HistoryError) or history.service in parts.errors:
            continue
        if service in {"", history.service}:
            yield history


class _Look:
    """The question to one member."""

    def __init__(
        self, ws: Workspace, histories: Mapping[str, History | HistoryError], parts: Buildable, service: str
    ) -> None:
        self._histories = histories
        self._parts = parts
        self._service = service
        self._references = References(ws, parts.ws)

    def __call__(self, ws: Workspace, conn: Connection) -> Seen:
        """What `migrate.verify` says of this database, but for the models."""
        conn.stay()  # it may wait for a reference that is being built
        standings = read_standings(conn, self._histories)
        applied = {name: standing.applied for name, standing in standings.items()}
        found = self._references.drift(ws, conn, applied)
        altered = tampered(conn, [s for s in standings.values() if s.history is not None])
        graphs = tuple(graph.problem() for graph in broken_graphs(conn))
        unexplained = [s.service for s in standings.values() if s.history is None or s.history.unknown(s.applied)]
        verdict = Verdict(ws, standings, found, altered, {}, frozenset({*unexplained, *self._parts.errors}))
        wanted = [name for name in standings if self._service in {"", name}]
        return verdict.result(wanted, rest=not self._service), graphs


def _of_all(ws: Workspace, parts: Buildable, models: Mapping[str, ModelsCompared | AegisError]) -> Iterator[Problem]:
    """What is wrong whatever the member is."""
    for error in parts.errors.values():
        if not isinstance(error, HistoryError):  # that one is each member's standing
            yield from error.problems
    for name, found in models.items():
        yield from of_models(ws, name, found)


def _answer(seen: Seen) -> Answer:
    result, graphs = seen
    drifted = [one.object for row in result.services for one in row.drift or ()]
    drifted += [one.object for changes in result.others.values() for one in changes]
    edited = [f"{row.service} {revision}" for row in result.services for revision in row.tampered or ()]
    parts = [*standing_words(result.services)]
    parts += [f"drift: {some_of(drifted)}"] if drifted else []
    parts += [f"tampered: {some_of(edited)}"] if edited else []
    parts += [f"invalid: {some_of(result.invalid_indexes)}"] if result.invalid_indexes else []
    parts += ["broken graphs"] if graphs else []
    wrong = [problem for problem in result.problems if problem.code != "pending"]
    return Answer(
        text=", ".join(parts) or "at head, as built",
        key=(result.services, tuple(result.others.items()), result.invalid_indexes, graphs),
        style="bad" if wrong or graphs else "warn" if parts else "ok",
        problems=(*graphs, *result.problems),
        detail={"services": result.services, "others": result.others, "invalid_indexes": result.invalid_indexes},
    )
