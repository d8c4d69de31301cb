"""This repository's own registry, measured in a copy of its files."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML

from benchmarks.project import ROOT, Project

if TYPE_CHECKING:
    from collections.abc import Iterator


def copy(root: Path, *, without: tuple[str, ...] = ()) -> Project:
    """Copy what is tracked to a new folder; with a port of its own, so that nobody's server is taken for ours.

    `without`: what names of files that stay behind begin with.
    """
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file() and not name.startswith(without):  # or deleted, and not committed yet
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name)
    registry = YAML(typ="safe").load(root / "services.yaml")
    deploy = sorted(path.relative_to(root) for path in (root / registry["database"]["deploy"]).glob("*.sql"))
    return Project(
        root=root,
        services=tuple(Path(entry["path"]).name for entry in registry["services"].values()),
        base=(*registry["database"]["init"], *map(str, deploy)),
        seeds=tuple(_modules(registry["services"])),
        posts=tuple(_posts(registry["services"])) if shutil.which("curl") else (),
        more=(("KNOWLEDGE_GRAPH_PORT", str(_free_port())),),
    )


def _modules(services: dict[str, dict[str, list[dict[str, str]]]]) -> Iterator[tuple[str, str]]:
    """Those that are modules."""
    for name, entry in services.items():
        for seed in entry.get("seeds", []):
            if "module" in seed:
                yield name, seed["module"]


def _posts(services: dict[str, dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Those over HTTP, by hand: start the service, wait until it is ready, post, stop it."""
    for entry in services.values():
        for seed in entry.get("seeds", []):
            if "http" in seed:
                method, url = seed["http"].split()
                lines = (
                    f"{seed['serve']} >/dev/null 2>&1 & served=$!",
                    f"until curl -sf {seed['ready']} >/dev/null; do sleep 0.05; done",
                    f"curl -sf -X {method} {url} >/dev/null; code=$?",
                    "kill $served; wait $served; exit $code",
                )
                yield Path(entry["path"]).name, "\n".join(lines)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
