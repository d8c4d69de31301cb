"""Seeds that are one HTTP request, to a service that is started for it where none listens."""

from __future__ import annotations

import shlex
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, Protocol

from aegisdb import runners
from aegisdb.errors import AegisError, BadInput, Busy, Failed, Refused, TimedOut
from aegisdb.postgres.masking import mask
from aegisdb.progress import Event, under_way
from aegisdb.runtime.forkserver import warm_process_if_started
from aegisdb.seeds import port_holders
from aegisdb.seeds.child_process import Child, Connecting, forked, indented, running, script_here
from aegisdb.seeds.deadline import Deadline
from aegisdb.seeds.http_answer import complaint, excerpt
from aegisdb.seeds.http_request import Endpoint, listens, read_endpoint, send

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from aegisdb.postgres.address import Address
    from aegisdb.postgres.connection import Identity
    from aegisdb.progress import Listener
    from aegisdb.runtime.forkserver import ForkedProgram
    from aegisdb.seeds.run import SeedRun

    Server = Child[subprocess.Popen[bytes]] | Child[ForkedProgram]

_POLL_SECONDS = 0.05
_WAIT_SECONDS = 0.2
_PROBE_SECONDS = 5.0
_OTHER_PORT = "stop it, for the seed starts one of its own, or give the seed another port (aegisdb explain seed)"


class HttpSeed(Connecting, Protocol):
    """A request, and how its server is started and known; `seed_kinds.http` says what each means."""

    @property
    def http(self) -> str: ...  # noqa: D102

    @property
    def serve(self) -> str | None: ...  # noqa: D102

    @property
    def ready(self) -> str | None: ...  # noqa: D102

    @property
    def remote(self) -> bool: ...  # noqa: D102

    @property
    def label(self) -> str: ...  # noqa: D102


def run_http(run: SeedRun, seed: HttpSeed) -> None:
    """Send the request, to what already listens or to a server started for it and stopped afterwards.

    Raises:
        BadInput: the entry in services.yaml: another host without `remote: true`, a login in the URL.
        Unreachable: nothing listens and there is no `serve`; nothing changed.
        Refused: what already listens is not ready, works on another database, or (with `serve`) does not prove that it
            works on this one; nothing was sent.
        Busy: `serve` cannot have the port before the deadline; nothing was sent.
        Failed: status, redirect, error body, deadline, or the server did not start; its last lines are in the message.
    """
    endpoint = _checked(seed, run.service)
    with _server(run, seed, endpoint) as child:
        reason, code = "", "seed_http"
        try:
            reason = complaint(send(endpoint, run.deadline))
        except Failed as error:
            reason, code = error.message, error.code
        if reason:
            raise Failed(mask(f"{seed.label} of {run.service} {reason}{_log(child)}", run.address), code=code)


def _checked(seed: HttpSeed, service: str) -> Endpoint:
    endpoint = read_endpoint(seed.http)
    if not endpoint.local and (seed.serve or not seed.remote):
        raise BadInput(
            f"{seed.label} of {service} goes to another machine",
            hint="seeds go to localhost; `remote: true` (without `serve:`) in services.yaml allows another host",
            code="remote_seed",
        )
    return endpoint


@contextmanager
def _server(run: SeedRun, seed: HttpSeed, endpoint: Endpoint) -> Iterator[Server | None]:
    service, address, deadline, listen = run.service, run.address, run.deadline, run.listen
    if not seed.serve:
        _refuse_other_database(seed, address, deadline)
        yield None
        return
    if listens(endpoint, min(1.0, deadline.remaining)) and not _seed_servers(endpoint):
        if not _refuse_other_database(seed, address, deadline):
            raise _unproven(seed, endpoint, address)
        yield None
        return
    while True:
        if _await_port(service, seed, endpoint, address, deadline, listen) == "ours":
            yield None
            return
        with under_way(listen, "serve", service, seed.serve), _started(run, seed, seed.serve) as child:
            if _wait_until_ready(service, seed, endpoint, address, child, deadline):
                yield child
                return


def _started(run: SeedRun, seed: HttpSeed, serve: str) -> AbstractContextManager[Server]:
    """Start the server: in a fork where its program is of this environment, which has most of its imports done."""
    runner, home, words = run.runner, run.home, shlex.split(serve)
    is_python = words[:1] == ["python"]
    argv = [*runners.python(runner, home), *words[1:]] if is_python else runners.program(runner, home, words)
    warm = None if runner else warm_process_if_started()
    program = script_here(argv, home) if warm else None
    if warm is None or program is None:
        return running(run.registry, run.service, seed, argv, run.address, mark=port_holders.MARK)
    marked = replace(program, mark=port_holders.mark_of(argv))
    return forked(warm, run.registry, run.service, seed, marked, run.address)


def _seed_servers(endpoint: Endpoint) -> bool:
    """Whether another run's seed serves itself there: it will be gone in a moment, and works on its own database."""
    return any(holder.is_seed_server for holder in port_holders.strangers(endpoint.port))


def _await_port(
    service: str, seed: HttpSeed, endpoint: Endpoint, address: Address, deadline: Deadline, listen: Listener
) -> Literal["free", "ours"]:
    """Wait until nobody listens, or what listens proves that it works on this database.

    Raises:
        Busy: somebody else has the port until the deadline; nothing was sent to it.
    """
    told = False
    while listens(endpoint, min(1.0, deadline.remaining)):
        if _is_ours(seed, endpoint, address, deadline):
            return "ours"
        if deadline.over:
            raise _port_busy(service, endpoint, address)
        if not told:
            listen(Event(step="serve", subject=service, note=f"waits for port {endpoint.port}"))
            told = True
        time.sleep(_WAIT_SECONDS)
    if told:
        listen(Event(step="serve", subject=service, over=True))
    return "free"


def _port_busy(service: str, endpoint: Endpoint, address: Address) -> Busy:
    return Busy(
        mask(f"{service}: {_held(endpoint)}; nothing was sent to it", address),
        hint="stop it, run the seed again when it has ended, or give the seed another port (aegisdb explain seed)",
        code="port_busy",
    )


def _wait_until_ready(
    service: str, seed: HttpSeed, endpoint: Endpoint, address: Address, child: Server, deadline: Deadline
) -> bool:
    """True when the child, and nobody else, answers there and is ready; False when it ended because somebody else did.

    Raises:
        Failed: it ended by itself, or is not ready at the deadline. Busy: at the deadline somebody else has the port.
    """
    lost = False
    while True:
        ended = child.process.poll()
        who = port_holders.who_listens(child.process.pid, endpoint.port)
        # a container's port belongs to the engine's process, not to the child: then its own word on the database counts
        ours = who == "family" or (who == "stranger" and _is_ours(seed, endpoint, address, deadline))
        if ours and _is_ready(seed, endpoint, deadline):
            return True
        lost = lost or (who == "stranger" and not ours)
        if ended is not None and lost:
            return False
        if ended is not None:
            raise Failed(f"{service}: `{seed.serve}` ended with {ended} before it was ready{_log(child)}", code="serve")
        if deadline.over and lost:
            raise _port_busy(service, endpoint, address)
        if deadline.over:
            raise TimedOut(f"{service}: `{seed.serve}` was not ready within {deadline.seconds:g} s{_log(child)}")
        time.sleep(_POLL_SECONDS)


def _patience(deadline: Deadline) -> Deadline:
    """How long a probe may take: a few seconds, and no longer than the seed itself."""
    return Deadline(min(_PROBE_SECONDS, max(deadline.remaining, 0.1)))


def _is_ready(seed: HttpSeed, endpoint: Endpoint, deadline: Deadline) -> bool:
    if seed.ready is None:
        return listens(endpoint)
    probe = read_endpoint(seed.ready, method="GET")
    if not listens(probe):
        return False
    try:
        return not complaint(send(probe, _patience(deadline)))
    except AegisError:
        return False  # not yet; the caller keeps the time


def _refuse_other_database(seed: HttpSeed, address: Address, deadline: Deadline) -> bool:
    """What already listens must be ready, and ours where it tells its database, before anything is sent to it.

    Returns:
        Whether it told the identity of this database; a mere name is no proof.
    """
    if seed.ready is None or not listens(probe := read_endpoint(seed.ready, method="GET")):
        return False
    where = f"{probe.host}:{probe.port}"
    try:
        answer = send(probe, _patience(deadline))
        reason = complaint(answer)
    except Failed as error:
        reason = error.message
    if reason:
        raise Refused(
            mask(f"what already listens on {where} is not ready: {probe.path} {reason}", address),
            hint=f"{_OTHER_PORT}; nothing was sent to it"
            if seed.serve
            else "stop it, or wait until it is; nothing was sent to it",
            code="listener_not_ready",
        )
    told = answer.data
    if not isinstance(told, dict) or "database" not in told:
        return False  # it does not tell; the tables that the seed fills are checked afterwards
    ours, identity = _identity(address), told.get("database_identity")
    same = identity == f"{ours.system_identifier}:{ours.oid}" if identity else told["database"] == ours.database
    if not same:
        who = "".join(f" ({holder})" for holder in port_holders.strangers(probe.port))
        raise Refused(
            mask(
                f"what already listens on {where} works on database {excerpt(told['database'])}, not on this "
                f"{ours.database}{who}",
                address,
            ),
            hint=f"{_OTHER_PORT}; nothing was sent to it" if seed.serve else "stop it, and start one for this database",
            code="other_database",
        )
    return bool(identity)


def _held(endpoint: Endpoint) -> str:
    who = "; ".join(str(holder) for holder in port_holders.strangers(endpoint.port)) or "a process of another user"
    return f"port {endpoint.port} is held by {who}"


def _unproven(seed: HttpSeed, endpoint: Endpoint, address: Address) -> Refused:
    told = f"{seed.ready} does not tell `database_identity`" if seed.ready else "the seed has no `ready:` to ask"
    return Refused(
        mask(f"{_held(endpoint)}, and nothing proves that it works on this database: {told}", address),
        hint=f"{_OTHER_PORT}; without `serve:` the seed uses whatever listens",
        code="listener_unproven",
    )


def _is_ours(seed: HttpSeed, endpoint: Endpoint, address: Address, deadline: Deadline) -> bool:
    """Whether `ready` names this very database by its identity (a mere name is no proof) and will stay there."""
    if seed.ready is None or _seed_servers(endpoint):
        return False
    try:
        told = send(read_endpoint(seed.ready, method="GET"), _patience(deadline)).data
    except AegisError:
        return False  # it does not answer (yet)
    if not isinstance(told, dict) or not told.get("database_identity"):
        return False
    ours = _identity(address)
    return bool(told["database_identity"] == f"{ours.system_identifier}:{ours.oid}")


def _identity(address: Address) -> Identity:
    from aegisdb.postgres.connection import connect

    with connect(address, application="aegisdb: seed") as conn:
        return conn.identity()


def _log(child: Server | None) -> str:
    return indented(child.tail()) if child else ""
