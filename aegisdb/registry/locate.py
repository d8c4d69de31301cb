"""The search for services.yaml."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILE_NAME = "services.yaml"


def find_registry(start: Path, environ: Mapping[str, str]) -> Path:
    """The registry named by `AEGIS_REGISTRY` (relative to `start`), else the nearest services.yaml from `start` upward.

    Raises:
        BadInput: there is none.
    """
    named = environ.get("AEGIS_REGISTRY", "")
    return _named(start, named) if named else _nearest(start)


def _named(start: Path, named: str) -> Path:
    path = start / named
    if path.is_dir():
        path /= FILE_NAME
    if not path.is_file():
        raise BadInput(
            "AEGIS_REGISTRY names a file that does not exist",
            where=str(path),
            hint="correct AEGIS_REGISTRY, or unset it to search upward from the working directory",
            code="no_registry",
        )
    return path.resolve()


def _nearest(start: Path) -> Path:
    here = start.resolve()
    for directory in (here, *here.parents):
        candidate = directory / FILE_NAME
        if candidate.is_file():
            return candidate
    raise BadInput(
        f"no {FILE_NAME} in {here} or any directory above it",
        hint=f"run this inside the monorepo, or make one by `aegisdb init`; AEGIS_REGISTRY can name a {FILE_NAME} too",
        code="no_registry",
    )
