"""Runs seeds, believes none of them, and keeps the ledger."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aegisdb.errors import AegisError, Failed, Interrupted, Unreachable
from aegisdb.fast_dataclass import dataclass
from aegisdb.plain_text import number_of
from aegisdb.postgres.driver_urls import require_sayable
from aegisdb.progress import Event, Listener, silent
from aegisdb.results import Result
from aegisdb.seeds import fills, ledger
from aegisdb.seeds.deadline import Deadline
from aegisdb.seeds.ledger import SeedDone
from aegisdb.seeds.run import SeedRun
from aegisdb.seeds.sources import seed_digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from aegisdb.postgres.address import Address
    from aegisdb.postgres.connection import Connection
    from aegisdb.postgres.locks import WriterLock
    from aegisdb.registry.kinds import Seed
    from aegisdb.registry.types import Registry


@dataclass(frozen=True, kw_only=True)
class SeedRunResult(Result):
    """The seeds that ran; after an error also the one that failed and those not started."""

    seeds: tuple[SeedDone, ...] = ()
    failed: str = ""
    not_started: tuple[str, ...] = ()


def seeds_of(registry: Registry, services: tuple[str, ...]) -> tuple[tuple[str, Seed], ...]:
    """(service, seed) in the order in which they run."""
    return tuple((service, seed) for service in services for seed in registry.services[service].seeds)


def warm(registry: Registry, wanted: Sequence[tuple[str, Seed]], *, times: int = 1) -> None:
    """Make one start of Python do for all modules, where there are several or they run several times."""
    if times * sum(seed.RUNS_PYTHON and registry.services[name].runner is None for name, seed in wanted) > 1:
        from aegisdb.runtime.forkserver import warm_process

        warm_process(registry)


def run_seed(
    registry: Registry,
    service: str,
    seed: Seed,
    address: Address,
    *,
    bindir: Path | None = None,
    listen: Listener = silent,
) -> SeedDone:
    """Run one seed on `address` and check that its `fills` tables hold rows there. Takes no lock, writes no ledger.

    Raises:
        BadInput, Unreachable, Refused: nothing changed. Failed: the message says what is in its tables now.
    """
    name = seed.label
    listen(Event(step="seed", subject=f"{service}: {name}"))
    for table in seed.fills:
        fills.read_name(table)
    digest, began = seed_digest(registry, service, seed), time.monotonic()
    try:
        where = SeedRun(
            registry=registry,
            service=service,
            address=address,
            deadline=Deadline(seed.timeout),
            bindir=bindir,
            listen=listen,
        )
        seed.run(where)
        counts = _rows_now(registry, service, seed, address)
        fills.require_filled(counts, seed.fills, f"{name} of {service}")
    except Failed as error:
        raise _with_state(error, registry, service, seed, address) from None
    seconds = time.monotonic() - began
    listen(Event(step="seed", subject=f"{service}: {name}", seconds=seconds))
    return SeedDone(service=service, seed=name, seconds=seconds, rows=counts, digest=digest)


def run_seeds(
    registry: Registry,
    address: Address,
    *,
    services: tuple[str, ...],
    bindir: Path | None = None,
    listen: Listener = silent,
    lock: WriterLock | None = None,
) -> tuple[SeedDone, ...]:
    """Run every seed of `services` in that order on any database, keep the ledger in it; no lock: callers own that.

    Where there is a `lock`, it is proven before each seed.

    Raises:
        AegisError: the first seed's error, with `result` a SeedRunResult. Once a seed has run, an error that would
            promise "nothing changed" becomes Failed.
        Interrupted: Ctrl-C or SIGTERM, with the same result.
    """
    from aegisdb.postgres import side_schema
    from aegisdb.postgres.connection import connect

    wanted = seeds_of(registry, services)
    done: list[SeedDone] = []
    if not wanted:
        return ()
    require_sayable(address, [driver for _, seed in wanted for driver in seed.drivers()])
    warm(registry, wanted)
    with connect(address, application="aegisdb: seed ledger") as conn:
        conn.stay()
        side_schema.ensure(conn)
        for service, seed in wanted:
            with _partial(done, wanted):
                if lock is not None:
                    lock.prove()
                done.append(_run_and_record(conn, registry, service, seed, bindir, listen))
    return tuple(done)


def _run_and_record(
    conn: Connection, registry: Registry, service: str, seed: Seed, bindir: Path | None, listen: Listener
) -> SeedDone:
    finished = run_seed(registry, service, seed, conn.address, bindir=bindir, listen=listen)
    ledger.record(conn, finished)
    return finished


@contextmanager
def _partial(done: list[SeedDone], wanted: tuple[tuple[str, Seed], ...]) -> Iterator[None]:
    """An error of the next seed also says what ran before it and what did not start."""
    names = [f"{service}: {seed.label}" for service, seed in wanted]
    now = len(done)

    def so_far() -> SeedRunResult:
        return SeedRunResult(seeds=tuple(done), failed=names[now], not_started=tuple(names[now + 1 :]))

    try:
        yield
    except KeyboardInterrupt as stop:
        message = f"interrupted during {names[now]}: {number_of(now, 'seed')} done, {len(names) - now - 1} not started"
        raise Interrupted(message, hint="invoke seed.run", result=so_far()) from stop
    except AegisError as error:
        if done and not isinstance(error, Failed):
            # exit codes 2, 3, 4 and 7 promise that nothing changed, and an earlier seed has
            message = f"{error.message} ({number_of(now, 'seed')} ran before it)"
            raise Failed(message, hint=error.hint, code=error.code, result=so_far()) from error
        raise error.amended(result=so_far()) from None


def _rows_now(registry: Registry, service: str, seed: Seed, address: Address) -> dict[str, int]:
    """Rows in the tables that the seed fills, after it ran."""
    from aegisdb.postgres.connection import connect

    try:
        with connect(address, application="aegisdb: seed") as conn:
            return fills.count_rows(conn, seed.fills, registry.services[service].schema)
    except Unreachable as error:
        # exit code 7 would promise that nothing changed
        raise Failed(f"the database went away during the seed: {error.message}", hint=error.hint) from error


def _with_state(error: Failed, registry: Registry, service: str, seed: Seed, address: Address) -> Failed:
    """The error with the seed's name and what its tables hold now; one that is all or nothing was undone."""
    if seed.ALL_OR_NOTHING:
        state = "nothing of it was kept (one transaction)"
    else:
        try:
            state = f"rows now: {fills.describe(_rows_now(registry, service, seed, address))}"
        except Failed:
            state = "the database does not answer any more"
    headline, _, detail = error.message.partition("\n")
    what = f"{seed.label} of {service}"
    headline = headline if what in headline else f"{what}: {headline}"
    return error.amended(
        message=f"{headline}; {state}" + (f"\n{detail}" if detail else ""),
        hint=error.hint or "fix the seed, then invoke seed.run",
    )
