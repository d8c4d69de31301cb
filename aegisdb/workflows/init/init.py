"""`aegisdb init`: write services.yaml and tasks.py for a monorepo, or say what would be written."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.errors import AegisError, Problem
from aegisdb.files import replace_file
from aegisdb.registry import find_registry, load
from aegisdb.registry.insertion import with_service
from aegisdb.registry.locate import FILE_NAME
from aegisdb.results import Result
from aegisdb.servers import wheels
from aegisdb.workflows.init.draft import draft
from aegisdb.workflows.init.registration import Registration, registrations
from aegisdb.workflows.init.tree import look

if TYPE_CHECKING:
    from pathlib import Path

    from aegisdb.registry.types import Service

_TASKS = '"""Tasks of this repository: `invoke --list`."""\n\nfrom aegisdb.tasks import ns\n\n__all__ = ["ns"]\n'


@dataclass(frozen=True, kw_only=True)
class RegisteredService:
    """A history that is registered now, or would be."""

    service: str
    path: str
    version_table: str
    revisions: int
    tables: tuple[str, ...]
    url_source: str


@dataclass(frozen=True, kw_only=True)
class InitResult(Result):
    """The histories that were found, and the files that were written."""

    root: str
    written: bool
    files: tuple[str, ...]
    """Files that were written, or with a dry run would be."""
    targets: tuple[str, ...]
    services: tuple[RegisteredService, ...]
    histories: int
    """Histories that are in the tree, registered now or before or not at all."""
    unsure: tuple[str, ...]
    """What a person should look at."""
    text: str
    """services.yaml, where it is new or changed."""


def init(root: Path, *, dry_run: bool = False) -> InitResult:
    """Register every Alembic history below `root`; what is registered already stays as it is.

    Args:
        root: where services.yaml is to stand, unless one is found from there upward.
        dry_run: write nothing.
    """
    path = _registry_path(root)
    tree = look(path.parent)
    known, before, targets, unsure = _start(path, tree.root)
    text = before
    made = []
    for one in registrations(tree.root, tree.histories, known):
        text, one = _with(path, text, one)  # noqa: PLW2901  as it fitted
        made.append(one)
    files = {path: text} if text != before or not path.exists() else {}
    unsure += [f"{one.service}: {note}" for one in made if one.found for note in one.found.notes]
    tasks = tree.root / "tasks.py"
    if not tasks.exists() and not (tree.root / "tasks").is_dir():
        files[tasks] = _TASKS
    elif not _uses_us(tree.root):
        unsure.append("there are tasks already: add `ns.add_collection(aegisdb.tasks.ns, name='aegis')` to your own ns")
    if not tree.histories:
        unsure.append("there is no Alembic history here: invoke service.add NAME writes a service with one")
    if not dry_run:
        _write(files)
    return InitResult(
        root=str(tree.root),
        written=not dry_run,
        files=tuple(file.name for file in files),
        targets=targets,
        services=tuple(_row(one) for one in made if one.found),
        histories=len(tree.histories),
        unsure=tuple(unsure),
        text=files.get(path, ""),
        problems=tuple(_problem(one) for one in made if one.error),
    )


def _registry_path(root: Path) -> Path:
    try:
        return find_registry(root, os.environ)
    except AegisError:
        return root.resolve() / FILE_NAME


def _start(path: Path, root: Path) -> tuple[dict[str, Service], str, tuple[str, ...], list[str]]:
    """Services, text, targets and doubts before anything is registered."""
    if path.exists():
        registry = load(path, os.environ)
        return dict(registry.services), path.read_text("utf-8"), tuple(registry.file.targets), []
    begun = draft(look(root), embedded=wheels.server_directory() is not None)
    return {}, begun.text, begun.targets, list(begun.unsure)


def _with(path: Path, text: str, one: Registration) -> tuple[str, Registration]:
    if one.found is None:
        return text, one
    try:
        return with_service(path, one.service, one.found.entry, text)[0], one
    except AegisError as error:
        return text, Registration(service=one.service, path=one.path, error=error)


def _uses_us(root: Path) -> bool:
    files = [root / "tasks.py", *(root / "tasks").glob("*.py")]
    return any("aegisdb" in file.read_text("utf-8", errors="replace") for file in files if file.is_file())


def _write(files: dict[Path, str]) -> None:
    for file, text in files.items():
        replace_file(file, text, durable=True)


def _row(one: Registration) -> RegisteredService:
    assert one.found is not None  # noqa: S101  the caller's condition
    found = one.found
    return RegisteredService(
        service=one.service,
        path=one.path,
        version_table=found.version_table,
        revisions=found.revisions,
        tables=found.tables,
        url_source=found.url_source,
    )


def _problem(one: Registration) -> Problem:
    assert one.error is not None  # noqa: S101  the caller's condition
    message = f"{one.path} is not registered: {one.error.message}"
    hint = one.error.hint or f"correct it, then aegisdb init again, or aegisdb service.adopt {one.path}"
    return Problem(code=one.error.code, message=message, hint=hint, exit_code=one.error.exit_code)
