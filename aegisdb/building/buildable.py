"""What of a registry can be built: one service that cannot is a row of its own, and the others go on.

A broken service is one whose files cannot be read, whose env.py fails, or whose revisions do not apply to a new
database; and every service that needs such a one.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.building.proof_target import proving
from aegisdb.building.templates import has_template, template
from aegisdb.errors import AegisError, BrokenServices, Failed, HistoryError, Interrupted, Refused, Unreachable
from aegisdb.postgres.connection import connect
from aegisdb.postgres.quoting import quote_ident
from aegisdb.postgres.scratch import scratch
from aegisdb.progress import Event, counted
from aegisdb.revisions.load import read_histories
from aegisdb.revisions.order import all_needs, service_needs
from aegisdb.runtime.session import Session
from aegisdb.runtime.step_options import UNRECORDED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aegisdb.revisions.history import History
    from aegisdb.workspace import Workspace

Errors = dict[str, AegisError]


@dataclass(frozen=True)
class Buildable:
    """The part of a registry that builds."""

    ws: Workspace
    """The workspace on the server where proofs are made, with a registry of these services only."""
    errors: Mapping[str, AegisError]
    """Service name to the error that keeps it out. A service that nobody asked for is in neither."""


def buildable(ws: Workspace, *, service: str = "") -> Buildable:
    """Build all histories to their heads, without those that cannot be; with `service` only that one and what it needs.

    Raises:
        Unreachable, or what is wrong with no service alone.
    """
    ws = proving(ws)
    found = read_histories(ws.registry)
    if service:
        return _of_one(ws, found, service)
    errors: Errors = {name: error for name, error in found.items() if isinstance(error, HistoryError)}
    return _without_broken(ws, found, errors)


def needed_only(ws: Workspace, service: str) -> Workspace:
    """The workspace with this service and what it needs.

    Raises:
        HistoryError: one of them cannot be read.
    """
    found = read_histories(ws.registry)
    good = {name: history for name, history in found.items() if not isinstance(history, HistoryError)}
    mine = found.get(service)
    if isinstance(mine, HistoryError):
        raise mine
    wanted = {service, *all_needs(ws.registry, good, service)} if service in good else {service}
    for name in wanted:
        for needed in service_needs(ws.registry, good[name]) if name in good else ():
            if isinstance(error := found.get(needed), HistoryError):
                raise error
    return ws.without(name for name in found if name not in wanted)


def without_unreadable(ws: Workspace) -> Buildable:
    """The workspace without services whose files cannot be read, and without those that need them; nothing is built."""
    found = read_histories(ws.registry)
    errors: Errors = {name: error for name, error in found.items() if isinstance(error, HistoryError)}
    errors |= _dependents(ws, found, errors)
    return Buildable(ws.without(errors), errors)


def all_broken(ws: Workspace, first: AegisError) -> BrokenServices | None:
    """Every service that stands in the way of a new database, `first` among them; None where it is no service's.

    Each env.py is tried where a server of our own runs; another one's is not touched for it.
    """
    found = read_histories(ws.registry)
    errors: Errors = {name: error for name, error in found.items() if isinstance(error, HistoryError)}
    if first.service:
        errors[first.service] = first
    if not errors:
        return None
    good = {name: h for name, h in found.items() if name not in errors and not isinstance(h, HistoryError)}
    if ws.server.own:
        with suppress(Unreachable):
            errors |= _probed(ws, good)
    errors |= _dependents(ws, found, errors)
    names = ",".join(sorted(errors))
    count = f"{len(errors)} of {len(found)} services cannot be built"
    return BrokenServices(errors, message=count, hint=f"invoke db.reset --without {names} goes on without them")


def _of_one(ws: Workspace, found: Mapping[str, History | HistoryError], service: str) -> Buildable:
    try:
        whole = all(not isinstance(history, HistoryError) for history in found.values())
        if whole and has_template(ws, "histories"):
            return Buildable(ws, {})  # it is there: nothing is cheaper
        reduced = needed_only(ws, service)
        template(reduced, "histories")
    except (Interrupted, Unreachable, Refused):
        raise
    except AegisError as error:
        return Buildable(ws.without(found), {service: error})
    return Buildable(reduced, {})


def _without_broken(ws: Workspace, found: Mapping[str, History | HistoryError], errors: Errors) -> Buildable:
    probed = False
    while True:
        errors |= _dependents(ws, found, errors)
        reduced = ws.without(errors)
        good = {name: h for name, h in found.items() if name not in errors and not isinstance(h, HistoryError)}
        try:
            if good:
                template(reduced, "histories")
        except (Interrupted, Unreachable, Refused):
            raise
        except AegisError as error:
            if error.service not in good:
                raise
            errors[error.service] = error
            ws.listen(Event(step="leave out", subject=error.service, note="it does not build", seconds=0.0))
            if not probed:
                probed = True
                errors |= {**_probed(ws, {n: h for n, h in good.items() if n != error.service}), **errors}
            continue
        return Buildable(reduced, errors)


def _probed(ws: Workspace, histories: Mapping[str, History]) -> Errors:
    """Find the services whose env.py does not run on a database with the base schema."""
    with scratch(ws.address(), template=template(ws, "base"), label="env.py of every service") as address:
        with connect(address) as conn:
            identity = conn.identity()
            for schema in {history.schema for history in histories.values() if history.schema}:
                conn.execute(f"CREATE SCHEMA IF NOT EXISTS {quote_ident(schema)}")

        def tried(history: History) -> AegisError | None:
            try:
                with Session(ws.registry, history, address, identity, UNRECORDED) as session:
                    session.current()
            except (Interrupted, Unreachable, Refused):
                raise
            except AegisError as error:
                return error
            return None

        with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
            results = counted(ws.listen, "env.py", pool.map(tried, histories.values()), len(histories))
            return {name: error for name, error in zip(histories, results, strict=True) if error is not None}


def _dependents(ws: Workspace, found: Mapping[str, History | HistoryError], errors: Mapping[str, AegisError]) -> Errors:
    """Services that need one of these, each with the error that says so."""
    gone = dict(errors)
    added: Errors = {}
    growing = bool(gone)
    while growing:
        growing = False
        for name, history in found.items():
            if name in gone or isinstance(history, HistoryError):
                continue
            missing = [needed for needed in service_needs(ws.registry, history) if needed in gone]
            if missing:
                text = f"{name}: not built, for it needs {', '.join(missing)}, which cannot be"
                added[name] = gone[name] = Failed(text, hint=f"fix {missing[0]} first", code="needs_broken")
                growing = True
    return added
