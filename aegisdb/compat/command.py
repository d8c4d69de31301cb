"""A command of the old tree, such as its tests, on the released state with the new revisions, and without them."""

from __future__ import annotations

import shlex
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb import runners
from aegisdb.errors import UsageError
from aegisdb.postgres.connection import connect
from aegisdb.postgres.driver_urls import driver_environment, driver_url
from aegisdb.postgres.masking import mask
from aegisdb.postgres.scratch import scratch
from aegisdb.processes import run
from aegisdb.proofs.released_proof import bring_up

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aegisdb.postgres.address import Address
    from aegisdb.processes import Finished
    from aegisdb.proofs.released_state import Released
    from aegisdb.revisions.history import History
    from aegisdb.workspace import Workspace

_TAIL = 12  # lines


@dataclass(frozen=True, kw_only=True)
class CommandRun:
    """Exit codes of the command on both schemas; `before` is None where it went well after: it was not run there."""

    command: str
    after: int
    before: int | None
    output: tuple[str, ...]
    """The last lines of its output after the new revisions."""


def run_on_both(
    ws: Workspace, released: Released, histories: Sequence[History], command: str, service: str
) -> CommandRun:
    """Run a command in the old tree, in the folder and environment of `service` if one is named, with DATABASE_URL.

    Raises:
        UsageError: it is no command, or that commit has no such service; Failed: it cannot be started;
        RevisionFailed: a revision does not apply.
    """
    argv = _words(command)
    if service and service not in released.ws.registry.services:
        raise UsageError(
            f"--run: {service} is not in the registry of {released.against}, so it has no folder there",
            hint="leave --service out: the command runs in the top of the old tree",
        )
    with _copy(ws, released) as address:
        with connect(address) as conn:
            bring_up(ws, conn, histories)
        after = _run(released, argv, address, service)
        tail = mask(after.stdout + after.stderr, address).strip().splitlines()[-_TAIL:]
    before = None
    if after.returncode:
        with _copy(ws, released) as address:
            before = _run(released, argv, address, service).returncode
    return CommandRun(command=command, after=after.returncode, before=before, output=tuple(tail))


def _words(command: str) -> list[str]:
    try:
        found = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"--run: {error}") from None
    if not found:
        raise UsageError("--run takes a command", hint="name a command of the old tree: --run 'pytest tests'")
    return found


@contextmanager
def _copy(ws: Workspace, released: Released) -> Iterator[Address]:
    with scratch(ws.address(), template=released.template, label="command of old code") as address:
        yield address


def _run(released: Released, argv: list[str], address: Address, service: str) -> Finished:
    registry = released.ws.registry
    home, runner, driver = registry.root, None, ""
    if service:
        one = registry.services[service]
        home, runner = registry.root / one.path, one.runner
        driver = one.alembic.driver if one.alembic else ""
    extra = {"DATABASE_URL": driver_url(address, driver), **driver_environment(address, driver)}
    return run(argv, cwd=home, env=runners.environment(runner, home, extra), timeout=None)
