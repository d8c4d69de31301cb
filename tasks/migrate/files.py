"""Tasks that write or judge files of revisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.cli.task import task

if TYPE_CHECKING:
    from aegisdb.results import Result
    from aegisdb.workspace import Workspace


@task(
    help={
        "allow_drop": "Write the revision although it drops a table or a column.",
        "empty": "Write a revision without operations.",
        "head": "The head that it revises, where the history has branches: LABEL, LABEL@head or an id.",
        "rename": "Write a rename: OLD=NEW for a table, TABLE.OLD=NEW for a column; separate several by commas.",
        "discard": "Remove the file again if its own proof rejects it.",
        "with_test": "Also write a test of the revision, with rows to fill in.",
        "owns": "Add models that no service owns to `owns` of the service in services.yaml.",
        "safe": "Write changes of tables that have rows as revisions that let readers and writers go on.",
        "fill": "With --safe: TABLE.COLUMN=SQL, what rows get before NOT NULL; separate several by semicolons.",
        "oldest": "With --safe: the oldest PostgreSQL that they run on (0: 14); NOT NULL takes fewer from 18 on.",
    },
    writes=True,
    warm=True,
)
def new(  # noqa: PLR0913, PLR0917  each is a flag
    ws: Workspace,
    service: str,
    message: str,
    empty: bool = False,
    head: str = "",
    allow_drop: bool = False,
    rename: str = "",
    owns: bool = False,
    with_test: bool = False,
    discard: bool = False,
    safe: bool = False,
    fill: str = "",
    oldest: int = 0,
    dry_run: bool = False,
) -> Result:
    """Write the next revision of a service from its models, then prove it on a scratch database.

    Example:
        invoke migrate.new --service orchestration-engine -m "add priority to skills"
    """
    from aegisdb.workflows.migrate.new import NewOptions, new_revision

    chosen = {"empty": empty, "allow_drop": allow_drop, "owns": owns, "with_test": with_test, "discard": discard}
    options = NewOptions(**chosen, safe=safe, values=fill, oldest=oldest, rename=rename, dry_run=dry_run, head=head)
    return new_revision(ws, service, message, options)


@task(
    help={
        "all": "Every revision, not only the new ones.",
        "since": "Compare with this commit or branch instead of the default branch.",
        "report": "Also report to other programs: sarif (a file) or github (annotations on stdout).",
        "output": "File for --report sarif; otherwise .aegisdb/lint.sarif.",
        "fix": "Write new revisions with unsafe DDL that were never applied again, in safe steps.",
        "fill": "With --fix: as of migrate.new --safe.",
        "oldest": "With --fix: as of migrate.new --safe.",
        "engine": "What judges them: dask:local:N (N workers started here) or dask:tcp://HOST:PORT; else this process.",
        "shard": "Only the services of this part, as I/N, counted from 0; report.merge puts the reports together.",
    },
    choices={"report": ("sarif", "github")},
)
def lint(  # noqa: PLR0913, PLR0917  each is a flag
    ws: Workspace,
    service: str = "",
    all: bool = False,
    since: str = "",
    report: str = "",
    output: str = "",
    fix: bool = False,
    fill: str = "",
    oldest: int = 0,
    engine: str = "",
    shard: str = "",
) -> Result:
    """Judge new and changed revisions by the conventions, and look for unsafe DDL.

    Contacts no server unless `--target` names one; then files that were changed after they were applied are found, too.

    Example:
        invoke migrate.lint --all
        invoke migrate.lint --all --engine dask:local:4
    """
    from aegisdb.workflows.migrate.lint import lint as workflow

    if fix:
        from aegisdb.workflows.migrate.lint_fix import fixed as workflow_of_fix

        return workflow_of_fix(ws, service, since, fill, oldest, alone=not (all or report or output or shard or engine))
    chosen = {"service": service, "since": since, "report": report, "output": output, "shard": shard, "engine": engine}
    return workflow(ws, **chosen, all=all, ask_target=ws.named)


@task()
def rebase(ws: Workspace, service: str, dry_run: bool = False) -> Result:
    """Put your unapplied revision on top of the head that was merged first, instead of adding a merge revision.

    Example:
        invoke migrate.rebase --service identity --dry-run
    """
    from aegisdb.workflows.migrate.rebase import rebase as workflow

    return workflow(ws, service, dry_run=dry_run)
