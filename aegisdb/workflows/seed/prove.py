"""seed.prove: every seed runs twice on a clone; the second run must change nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.errors import Problem
from aegisdb.postgres.scratch import scratch, works_beside
from aegisdb.progress import Event
from aegisdb.proofs.second_run import Looking, what_changed
from aegisdb.results import Result
from aegisdb.seeds import run_seed, seeds_of, warm
from aegisdb.workflows.seed.run import require_at_head, seeding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aegisdb.postgres.address import Address
    from aegisdb.proofs.remembered_runs import RememberedRun
    from aegisdb.registry.kinds import Seed
    from aegisdb.seeds.sequences import Behind
    from aegisdb.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class ProvenSeed:
    """One seed after two runs; `differences` names tables and schema objects that the second run changed."""

    service: str
    seed: str
    idempotent: bool
    seconds: float
    differences: tuple[str, ...] = ()
    behind: tuple[Behind, ...] = ()
    """Sequences that are behind their column in the tables that it fills."""


@dataclass(frozen=True, kw_only=True)
class SeedProveResult(Result):
    """All seeds that were tried; `problems` has one entry for each that is not idempotent."""

    seeds: tuple[ProvenSeed, ...]
    proven_on: str = ""
    """The database that it was tried on; empty for a clone of the target's."""
    before: str = ""
    """When `unchanged` was proven as it is now, in UTC."""
    unchanged: tuple[str, ...] = ()
    """What was proven before and not run again."""


def seed_prove(ws: Workspace, *, service: str = "", again: bool = True) -> SeedProveResult:
    """Run each seed twice on a clone of the target's database and compare schema and rows; the target is not touched.

    Where the target gets no database of ours, the clone is of a database that the registry builds elsewhere.

    The clone is dropped whatever happens. An already listening service of an `http:` seed works on another database
    and is refused. Without `again` nothing runs where all of it was proven as it is now, on the same rows.

    Raises:
        BadInput, Difference (`pending`), Busy: nothing was run. Failed: a seed fails already in its first runs.
    """
    from aegisdb.building import template
    from aegisdb.building.proof_target import proving

    found = seeding(ws, service)
    ws = found.ws
    there = proving(ws)
    if there is ws:
        require_at_head(found.histories, ws.address())
    seeds = seeds_of(ws.registry, found.services)
    run = remembered(there, seeds, on_target=there is ws)
    if not again and (made := run.before()):
        names = tuple(f"{name}: {seed.label}" for name, seed in seeds)
        return SeedProveResult(seeds=(), before=made, unchanged=names, problems=found.problems)
    warm(ws.registry, seeds, times=2)
    run.begin()
    source = template(there, "histories") if there is not ws else there.address().database
    with scratch(
        there.address(), template=source, label="seed.prove", wait=ws.lock_wait, soon=there.server.own
    ) as clone:
        proven = _prove_all(there, seeds, clone)
    on = "" if there is ws else f"a new database on target {there.target}"
    problems = tuple(problem for seed in proven for problem in _problems(seed))
    if not problems:
        run.remember()
    return SeedProveResult(seeds=proven, proven_on=on, problems=(*found.problems, *problems))


def remembered(ws: Workspace, seeds: Sequence[tuple[str, Seed]], *, on_target: bool) -> RememberedRun:
    """What is known of the proof of these seeds; `ws` is where they are proven."""
    from aegisdb.proofs.remembered_runs import RememberedRun
    from aegisdb.seeds.code import code_of_seeds

    return RememberedRun(ws, "seed.prove", lambda: code_of_seeds(ws.registry, seeds), on_target=on_target)


def _prove_all(ws: Workspace, seeds: Sequence[tuple[str, Seed]], clone: Address) -> tuple[ProvenSeed, ...]:
    """Prove them in their order on one clone: a seed may need the rows of those before it."""
    proven = []
    with Looking(clone, stays=works_beside(own=ws.server.own)) as looking:
        behind = looking.behind()
        for service, seed in seeds:
            name = f"{service}: {seed.label}"
            ws.listen(Event(step="prove", subject=name))
            done, behind = _prove(ws, service, seed, looking, behind)
            ws.listen(Event(step="prove", subject=name, seconds=done.seconds))
            proven.append(done)
    return tuple(proven)


def _prove(
    ws: Workspace, service: str, seed: Seed, looking: Looking, behind_before: tuple[Behind, ...]
) -> tuple[ProvenSeed, tuple[Behind, ...]]:
    """Run it twice, and find which sequences are behind afterwards."""
    bindir = ws.server.bindir()
    first = run_seed(ws.registry, service, seed, looking.address, bindir=bindir)
    before = looking.look()
    second = run_seed(ws.registry, service, seed, looking.address, bindir=bindir)
    differences = what_changed(before, looking.look())
    behind = looking.behind()
    filled = {name.replace('"', "").rpartition(".")[2] for name in seed.fills}
    proven = ProvenSeed(
        service=service,
        seed=first.seed,
        idempotent=not differences,
        seconds=first.seconds + second.seconds,
        differences=differences,
        behind=tuple(
            one for one in behind if one not in behind_before or one.table.replace('"', "").rpartition(".")[2] in filled
        ),
    )
    return proven, behind


def _problems(seed: ProvenSeed) -> Iterator[Problem]:
    if not seed.idempotent:
        yield Problem(
            code="not_idempotent",
            message=f"{seed.seed} of {seed.service} changed something when it ran again: {'; '.join(seed.differences)}",
            hint="insert with ON CONFLICT, or look before you insert; invoke seed.prove again",
            where=seed.service,
        )
    for behind in seed.behind:
        yield Problem(
            code="sequence_behind",
            message=f"{seed.seed} of {seed.service} leaves a sequence behind: {behind}, so an insert will collide",
            hint=f"end the seed with {behind.remedy}",
            where=seed.service,
        )
