"""What seeds do, as one hash of all that may run: their own code, their services' folders, and installed packages.

It is for proofs that are remembered, so it covers more than the ledger's hash: also files that a seed does not declare,
and packages that are installed from a folder of this machine.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from aegisdb.package_lookup import editables, places
from aegisdb.runtime.loaded_code import below, content, packages
from aegisdb.seeds.sources import Sources, service_directory

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aegisdb.registry.kinds import Seed
    from aegisdb.registry.types import Registry

_HIDDEN = "/."
_LARGE = 1_000_000
"""Bytes: of larger files only size and time count."""
_CLIENTS = (
    *(
        "requests",
        "httpx",
        "aiohttp",
        "urllib3",
        r"urllib\.request",
        r"urllib(?=\s+import\b.*request)",
        r"http\.client",
    ),
    *("websockets", "grpc", "boto3", "botocore", "smtplib", "ftplib", "socket"),
)
_NETWORK = re.compile(rf"^[ \t]*(?:from|import)\b[^\n]*(?<![\w.])(?:{'|'.join(_CLIENTS)})\b", re.MULTILINE)


def code_of_seeds(registry: Registry, seeds: Iterable[tuple[str, Seed]]) -> str:
    """Hash it; empty where something outside of this machine's files may decide what one of them does."""
    listed = list(seeds)
    digest = hashlib.sha256()
    with Sources(registry) as sources:
        for service, seed in listed:
            if seed.beyond_files(service_directory(registry, service)) or _asks_the_network(sources, service, seed):
                return ""
            digest.update(f"{service} {seed} {sources.digest(service, seed)}\n".encode())
    for service in dict.fromkeys(name for name, _ in listed):
        for line in _surroundings(registry, service):
            digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _asks_the_network(sources: Sources, service: str, seed: Seed) -> bool:
    """Whether a module of its own imports what speaks with other machines; an installed one may still do so."""
    modules = [path for path in sources.files(service, seed) if path.suffix == ".py"]
    return any(_NETWORK.search(path.read_text("utf-8", "replace")) for path in modules)


def _surroundings(registry: Registry, service: str) -> Iterator[str]:
    home = service_directory(registry, service)
    yield from _files(home)
    found = places(home, registry.services[service].runner)
    if not found:
        yield os.urandom(16).hex()  # nothing tells what is installed there, so it is never the same
    for place in found:
        yield "\n".join(packages(place))
        for folder in editables(place):
            yield from _files(folder)


def _files(folder: Path) -> Iterator[str]:
    for path in sorted(below(str(folder))):
        if _HIDDEN in path[len(str(folder)) :].rpartition("/")[0] or not Path(path).is_file():
            continue  # caches of tools; pipes and broken links
        status = Path(path).stat()
        large = status.st_size > _LARGE
        yield f"{path} {status.st_size} {status.st_mtime_ns if large else content(path).hex()}\n"
