"""Findings about the machine and the server: is it up, is it new enough, what leads other tools astray."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from aegisdb.doctor.finding import NOTICE, Finding
from aegisdb.errors import NoAnswer, NoDatabase, NotRunning
from aegisdb.postgres.session import OLDEST
from aegisdb.processes import leftovers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.doctor.patient import Patient


def left_over(patient: Patient) -> Iterator[Finding]:
    """Variables that other tools obey and ours do not get to see."""
    del patient
    # that one aegisdb obeys, too: it is the target `env`, which the first line names
    names = [name for name in leftovers(os.environ) if name != "DATABASE_URL"]
    if names:
        yield Finding(
            check="left_over",
            subject="environment",
            what=f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} set",
            cause="left in this shell; psql, alembic and Python obey them when they are typed here, commands of aegisdb"
            " do not",
            command=f"unset {' '.join(names)}",
            exit_code=NOTICE,
        )


def down(patient: Patient) -> Iterator[Finding]:
    """Find a server that is down, a login that is refused, or a missing database."""
    error = patient.unreachable
    if error is None:
        return
    may_start = patient.ws.server.managed and isinstance(error, NotRunning | NoAnswer)
    command = f"invoke db.up --target {patient.ws.target}" if may_start else error.hint
    yield Finding(
        check="no_database" if isinstance(error, NoDatabase) else "server_down",
        subject=patient.ws.target,
        what=error.message,
        evidence=(f"target {patient.ws.target} is {patient.ws.server.label()}",),
        cause=_CAUSES.get(error.code, f"the reason is in the message ({error.code})"),
        command=command or f"invoke db.wait --target {patient.ws.target}",
        fix="start it" if may_start else "",
    )


_CAUSES = {
    "not_running": "it was never started, was stopped, or the machine was started anew",
    "unreachable": "nothing answers there: the server is down, or host and port are another's",
    "login": "the server answers, but user or password of services.yaml are not the server's",
    "no_database": "it was never made, or was dropped",
}


def start(patient: Patient, finding: Finding) -> None:
    """Start the target's server."""
    del finding
    from aegisdb.workflows.db.up import up

    up(patient.ws)


def old(patient: Patient) -> Iterator[Finding]:
    """A server that is older than what is supported."""
    version = patient.conn.identity().server_version
    if version < OLDEST:
        yield Finding(
            check="old_server",
            subject="server",
            what=f"PostgreSQL {version // 10000} is older than {OLDEST // 10000}, the oldest supported",
            evidence=(str(patient.conn.value("SELECT version()")),),
            cause="the server was not upgraded; its community ends its support after five years",
            command="pg_upgrade to a newer one, or choose another target: invoke db.status --target local",
        )


def route(patient: Patient) -> Iterator[Finding]:
    """What stands between this machine and the server, where it is another's."""
    if patient.ws.server.own:
        return
    from aegisdb.postgres.capabilities import DIRECT
    from aegisdb.postgres.route import find_route

    found = find_route(patient.conn)
    if found.kind == "direct" and not found.standby:
        return
    yield Finding(
        check="route",
        subject=patient.ws.target,
        what=f"target {patient.ws.target} is reached {found}" if found.kind != "direct" else f"the server is {found}",
        evidence=(f"{patient.conn.address}: kind {found.kind}",),
        cause="writers need a session of their own on the primary, and proofs a server that may have databases of ours",
        command=f"nothing, as long as they are not refused; else {DIRECT}"
        if not found.standby
        else "nothing for readers; a writer needs the primary's address",
        exit_code=NOTICE,
    )


def missing(patient: Patient) -> Iterator[Finding]:
    """Extensions and graphs of services.yaml that the database lacks."""
    from aegisdb.postgres.graphs import graph_names

    wanted = patient.ws.registry.file.database
    conn = patient.conn
    there = {name for (name,) in conn.rows("SELECT extname FROM pg_extension")}
    possible = {name for (name,) in conn.rows("SELECT name FROM pg_available_extensions")}
    for name in wanted.extensions:
        if name not in there:
            yield _missing("extension", name, possible=name in possible)
    graphs = graph_names(conn)
    for name in wanted.graphs:
        if name not in graphs:
            yield _missing("graph", name, possible="age" in possible)


def _missing(kind: str, name: str, *, possible: bool) -> Finding:
    sql = statement(kind, name)
    return Finding(
        check="missing",
        subject=f"{kind} {name}",
        what=f"{kind} {name} of services.yaml is not in the database",
        cause="it was dropped, and what used it went with it (invoke migrate.verify), or the base schema was never made"
        if possible
        else f"the server does not have {'extension age' if kind == 'graph' else 'it'}",
        command=in_shell(sql)
        if possible
        else f"install {'age' if kind == 'graph' else name} on the server, or use the embedded one",
        fix=sql if possible else "",
    )


def statement(kind: str, name: str) -> str:
    """The statement that makes an extension or a graph."""
    from aegisdb.postgres.quoting import quote_ident, quote_literal

    if kind == "extension":
        return f"CREATE EXTENSION IF NOT EXISTS {quote_ident(name)}"
    # create_graph finds its operator classes by search_path only
    path = 'SET search_path = ag_catalog, "$user", public'
    return f"{statement('extension', 'age')}; {path}; SELECT create_graph({quote_literal(name)})"


def in_shell(sql: str) -> str:
    """A command line that runs the statement on the target's database."""
    import shlex

    return f"echo {shlex.quote(sql + ';')} | invoke db.shell"


def make_missing(patient: Patient, finding: Finding) -> None:
    """Make the extension or graph."""
    with patient.conn.transaction():
        patient.conn.execute(finding.fix)
        patient.conn.execute("RESET search_path")
