"""What goes into a database, as one hash for each level: the same hash means that the same database would come out."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from aegisdb.building.levels import LEVELS, init_files
from aegisdb.deploy.ledger import deploy_files
from aegisdb.revisions.load import good_histories
from aegisdb.revisions.order import service_order
from aegisdb.revisions.row_tests import SUFFIX
from aegisdb.runtime.files_read import FilesRead
from aegisdb.runtime.history_base import callable_base, sql_bases
from aegisdb.runtime.loaded_code import below

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from aegisdb.building.levels import Level
    from aegisdb.postgres.connection import Connection
    from aegisdb.registry.types import Registry
    from aegisdb.revisions.history import History
    from aegisdb.workspace import Workspace

FORMAT = "4"
"""Raised when this package builds differently from the same files."""

_CODE = (".py", ".sql")
_LENGTH = 12  # hex digits: 48 bits, among a handful of templates


def level_hashes(
    ws: Workspace, conn: Connection, upto: Level, histories: Mapping[str, History] | None = None
) -> dict[Level, str]:
    """The hash of each level up to this one, on this server; raises HistoryError for unreadable histories.

    `histories`: all of the registry's, where the caller has just read them.
    """
    registry = ws.registry
    inputs: dict[Level, Callable[[], Iterable[bytes]]] = {
        "base": lambda: _base_inputs(ws, conn),
        "histories": lambda: _history_inputs(registry, good_histories(registry) if histories is None else histories),
        "seeds": lambda: _seed_inputs(registry),
    }
    hashes: dict[Level, str] = {}
    below = ""
    for level in LEVELS[: LEVELS.index(upto) + 1]:
        below = _digest([below.encode(), *inputs[level]()])
        hashes[level] = below[:_LENGTH]
    return hashes


def _base_inputs(ws: Workspace, conn: Connection) -> Iterable[bytes]:
    database = ws.registry.file.database
    yield FORMAT.encode()
    # the name counts because init files may use it; the login, because what is made belongs to it
    # but not that of a worktree, whose templates are those of all
    name = database.name if ws.server.own else ws.address().database
    yield f"{conn.identity().server_version} {name} {ws.address().user}".encode()
    yield repr(
        conn.rows(
            "SELECT name, default_version FROM pg_available_extensions WHERE name = ANY (%s) ORDER BY name",
            (list(database.extensions),),
        )
    ).encode()
    yield repr(database.unrestricted).encode()
    for path in (*init_files(ws), *deploy_files(ws.registry)):
        yield path.name.encode()
        yield path.read_bytes()


def _history_inputs(registry: Registry, histories: Mapping[str, History]) -> Iterable[bytes]:
    read = FilesRead(registry)
    for name in service_order(registry, histories):
        yield from _one_history(registry, histories[name])
        yield from read.contents(name)


def digest_chain(registry: Registry, below: str, histories: Iterable[History], *, read: bool = True) -> Iterator[str]:
    """One hash for each of these histories: of everything that is there when it and those before it are at head.

    Without `read` it is one that another machine finds, too: what revisions were seen to read does not count.
    """
    seen = FilesRead(registry) if read else None
    for history in histories:
        more = seen.contents(history.service) if seen else ()
        below = _digest([below.encode(), *_one_history(registry, history), *more])
        yield below[:_LENGTH]


def chained(first: str, parts: Iterable[str]) -> Iterator[str]:
    """One hash for each of these parts: of it, all before it, and `first`."""
    below = first
    for part in parts:
        below = _digest([below.encode(), part.encode()])
        yield below[:_LENGTH]


def surroundings(registry: Registry, history: History) -> str:
    """One hash of what decides about a history besides its revisions: its keys, env.py, what they import or read."""
    return _digest([_settings(registry, history), *_base(registry, history), *_beside(history)])


def _one_history(registry: Registry, history: History) -> Iterable[bytes]:
    yield _settings(registry, history)
    yield from _base(registry, history)
    yield history.summary.digest.encode()
    yield from _beside(history)


def _settings(registry: Registry, history: History) -> bytes:
    service = registry.services[history.service]
    return repr(
        (history.service, service.schema, service.base, service.stamp, service.alembic, service.runner)
    ).encode()


def _base(registry: Registry, history: History) -> Iterable[bytes]:
    service = registry.services[history.service]
    yield from _contents(map(str, sql_bases(registry, service)))
    if callable_base(service):  # nobody knows what it imports and reads
        yield from _contents(sorted(path for path in below(str(history.locations.home)) if path.endswith(_CODE)))


def _beside(history: History) -> Iterable[bytes]:
    # env.py and whatever lies beside the revisions (SQL that they read); the revisions themselves count by their code
    places = history.locations
    script, home = str(places.script), str(places.home)  # texts: Path objects take half of the time
    versions = dict.fromkeys(map(str, places.versions))
    for directory in (script, *(path for path in versions if not f"{path}/".startswith(f"{script}/"))):
        yield from _contents(path for path in sorted(_below(directory, history.beside)) if not path.endswith(SUFFIX))
    for package in sorted(_local_imports(home, history.summary.imports) - {script}):
        yield from _contents(sorted(_below(package)) if os.path.isdir(package) else _own_files([package]))


def _local_imports(home: str, names: Iterable[str]) -> set[str]:
    """What revisions import from the service itself: that code runs too when they do.

    The script directory is often called `alembic`, which is not what `from alembic import op` means.
    """
    candidates = (f"{home}/{part}" for name in names for part in (name, f"{name}.py"))
    return {path for path in candidates if os.path.exists(path)}


def _seed_inputs(registry: Registry) -> Iterable[bytes]:
    from aegisdb.seeds import Sources

    with Sources(registry) as sources:
        for name, service in registry.services.items():
            for seed in service.seeds:
                yield f"{name} {seed.label} {sources.digest(name, seed)}".encode()


def _below(directory: str, known: Mapping[str, Iterable[str]] | None = None) -> Iterator[str]:
    """Walk a directory as os.walk does, without broken links, sockets and pipes; a `known` one as it is known."""
    if known and directory in known:
        yield from _own_files(known[directory], known)
        return
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if entry.name != "__pycache__":
                        yield from _below(entry.path, known)
                elif entry.is_file():
                    yield entry.path
    except OSError:
        return  # what is not there, or may not be read, is not in the hash


def _own_files(paths: Iterable[str], known: Mapping[str, Iterable[str]] | None = None) -> Iterator[str]:
    for path in paths:
        if os.path.isfile(path):
            yield path
        elif not os.path.islink(path) and os.path.basename(path) != "__pycache__":
            yield from _below(path, known)


def _contents(paths: Iterable[str]) -> Iterable[bytes]:
    for path in paths:
        yield os.path.basename(path).encode(errors="surrogateescape")
        with open(path, "rb") as file:
            yield file.read()


def _digest(parts: Iterable[bytes]) -> str:
    total = hashlib.sha256()
    for part in parts:
        # lengths between the parts: "ab" + "c" is not "a" + "bc"
        total.update(f"{len(part)}:".encode())
        total.update(part)
    return total.hexdigest()
