"""Seeds that are one HTTP request, to a service that is started for it where none listens."""

from __future__ import annotations

import shlex
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aegisdb import runners
from aegisdb.errors import AegisError, BadInput, Failed, Refused
from aegisdb.postgres.masking import mask
from aegisdb.progress import Event
from aegisdb.seeds.child import Child, indented, running
from aegisdb.seeds.deadline import Deadline
from aegisdb.seeds.request import Endpoint, complaint, listens, read_endpoint, send
from aegisdb.seeds.sources import seed_name, service_directory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.postgres.address import Address
    from aegisdb.progress import Listener
    from aegisdb.registry.types import HttpSeed, Registry

_POLL_SECONDS = 0.05
_PROBE_SECONDS = 5.0


def run_http(
    registry: Registry, service: str, seed: HttpSeed, address: Address, deadline: Deadline, listen: Listener
) -> None:
    """Send the request, to what already listens or to a server started for it and stopped afterwards.

    Raises:
        BadInput: the entry in services.yaml: another host without `remote: true`, a login in the URL.
        Unreachable: nothing listens and there is no `serve`; nothing changed.
        Refused: what already listens is not ready or works on another database; nothing was sent.
        Failed: status, redirect, error body, deadline, or the server did not start; its last lines are in the message.
    """
    endpoint = _checked(seed, service)
    with _server(registry, service, seed, endpoint, address, deadline, listen) as child:
        reason, code = "", "seed_http"
        try:
            reason = complaint(send(endpoint, deadline))
        except Failed as error:
            reason, code = error.message, error.code
        if reason:
            raise Failed(mask(f"{seed_name(seed)} of {service} {reason}{_log(child)}", address), code=code)


def _checked(seed: HttpSeed, service: str) -> Endpoint:
    endpoint = read_endpoint(seed.http)
    if not endpoint.local and (seed.serve or not seed.remote):
        raise BadInput(
            f"{seed_name(seed)} of {service} goes to another machine",
            hint="seeds go to localhost; `remote: true` (without `serve:`) in services.yaml allows another host",
            code="remote_seed",
        )
    return endpoint


@contextmanager
def _server(
    registry: Registry,
    service: str,
    seed: HttpSeed,
    endpoint: Endpoint,
    address: Address,
    deadline: Deadline,
    listen: Listener,
) -> Iterator[Child | None]:
    if listens(endpoint, min(1.0, deadline.remaining)) or not seed.serve:
        _refuse_other_database(seed, address)
        yield None
        return
    runner, home = registry.services[service].runner, service_directory(registry, service)
    argv = shlex.split(seed.serve)
    is_python = argv[:1] == ["python"]
    argv = [*runners.python(runner, home), *argv[1:]] if is_python else runners.program(runner, home, argv)
    listen(Event(step="serve", subject=service, note=seed.serve))
    with running(registry, service, seed, argv, address) as child:
        _wait_until_ready(service, seed, endpoint, child, deadline)
        yield child


def _wait_until_ready(service: str, seed: HttpSeed, endpoint: Endpoint, child: Child, deadline: Deadline) -> None:
    while not _is_ready(seed, endpoint, deadline):
        if (code := child.process.poll()) is not None:
            raise Failed(f"{service}: `{seed.serve}` ended with {code} before it was ready{_log(child)}", code="serve")
        if deadline.over:
            raise Failed(
                f"{service}: `{seed.serve}` was not ready within {deadline.seconds:g} s{_log(child)}", code="timeout"
            )
        time.sleep(_POLL_SECONDS)


def _is_ready(seed: HttpSeed, endpoint: Endpoint, deadline: Deadline) -> bool:
    if seed.ready is None:
        return listens(endpoint)
    probe = read_endpoint(seed.ready, method="GET")
    if not listens(probe):
        return False
    try:
        return not complaint(send(probe, Deadline(min(_PROBE_SECONDS, max(deadline.remaining, 0.1)))))
    except AegisError:
        return False  # not yet; the caller keeps the time


def _refuse_other_database(seed: HttpSeed, address: Address) -> None:
    """What already listens must be ready, and ours where it tells its database, before anything is sent to it."""
    if seed.ready is None or not listens(probe := read_endpoint(seed.ready, method="GET")):
        return
    where = f"{probe.host}:{probe.port}"
    try:
        answer = send(probe, Deadline(_PROBE_SECONDS))
        reason = complaint(answer)
    except Failed as error:
        reason = error.message
    if reason:
        raise Refused(
            mask(f"what already listens on {where} is not ready: {probe.path} {reason}", address),
            hint="stop it, or wait until it is; nothing was sent to it",
            code="listener_not_ready",
        )
    told = answer.data
    if not isinstance(told, dict) or "database" not in told:
        return  # it does not tell; the tables that the seed fills are checked afterwards
    from aegisdb.postgres.connection import connect

    with connect(address, application="aegisdb: seed") as conn:
        ours = conn.identity()
    identity = told.get("database_identity")
    same = identity == f"{ours.system_identifier}:{ours.oid}" if identity else told["database"] == ours.database
    if not same:
        raise Refused(
            f"what already listens on {where} works on database {told['database']}, not on this {ours.database}",
            hint="stop it and run the seed again: it will start one of its own",
            code="other_database",
        )


def _log(child: Child | None) -> str:
    return indented(child.tail()) if child else ""
