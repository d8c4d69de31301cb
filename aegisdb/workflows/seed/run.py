"""seed.run: fill the target's database with every seed, in the services' order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.errors import Difference
from aegisdb.results import Result
from aegisdb.seeds import SeedRunResult, run_seeds, seeds_of

if TYPE_CHECKING:
    from aegisdb.postgres.address import Address
    from aegisdb.registry.types import Registry
    from aegisdb.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class SeedPlan(Result):
    """What `seed.run` would run, in order."""

    seeds: tuple[str, ...]


def plan_seeds(ws: Workspace, *, service: str = "") -> SeedPlan:
    """The seeds that would run, in order; contacts nothing."""
    services = seeding_services(ws.registry, service)
    return SeedPlan(seeds=tuple(f"{name}: {seed.label}" for name, seed in seeds_of(ws.registry, services)))


def seed_run(ws: Workspace, *, service: str = "", dry_run: bool = False) -> SeedRunResult | SeedPlan:
    """Run the seeds of one service or of all, under the writer lock; all run, whatever ran before: they are idempotent.

    Raises:
        BadInput: the registry. Difference: revisions are pending (code `pending`). Busy: another writer.
        Failed: a seed failed, or left its tables empty; `result` says what ran.
    """
    planned = plan_seeds(ws, service=service)
    if dry_run or not planned.seeds:
        return planned

    address = ws.address()
    with ws.writing("seed.run") as lock:
        require_at_head(ws.registry, address)
        services = seeding_services(ws.registry, service)
        bindir = ws.server.bindir()
        done = run_seeds(ws.registry, address, services=services, bindir=bindir, listen=ws.listen, lock=lock)
    return SeedRunResult(seeds=done)


def seeding_services(registry: Registry, service: str = "") -> tuple[str, ...]:
    """Services with seeds, in cross-service order; only `service` where it is given.

    Raises:
        BadInput: an unknown service, an unset variable in a seed, histories in a cycle.
    """
    names = (service,) if service else _in_order(registry)
    for name in names:
        registry.service(name)
        registry.require("services", name, "seeds")
    return tuple(name for name in names if registry.services[name].seeds)


def require_at_head(registry: Registry, address: Address) -> None:
    """Seeds write into tables as the newest revision makes them: refuse while any is pending.

    Raises:
        Difference: code `pending`, naming the services and their numbers of pending revisions.
    """
    from aegisdb.applied.version_tables import read_versions
    from aegisdb.postgres.connection import connect
    from aegisdb.revisions.load import good_histories

    histories = good_histories(registry)
    with connect(address, application="aegisdb: seed") as conn:
        applied = read_versions(conn, histories.values())
    pending = {name: len(history.pending(applied.get(name, ()))) for name, history in histories.items()}
    behind = ", ".join(f"{name} ({number})" for name, number in pending.items() if number)
    if behind:
        raise Difference(
            f"no seed was run: revisions are pending in {behind}", hint="invoke migrate.apply", code="pending"
        )


def _in_order(registry: Registry) -> tuple[str, ...]:
    from aegisdb.revisions.load import good_histories
    from aegisdb.revisions.order import service_order

    ordered = service_order(registry, good_histories(registry))
    # services without a history only seed; they come last, in the registry's order
    return (*ordered, *(name for name in registry.services if name not in ordered))
