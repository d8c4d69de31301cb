"""seed.run: fill the target's database with every seed, in the services' order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.errors import Difference, Problem
from aegisdb.results import Result
from aegisdb.seeds import SeedRunResult, run_seeds, seeds_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aegisdb.postgres.address import Address
    from aegisdb.revisions.history import History
    from aegisdb.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class SeedPlan(Result):
    """The seeds that `seed.run` would run, in order."""

    seeds: tuple[str, ...]


@dataclass(frozen=True)
class Seeding:
    """Services to seed, and what must be at head before."""

    ws: Workspace
    """The workspace without the services that do not matter here."""
    services: tuple[str, ...]
    """Services with seeds, in cross-service order."""
    histories: Mapping[str, History]
    """Histories that must be at head before."""
    problems: tuple[Problem, ...] = ()
    """Services that are left out because a history cannot be read, each with the reason."""


def seed_run(ws: Workspace, *, service: str = "", dry_run: bool = False) -> SeedRunResult | SeedPlan:
    """Run the seeds of one service or of all, under the writer lock; all run, whatever ran before: they are idempotent.

    A service whose history cannot be read, or that needs such a one, is a problem of the result; the others are seeded.

    Raises:
        BadInput: the registry. Difference: revisions are pending (code `pending`). Busy: another writer.
        Failed: a seed failed, or left its tables empty; `result` says what ran.
        HistoryError: the service that was asked for, or one that it needs, cannot be read.
    """
    found = seeding(ws, service)
    planned = SeedPlan(
        seeds=tuple(f"{name}: {seed.label}" for name, seed in seeds_of(ws.registry, found.services)),
        problems=found.problems,
    )
    if dry_run or not planned.seeds:
        return planned

    address = ws.address()
    with ws.writing("seed.run") as lock:
        found = seeding(ws, service)
        require_at_head(found.histories, address)
        bindir = ws.server.bindir()
        done = run_seeds(
            found.ws.registry, address, services=found.services, bindir=bindir, listen=ws.listen, lock=lock
        )
    return SeedRunResult(seeds=done, problems=found.problems)


def seeding(ws: Workspace, service: str = "") -> Seeding:
    """Services with seeds; only `service` and what it needs where it is given.

    Raises:
        BadInput: an unknown service, an unset variable in a seed, histories in a cycle.
        HistoryError: that of `service`, or of one that it needs, cannot be read.
    """
    from aegisdb.building.buildable import Buildable, without_unreadable
    from aegisdb.revisions.load import good_histories
    from aegisdb.revisions.order import service_order

    # without a history it is not known what a service needs
    alone = service and ws.registry.service(service).alembic
    parts = Buildable(_needed(ws, service), {}) if alone else without_unreadable(ws)
    histories = good_histories(parts.ws.registry)
    # services without a history only seed; they come last, in the registry's order
    order = dict.fromkeys([*service_order(parts.ws.registry, histories), *parts.ws.registry.services])
    names = (service,) if service else tuple(order)
    for name in names:
        ws.registry.require("services", name, "seeds")
    return Seeding(
        ws=parts.ws,
        services=tuple(name for name in names if ws.registry.services[name].seeds),
        histories=histories,
        problems=tuple(
            Problem(code=error.code, message=error.message, hint=error.hint, where=error.where)
            for error in parts.errors.values()
        ),
    )


def _needed(ws: Workspace, service: str) -> Workspace:
    """The workspace with what this service needs, the owners of the tables that its seeds fill among it."""
    from aegisdb.building.buildable import needed_only

    fills = [table for seed in ws.registry.services[service].seeds for table in seed.fills]
    names = {service, *(owner for table in fills if (owner := ws.registry.owners.of_table(table)))}
    needed = {
        other for name in names & ws.registry.services.keys() for other in needed_only(ws, name).registry.services
    }
    return ws.without(ws.registry.services.keys() - needed)


def require_at_head(histories: Mapping[str, History], address: Address) -> None:
    """Seeds write into tables as the newest revision makes them: refuse while any is pending.

    Raises:
        Difference: code `pending`, naming the services and their numbers of pending revisions.
    """
    from aegisdb.applied.version_tables import read_versions
    from aegisdb.postgres.connection import connect

    with connect(address, application="aegisdb: seed") as conn:
        applied = read_versions(conn, histories.values())
    pending = {name: len(history.pending(applied.get(name, ()))) for name, history in histories.items()}
    behind = ", ".join(f"{name} ({number})" for name, number in pending.items() if number)
    if behind:
        raise Difference(
            f"no seed was run: revisions are pending in {behind}", hint="invoke migrate.apply", code="pending"
        )
