"""All checks, in the order in which findings are told: what stands in the way of the rest comes first."""

from __future__ import annotations

from aegisdb.doctor import (
    accounts,
    databases,
    env_file,
    env_py,
    histories,
    leftovers,
    missing_revisions,
    model_differences,
    models,
    objects,
    plain_alembic,
    server,
)
from aegisdb.doctor.finding import Check

CHECKS: tuple[Check, ...] = (
    # before those that compare with scratch databases: making one sweeps orphans
    Check(
        name="orphan",
        finds="a scratch database whose command was killed",
        look=leftovers.orphans,
        needs="server",
        fix=leftovers.sweep,
        fixes="drops it",
    ),
    Check(
        name="clone",
        finds="a database of db.clone, or of a failed test, that is not dropped yet (only told)",
        look=leftovers.clones,
        needs="server",
    ),
    Check(
        name="checkout",
        finds="a database of a worktree that was removed (only told; `invoke db.cache --drop` drops it)",
        look=leftovers.checkouts,
        needs="server",
    ),
    Check(
        name="lock",
        finds="who holds the writer lock; wrong when the holder does nothing any more",
        look=leftovers.writer,
        needs="server",
    ),
    Check(
        name="half_applied",
        finds="a run died inside a non-transactional revision",
        look=histories.half_applied,
    ),
    Check(
        name="closed",
        finds="a run died while it kept others out of the database: `not currently accepting connections`",
        look=databases.closed,
        needs="server",
        fix=databases.reopen,
        fixes="lets connections in again",
    ),
    Check(
        name="server_down",
        finds="the server does not answer, does not let the role in, or has no such database (`no_database`)",
        look=server.down,
        needs="nothing",
        fix=server.start,
        fixes="starts an embedded or compose server that is stopped",
    ),
    Check(
        name="prepared",
        finds="a prepared transaction that was never ended: it holds its locks without a session",
        look=databases.prepared,
    ),
    Check(
        name="collation",
        finds="another version of a collation than the indexes were made with (a volume that moved to another image)",
        look=databases.collations,
    ),
    Check(
        name="broken_graph",
        finds="an AGE graph that a dump and restore has broken: `graph with oid ... does not exist`",
        look=databases.graphs,
        fix=databases.repair_graphs,
        fixes="gives it the number of its schema, on a disposable database",
    ),
    Check(
        name="route",
        finds="a pooler, a proxy or a tunnel before the server, or a standby (only told)",
        look=server.route,
    ),
    Check(name="old_server", finds="PostgreSQL older than 14", look=server.old),
    Check(
        name="missing",
        finds="an extension or AGE graph of services.yaml is not in the database",
        look=server.missing,
        fix=server.make_missing,
        fixes="makes it, where the server has the extension",
    ),
    Check(
        name="broken_history",
        finds="revision files that cannot be read, or whose parent is gone (`Can't locate revision identified by`)",
        look=histories.broken,
        needs="nothing",
    ),
    Check(name="several_heads", finds="`Multiple head revisions`", look=histories.several_heads, needs="nothing"),
    Check(
        name="shared_version_table",
        finds="a service's version table has rows of another service",
        look=histories.shared_table,
    ),
    Check(
        name="unknown_revision",
        finds="the database is at a revision that no file has (`Can't locate revision identified by`)",
        look=missing_revisions.unknown,
    ),
    Check(
        name="never_ran",
        finds="a revision that was put below an applied one and never ran in this database",
        look=histories.never_ran,
    ),
    Check(name="tampered", finds="an applied revision's code was edited", look=histories.tampered),
    Check(
        name="exists_already",
        finds="the schema is ahead of the version table: `relation already exists`; or the table's rows are wrong"
        " (`version_rows`, where the schema is equal to no revision)",
        look=histories.exists_already,
        fix=histories.stamp,
        fixes="stamps the revision that the schema is equal to, compared again under the lock",
    ),
    Check(name="does_not_build", finds="a pending history fails on a new database", look=histories.does_not_build),
    Check(name="behind", finds="revisions are not applied: `Target database is not up to date`", look=histories.behind),
    Check(name="environment", finds="a service's env.py does not run", look=env_py.fails, needs="nothing"),
    Check(
        name="unseen_models",
        finds="autogenerate says `No changes detected`: modules with tables that env.py never imports;"
        " or it has no target_metadata (`no_metadata`)",
        look=models.unseen,
        needs="nothing",
    ),
    Check(
        name="unowned_model",
        finds="a model that no `owns` names, or that env.py keeps from Alembic: no revision is ever written for it;"
        " one that PostgreSQL does not build (`not_compared`); or one that is no table in the histories (`other_kind`)",
        look=model_differences.lost,
        needs="server",
    ),
    Check(
        name="models",
        finds="models that differ from what the revisions build; `invoke migrate.verify` tells each difference",
        look=model_differences.differ,
        needs="server",
    ),
    Check(
        name="objects",
        finds="files of a service's folder `objects:` that differ from what the revisions build",
        look=model_differences.objects,
        needs="server",
    ),
    Check(
        name="invalid_index",
        finds="an index that CREATE INDEX CONCURRENTLY left INVALID",
        look=objects.invalid,
        fix=objects.rebuild,
        fixes="rebuilds it with REINDEX CONCURRENTLY, under the writer lock",
    ),
    Check(
        name="drift",
        finds="the live schema is not what the applied revisions build, and nothing above says why;"
        " `invoke migrate.verify` tells each difference",
        look=objects.drifted,
    ),
    Check(name="unowned", finds="an object that no service owns", look=objects.unowned),
    Check(
        name="public_password",
        finds="the server's password stands in services.yaml, and others have accounts on this machine (only told)",
        look=accounts.public_password,
        needs="nothing",
    ),
    Check(
        name="plain_alembic",
        finds="a service's alembic.ini leads plain `alembic` to another server of this machine, to another database of"
        " the target's server, or to that of another target (only told)",
        look=plain_alembic.reaches_another,
    ),
    Check(
        name="dotenv_dollar",
        finds="a value in `.env` with a bare `$`, which Docker Compose fills in and the tasks do not (only told)",
        look=env_file.read_otherwise,
        needs="nothing",
    ),
    Check(
        name="left_over",
        finds="PG*, ALEMBIC_CONFIG, PYTHONPATH and the like are set in this shell (only told)",
        look=server.left_over,
        needs="nothing",
    ),
)


def reference() -> str:
    """The table of checks for docs/doctor.md."""
    lines = ["| finding | what it finds | `doctor --fix` |", "|---|---|---|"]
    lines += [f"| `{check.name}` | {check.finds} | {check.fixes or '-'} |" for check in CHECKS]
    return "\n".join(lines) + "\n"


def with_reference(page: str) -> str:
    """The page with the table between its two marks made anew."""
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    return f"{before}{begin}\n{reference()}{end}{after}"


_BEGIN = "<!-- made by python -m aegisdb.doctor; tested to be current -->"
_END = "<!-- end -->"
