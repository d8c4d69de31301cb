"""Tasks that try revisions on databases of their own, or compare the target's database with what they build."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.cli.task import task

if TYPE_CHECKING:
    from aegisdb.results import Result
    from aegisdb.workspace import Workspace


@task(
    help={
        "pending": "Only what is not applied to the target's database.",
        "all": "Every revision.",
        "last": "The last N revisions of each service.",
        "with_data": "Also on the rows of the released state (the merge base, with its seeds), and count them.",
        "engine": "What proves them: dask:local:N (N workers started here) or dask:tcp://HOST:PORT; otherwise threads.",
        "shard": "Only the services of this part, as I/N, counted from 0; report.merge puts the reports together.",
    },
    warm=True,
)
def roundtrip(
    ws: Workspace,
    service: str = "",
    pending: bool = False,
    all: bool = False,
    last: int = 0,
    with_data: bool = False,
    engine: str = "",
    shard: str = "",
) -> Result:
    """Prove on scratch databases that revisions apply, revert without a trace, apply again, and touch only their own.

    Example:
        invoke migrate.roundtrip --all --with-data
        invoke migrate.roundtrip --all --engine dask:local:2
    """
    from aegisdb.workflows.migrate.roundtrip import roundtrip as workflow

    chosen = {"service": service, "engine": engine, "shard": shard}
    return workflow(ws, pending=pending, all=all, last=last, with_data=with_data, only=None, again=True, **chosen)


@task(
    help={
        "against": "The commit, branch or tag that is deployed; otherwise the merge base.",
        "service": "Only the new revisions of this service; the models of all are tried.",
        "run": "Also run a command of the old tree on the new schema, with DATABASE_URL.",
    },
    warm=True,
)
def compat(ws: Workspace, against: str = "", service: str = "", run: str = "") -> Result:
    """Try the deployed models on the schema of the new revisions, and name what old code can no longer read or write.

    Example:
        invoke migrate.compat --against origin/main
    """
    from aegisdb.workflows.migrate.compat import compat as workflow

    return workflow(ws, against=against, service=service, run=run)


@task(
    help={
        "empty": "Rehearse without rows: on an empty database at the applied revisions instead of a copy.",
        "engine": "What rehearses parts: dask:local:N (N workers started here) or dask:tcp://HOST:PORT.",
        "shard": "Only the services of this part, as I/N, counted from 0; report.merge puts the reports together.",
    }
)
def plan(
    ws: Workspace,
    service: str = "",
    to: str = "",
    empty: bool = False,
    timeout: float = 0,
    engine: str = "",
    shard: str = "",
) -> Result:
    """Rehearse pending revisions on a copy of the database: statements, time, locks, rewrites, scans.

    Example:
        invoke migrate.plan --service identity
        invoke migrate.plan --shard 0/4
    """
    from aegisdb.workflows.migrate.plan import plan as workflow

    return workflow(ws, service=service, to=to, empty=empty, timeout=timeout, engine=engine, shard=shard)


@task(
    warm=True,
    fleet=True,
    help={
        "shard": "Only this part of the members, or without --fleet of the services, as I/N, counted from 0.",
        "engine": "What compares the models: dask:local:N (N workers started here) or dask:tcp://HOST:PORT.",
    },
)
def verify(ws: Workspace, service: str = "", shard: str = "", engine: str = "") -> Result:
    """Compare models, histories and the live schema of all services; only reads. Exit 6 on any difference.

    Example:
        invoke migrate.verify --format json
        invoke migrate.verify --fleet tenants
    """
    if ws.fleet:
        from aegisdb.workflows.migrate.fleet_verify import fleet_verify

        return fleet_verify(ws, service=service, engine=engine)
    from aegisdb.workflows.migrate.verify import verify as workflow

    return workflow(ws, service=service, shard=shard, engine=engine)
