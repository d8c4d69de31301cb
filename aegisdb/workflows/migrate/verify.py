"""`migrate.verify`: is every service at head; are models, histories and the live schema one, and all of it intact."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aegisdb.applied.status import read_standings
from aegisdb.building.buildable import buildable
from aegisdb.building.proof_target import proving
from aegisdb.drift.schema_drift import drift
from aegisdb.drift.tampering import tampered
from aegisdb.engines.choice import require_engine
from aegisdb.errors import AegisError, HistoryError, Problem
from aegisdb.models.comparison import comparing, expect
from aegisdb.models.object_comparison import objects_problems
from aegisdb.models.problems import models_problems, told
from aegisdb.models.results import ModelsCompared
from aegisdb.postgres.graphs import broken_graphs
from aegisdb.progress import Event
from aegisdb.results import Result
from aegisdb.revisions.load import read_histories
from aegisdb.revisions.locate import alembic_settings
from aegisdb.runtime.failures import NoMetadata
from aegisdb.shards import Shard
from aegisdb.workflows.migrate.verify_problems import drift_problem, invalid_problem, tampered_problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from aegisdb.applied.status import Standing
    from aegisdb.drift.schema_drift import Drift
    from aegisdb.fingerprint import Change
    from aegisdb.models.comparison import Others
    from aegisdb.progress import Listener
    from aegisdb.workspace import Workspace

_ORDER = (
    *("unknown_revision", "tampered", "foreign_key", "invalid_index", "drift", "base_schema"),
    *("unowned_model", "other_kind", "not_compared", "models", "pending"),
)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A schema object that is not as it should be."""

    kind: str
    object: str
    expected: str
    found: str


@dataclass(frozen=True, kw_only=True)
class ServiceVerdict:
    """The state of a service, and what differs."""

    service: str
    applied: tuple[str, ...]
    head: tuple[str, ...]
    pending: int
    state: str
    models: tuple[str, ...] | None
    """What the models have otherwise than the histories, or why not; None where they were not compared."""
    not_compared: int = 0
    """How many of these are tables and types that PostgreSQL does not build, so that they were not compared."""
    has_models: bool = True
    """Whether env.py gives Alembic any `target_metadata`; without it nothing can be proposed."""
    drift: tuple[Difference, ...] | None
    """None where the schema was not compared: it is not known what the applied revisions build."""
    tampered: tuple[str, ...] | None
    """None where its files cannot be read."""


@dataclass(frozen=True, kw_only=True)
class VerifyResult(Result):
    """The verdicts by service, and what differs outside of the services."""

    services: tuple[ServiceVerdict, ...]
    others: Mapping[str, tuple[Difference, ...]]
    """Differences by owner: "base", "extension", "nobody"."""
    invalid_indexes: tuple[str, ...]
    shard: str = ""
    """The part of the services that was compared; empty for all."""

    @property
    def without_models(self) -> tuple[str, ...]:
        """Services whose models were not compared because they have none."""
        return tuple(row.service for row in self.services if not row.has_models)


def verify(ws: Workspace, *, service: str = "", shard: str = "", engine: str = "") -> VerifyResult:
    """Compare models, histories and the live schema; only reads the live database. Exit 6 on any difference.

    A service that cannot be read or built is a row that says why, and the others are compared all the same. With
    `service` only that one and what it needs is built; the first `shard` has what is no service's, too. With an
    `engine` its workers compare the models; the result is no other.

    Raises:
        Unreachable: no server or no database, or no engine. UsageError: there is no such engine or shard.
        Refused: a worker of the engine sees something else.
    """
    mine = Shard.parse(shard)
    require_engine(engine)
    with ExitStack() as ending:
        return replace(_verified(ws, service, mine, engine, ending), shard=shard)


def _verified(ws: Workspace, service: str, mine: Shard, engine: str, ending: ExitStack) -> VerifyResult:
    histories = read_histories(ws.registry)
    wanted = [name for name in histories if service in {"", name} and mine.has(name)]
    tell = _Rows(ws.listen)
    expect(ws, (one for name in wanted if not isinstance(one := histories[name], HistoryError)))
    if service:
        alembic_settings(ws.registry, service)
    proving(ws)  # before there is a session: a server may have a single one
    with ws.short_session() as conn:
        conn.stay()  # it waits for references that are built elsewhere
        standings = read_standings(conn, histories)
        unexplained = [s.service for s in standings.values() if s.history is None or s.history.unknown(s.applied)]
        tell.unreadable(standings[name] for name in wanted)
        parts = buildable(ws, service=service)
        asked = [h for name in wanted if name not in parts.errors and (h := standings[name].history) is not None]
        applied = {name: standing.applied for name, standing in standings.items()}
        models = ending.enter_context(comparing(parts.ws, asked, whole=ws, others=others_of(parts.ws, ws, engine)))
        found = drift(ws, conn, applied, built=parts.ws)
        altered = tampered(conn, [s for s in standings.values() if s.history is not None])
        graphs = tuple(graph.problem() for graph in broken_graphs(conn))
    verdict = Verdict(ws, standings, found, altered, parts.errors, frozenset({*unexplained, *parts.errors}))
    for name in wanted:
        if name in parts.errors and standings[name].history is not None:
            tell.row(verdict.row(name))
    verdict.take(models.found(lambda name, one: tell.row(verdict.row(name, one))))
    result = verdict.result(wanted, rest=not service and not mine.number)
    return replace(result, problems=(*graphs, *objects_problems(parts.ws, asked), *result.problems))


def others_of(ws: Workspace, whole: Workspace, engine: str) -> Others | None:
    """Return who compares models in place of this process, on the server of `ws`; `whole` knows all owners."""
    if not engine:
        return None
    from aegisdb.workflows.migrate.verify_elsewhere import Elsewhere

    return Elsewhere(ws, whole, engine)


class _Rows:
    """Tells each service's row as it is known, for a person who waits."""

    def __init__(self, listen: Listener) -> None:
        self._listen = listen
        self._began = time.monotonic()

    def unreadable(self, standings: Iterable[Standing]) -> None:
        """Tell of those of which nothing more will be known."""
        for standing in standings:
            if standing.history is None:
                self._tell(standing.service, standing.state)

    def row(self, row: ServiceVerdict) -> None:
        """Tell what was found."""
        differ = len(row.models or ()) - row.not_compared
        counts = (
            ("models differ in", differ),
            ("models not compared", row.not_compared),
            ("drift", len(row.drift or ())),
            ("tampered", len(row.tampered or ())),
        )
        found = [f"{word} {count}" for word, count in counts if count]
        several = (row.models, row.drift, row.tampered)
        if not found:
            found = ["nothing else differs" if None not in several else "not all of it was compared"]
        self._tell(row.service, ", ".join([row.state, *found]))

    def _tell(self, service: str, note: str) -> None:
        self._listen(Event(step="verify", subject=f"{service}:", note=note, seconds=time.monotonic() - self._began))


class Verdict:
    """Puts the findings together: rows, and problems with the gravest first."""

    def __init__(
        self,
        ws: Workspace,
        standings: Mapping[str, Standing],
        found: Drift,
        altered: Mapping[str, tuple[str, ...]],
        errors: Mapping[str, AegisError],
        unexplained: frozenset[str],
    ) -> None:
        self._ws = ws
        self._standings = standings
        self._altered = altered
        self._models: dict[str, ModelsCompared | AegisError] = dict(errors)
        self._changes = dict(found.changes)
        self._live = found.live
        self._unexplained = unexplained
        # what cannot be built cannot be compared
        for name in unexplained:
            self._changes.pop(name, None)

    def take(self, models: Mapping[str, ModelsCompared | AegisError]) -> None:
        """Take what was found out about the models; what is an error already stays one."""
        self._models = {**models, **self._models}

    def result(self, wanted: list[str], *, rest: bool) -> VerifyResult:
        """The result for these services, and with `rest` for what is no service's."""
        others = {o: c for o, c in self._changes.items() if o not in self._standings} if rest else {}
        invalid = self._invalid() if rest else ()
        problems = [problem for name in wanted for problem in self._of_service(name)]
        problems += [drift_problem(self._ws, owner, c) for owner, changes in others.items() for c in changes]
        problems += [invalid_problem(name) for name in invalid]
        problems.sort(key=lambda p: (p.exit_code, _ORDER.index(p.code) if p.code in _ORDER else -1))
        return VerifyResult(
            services=tuple(self.row(name) for name in wanted),
            others={owner or "nobody": tuple(map(_difference, changes)) for owner, changes in others.items()},
            invalid_indexes=invalid,
            problems=tuple(problems),
        )

    def row(self, name: str, found: ModelsCompared | AegisError | None = None) -> ServiceVerdict:
        """The row of a service, its models taken from `found` where they are not kept here yet."""
        standing, models = self._standings[name], found or self._models.get(name)
        return ServiceVerdict(
            service=name,
            applied=standing.applied,
            head=standing.history.heads if standing.history else (),
            pending=len(standing.pending),
            state=standing.state,
            models=told(self._ws.registry, name, models) if isinstance(models, ModelsCompared) else None,
            not_compared=len(models.not_built) if isinstance(models, ModelsCompared) else 0,
            has_models=not isinstance(models, NoMetadata),
            drift=None if name in self._unexplained else tuple(map(_difference, self._changes.get(name, ()))),
            tampered=self._altered.get(name, ()) if standing.history else None,
        )

    def _of_service(self, name: str) -> Iterator[Problem]:
        standing, models = self._standings[name], self._models.get(name, ModelsCompared())
        if standing.problem is not None:
            yield standing.problem
        for revision in self._altered.get(name, ()):
            yield tampered_problem(standing, revision)
        for change in self._changes.get(name, ()):
            if change.object not in self._invalid():
                yield drift_problem(self._ws, name, change)
        yield from of_models(self._ws, name, models)
        if standing.behind is not None:
            yield standing.behind

    def _invalid(self) -> tuple[str, ...]:
        marks = {"index": "; invalid", "constraint": "; invalid index"}
        return tuple(
            key
            for key, facts in sorted(self._live.facts.items())
            if (mark := marks.get(key.partition(" ")[0])) and f"{facts};".find(f"{mark};") >= 0
        )


def of_models(ws: Workspace, service: str, models: ModelsCompared | AegisError) -> Iterator[Problem]:
    """What is wrong with the models of a service."""
    if isinstance(models, NoMetadata):
        return  # a service may well have no models: the row and the summary tell it
    if isinstance(models, HistoryError):
        return  # it is the standing's own problem
    if isinstance(models, AegisError):
        yield from models.problems
    else:
        yield from models_problems(ws.registry, service, models)


def _difference(change: Change) -> Difference:
    return Difference(kind=change.kind, object=change.object, expected=change.before, found=change.after)
