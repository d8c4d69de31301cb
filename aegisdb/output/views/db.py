"""Text of the collection `db`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.output.blocks import Block, Cell, Fields, Styled, Text, duration, size, table
from aegisdb.plain_text import one_line, release

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.dry_run import Planned
    from aegisdb.workflows.db.branches import BranchesResult, SwitchResult
    from aegisdb.workflows.db.cache import CacheResult
    from aegisdb.workflows.db.clone import CloneDropResult, CloneResult
    from aegisdb.workflows.db.down import DownResult
    from aegisdb.workflows.db.env import EnvResult
    from aegisdb.workflows.db.prepare import PrepareResult
    from aegisdb.workflows.db.reset import ResetResult
    from aegisdb.workflows.db.snapshot_space import Snapshot, Space
    from aegisdb.workflows.db.snapshots import RestoreResult, SnapshotPlan, SnapshotResult, SnapshotsResult
    from aegisdb.workflows.db.status import DbStatusResult
    from aegisdb.workflows.db.up import UpResult
    from aegisdb.workflows.db.url import UrlResult


def up(result: UpResult) -> Iterator[Block]:
    """A server that answers, and whether the database is there yet."""
    yield Text(f"{release(result.version)} answers after {duration(result.seconds)}", "ok")
    yield Fields((("url", result.address),))
    if not result.database_exists:
        yield Text("the database does not exist yet: invoke db.prepare makes it", "warn")


def down(result: DownResult) -> Iterator[Block]:
    """Show what stopped and what is gone."""
    if result.data_deleted:
        yield Text("stopped, and all of its data deleted", "ok")
        yield Fields((("allowed by", Styled(result.proof, "dim")),))
    elif result.stopped:
        yield Text("stopped; its data stays (invoke db.up starts it again)", "ok")
    else:
        yield Text("it was not running")


def url(result: UrlResult | CloneResult) -> Iterator[Block]:
    """The URL alone, for `psql "$(invoke db.url)"`."""
    yield Text(result.url, verbatim=True)


def env(result: EnvResult) -> Iterator[Block]:
    """Lines for `eval "$(invoke db.env)"`, or for a dotenv file."""
    from shlex import quote

    for name, value in result.variables.items():
        yield Text(f"export {name}={quote(value)}" if result.exported else f"{name}={value}", verbatim=True)


def clone_dropped(result: CloneDropResult) -> Iterator[Block]:
    """Say whether the clone was dropped."""
    name = result.database
    yield Text(f"dropped {name}", "ok") if result.dropped else Text(f"there is no database {name}")


def status(result: DbStatusResult) -> Iterator[Block]:
    """Server, database, what is in it, and whether it may be destroyed."""
    if result.state == "down":
        yield Text("the server is down", "bad")
        return
    fields: list[tuple[str, Cell]] = [("server", f"PostgreSQL {result.version} ({result.server})")]
    if result.state == "no_database":
        yield Fields((*fields, ("database", Styled(f"{result.database} does not exist", "bad"))))
        return
    fields += [
        ("database", f"{result.reached}, {size(result.bytes)}, {_sessions(result.sessions)}"),
        ("extensions", ", ".join(f"{name} {version}" for name, version in result.extensions.items()) or "none"),
        ("graphs", _graphs(result)),
        ("triggers", f"{result.triggers}, {len(result.disabled_triggers) or 'none'} disabled"),
    ]
    if result.missing:
        fields.append(("missing", Styled(", ".join(result.missing), "bad")))
    if result.route not in {"", "direct"}:
        fields.append(("reached", Styled(result.route, "warn")))
    if result.writer:
        fields.append(("locked by", Styled(result.writer, "warn")))
    yield Fields((*fields, ("disposable", _disposable(result))))


def _graphs(result: DbStatusResult) -> Cell:
    told = [f"{name} (broken)" if name in result.broken_graphs else name for name in result.graphs]
    return Styled(", ".join(told), "bad") if result.broken_graphs else ", ".join(told) or "none"


def _sessions(count: int) -> str:
    return f"{count or 'no'} other session{'' if count == 1 else 's'}"


def _disposable(result: DbStatusResult) -> Cell:
    if result.against:
        return Styled(f"no: {'; '.join(result.against)}", "warn")
    return result.disposable or Styled(
        "no: nothing proves that it is a throw-away database (aegisdb explain safety)", "warn"
    )


def prepare(result: PrepareResult) -> Iterator[Block]:
    """Show what was run, one a line, then what the database is now."""
    lists = {
        "base schema": result.base,
        "deployed": result.deployed,
        "revisions": result.revisions,
        "seeds": result.seeds,
    }
    yield Fields(tuple((name, "\n".join(map(one_line, lines))) for name, lines in lists.items() if lines))
    if result.problems:
        return
    said = {
        "made": "is made",
        "migrated": "has all revisions and deploy files now",
        "nothing": "had all revisions and deploy files: nothing to do",
    }
    yield Text(f"database {result.database} {said[result.did]}", "ok")
    if result.found:
        yield Text(
            "databases for proofs may stand beside it while its role may make them and nobody else uses its server"
            " (aegisdb explain safety)"
        )


def reset(result: ResetResult) -> Iterator[Block]:
    """Show what was made, then how to undo it."""
    yield table(["made", "", ""], ([made.kind, Styled(made.name, "name"), made.what] for made in result.made))
    yield Text("")
    yield Text(f"database {result.database} is fresh and verified", "ok")
    if result.without:
        yield Text(f"left out: {', '.join(result.without)}", "warn")
    if result.flushed:
        yield Text(f"emptied: {', '.join(result.flushed)}")
    if result.undo:
        yield Text(f"the one before is kept as {result.kept_as}: {result.undo}")


def snapshot(result: SnapshotResult) -> Iterator[Block]:
    """Show what was kept, and how to get it back."""
    kept = result.snapshot
    yield Text(f"kept as {kept.name} ({size(kept.bytes)})", "ok")
    yield from _lacks(result.lacks)
    yield Text(_space(result.space))
    yield Text(f"get it back with: invoke db.restore {kept.name}")


def _lacks(names: tuple[str, ...]) -> Iterator[Block]:
    if names:
        yield Text(f"without {', '.join(names)}: CREATE DATABASE ... TEMPLATE does not copy it", "warn")


def snapshot_plan(result: SnapshotPlan) -> Iterator[Block]:
    """Show what would be done, and the room that it takes."""
    for step in result.steps:
        yield Text(f"would {step}")
    verb = "frees" if result.bytes < 0 else "takes"
    yield Text(f"{verb} {size(abs(result.bytes))}; now {_space(result.space)}")


def planned(result: Planned) -> Iterator[Block]:
    """Write one line for each step."""
    for step in result.steps:
        yield Text(f"would {step}")


def _space(space: Space) -> str:
    used = f"{size(space.bytes)} of at most {size(space.max_bytes)}"
    return f"snapshots take {used}; {space.kept} of at most {space.keep} made by name"


def snapshots(result: SnapshotsResult) -> Iterator[Block]:
    """Write one row for each database or snapshot."""
    if not result.snapshots:
        yield Text("no snapshots; invoke db.snapshot NAME makes one")
        return
    rows = (
        (Styled(one.name, "name"), _age(one.age), size(one.bytes), one.branch, _revisions(one))
        for one in result.snapshots
    )
    yield table(["snapshot", "age#", "size#", "branch", "revisions"], rows)
    yield Text(_space(result.space))


def _revisions(one: Snapshot) -> str:
    return " ".join(f"{service}={revision}" for service, revision in one.revisions.items())


def _age(seconds: float) -> str:
    """How long ago, in the largest unit that fits."""
    for unit, length in (("day", 86_400), ("hour", 3600), ("min", 60), ("s", 1)):
        count = int(seconds // length)
        if count:
            return f"{count} {unit}s" if len(unit) > 3 and count > 1 else f"{count} {unit}"  # noqa: PLR2004  min, s
    return "now"


def cached(result: CacheResult) -> Iterator[Block]:
    """Show a row for each, and the room that all of them take."""
    if not result.databases:
        yield Text("nothing is kept: the next db.reset builds from the files")
        return
    # the time of a template as it is marked, to the second
    rows = [[one.name, one.kind, one.made[:19].replace("T", " "), size(one.bytes)] for one in result.databases]
    if any(one.made_for for one in result.databases):
        rows = [[*row, one.made_for] for row, one in zip(rows, result.databases, strict=True)]
    yield table(["database", "kind", "made (UTC)", "size#", "for"][: len(rows[0])], rows)
    yield Text(f"dropped: {size(result.bytes)} are free" if result.dropped else f"{size(result.bytes)} in all")


def switched(result: SwitchResult) -> Iterator[Block]:
    """Whose database is in place, and where the other one is."""
    if result.planned:
        yield Text(f"branch {result.branch}: {result.did}" + (f"; {result.parked} is parked" if result.parked else ""))
        return
    said = {"nothing": "is in place", "noted": "is in place, as from now on it is noted", "made": "is made anew"}
    yield Text(f"the database of branch {result.branch} {said.get(result.did, 'is back')}", "ok")
    yield from _lacks(result.lacks)
    if result.parked:
        yield Text(f"that of {result.parked} is parked as {result.parked_as}")


def branches(result: BranchesResult) -> Iterator[Block]:
    """Write one row for each database or snapshot."""
    if result.dropped:
        yield from (Text(f"dropped: {one.database}", "ok") for one in result.databases)
        return
    rows = (
        (
            Styled(one.branch or "not noted", "name"),
            "in place" if one.in_place else _age(one.age),
            size(one.bytes),
            " ".join(f"{service}={revision}" for service, revision in one.revisions.items()),
        )
        for one in result.databases
    )
    yield table(["branch", "parked#", "size#", "revisions"], rows)


def restore(result: RestoreResult) -> Iterator[Block]:
    """Show what is there again, and how to undo it."""
    yield Text(f"database {result.database} is snapshot {result.restored} again", "ok")
    yield from _lacks(result.lacks)
    if result.undo:
        yield Text(f"the one before is kept as {result.kept_as}: {result.undo}")


VIEWS = {
    "BranchesResult": branches,
    "SwitchResult": switched,
    "CacheResult": cached,
    "CloneDropResult": clone_dropped,
    "CloneResult": url,
    "EnvResult": env,
    "UpResult": up,
    "DownResult": down,
    "UrlResult": url,
    "DbStatusResult": status,
    "Planned": planned,
    "PrepareResult": prepare,
    "ResetResult": reset,
    "SnapshotResult": snapshot,
    "SnapshotPlan": snapshot_plan,
    "SnapshotsResult": snapshots,
    "RestoreResult": restore,
}
