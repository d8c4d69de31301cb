"""Makes a new revision: what the models have and the history has not, and nothing of anybody else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aegisdb.applied.status import several_heads
from aegisdb.errors import Difference, Refused, UsageError
from aegisdb.plain_text import number_of
from aegisdb.results import Result
from aegisdb.revisions.folder_lock import folder_lock
from aegisdb.revisions.load import read_history
from aegisdb.revisions.locate import alembic_settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from aegisdb.forms.in_steps import StepWritten
    from aegisdb.lint import Finding
    from aegisdb.models.both_sides import Sides
    from aegisdb.models.drafting import Drafted
    from aegisdb.models.renames import Rename
    from aegisdb.revisions.history import History
    from aegisdb.workspace import Workspace

_MESSAGE_LIMIT = 200


@dataclass(frozen=True, kw_only=True)
class NewRevisionResult(Result):
    """The file that was written; without one, `why`."""

    service: str
    path: str = ""
    """Relative to services.yaml; empty when there was nothing to write."""
    revision: str = ""
    operations: tuple[str, ...] = ()
    why: str = ""
    proven: bool = False
    """The new revision was taken up, down and up on a scratch database."""
    lint: tuple[Finding, ...] = ()
    """What migrate.lint says about it; told and not failed, because the file is still to be looked through."""
    test: str = ""
    """File with rows to fill in, relative to services.yaml."""
    discarded: bool = False
    """Its proof rejected the file, and it was removed again."""
    untried: str = ""
    """Why the draft failed on a scratch database, so that only what autogenerate sees is in it."""
    planned: bool = False
    """Nothing was written; `operations` are what the file would have."""
    steps: tuple[StepWritten, ...] = ()
    """Revisions behind it, or all there are, that do unsafe changes in safe steps."""
    as_one: tuple[str, ...] = ()
    """Unsafe changes for which there are no steps, with the reason."""

    @property
    def revisions(self) -> tuple[str, ...]:
        """All that were written, in their order."""
        return tuple(filter(None, (self.revision, *(step.revision for step in self.steps))))


@dataclass(frozen=True, kw_only=True)
class NewOptions:
    """How the revision is written."""

    empty: bool = False
    """Whether to write a revision without operations, which needs no server."""
    allow_drop: bool = False
    """Whether it may drop a table or a column."""
    rename: str = ""
    """`old=new`, several with commas: what went is what came (`table=new`, `table.column=new`)."""
    discard: bool = False
    """Remove the file when its own proof rejects it."""
    dry_run: bool = False
    """Only say which operations the file would have."""
    with_test: bool = False
    """Whether to write a test of it as well, to be filled in."""
    owns: bool = False
    """Add models that no service owns to `owns` of the service, in services.yaml."""
    safe: bool = False
    """Write unsafe changes of tables that have been there before in steps."""
    values: str = ""
    """`table.column=SQL`, several with semicolons: what rows without a value get before NOT NULL."""
    head: str = ""
    """What it revises, where the history has several heads: LABEL, LABEL@head or the head's id."""
    oldest: int = 0
    """The oldest major PostgreSQL that the steps run on; 0 for the oldest that the suite knows."""


PLAIN = NewOptions()


def new_revision(ws: Workspace, service: str, message: str, options: NewOptions = PLAIN) -> NewRevisionResult:
    """Write the next revision of a service; the live database is neither needed at head nor touched.

    The models are compared with a scratch database at head, and the draft is done and undone there.

    Raises:
        UsageError: no such service, no message; Difference: several heads; Refused: `drop`: something would be dropped
        and `allow_drop` was not given; Busy: another command writes revisions of the service. Nothing was written.
    """
    from aegisdb.workflows.migrate.concerned import about
    from aegisdb.workflows.migrate.empty import write_empty
    from aegisdb.workflows.migrate.owned_models import with_owned_models
    from aegisdb.workflows.migrate.unproven import unproven_told

    alembic_settings(ws.registry, service)
    ws = about(ws, service)
    text = _checked(message)
    if options.dry_run:
        history, options = _with_its_head(ws, service, options)
        if options.empty:
            return NewRevisionResult(service=service, planned=True)
        return _made(ws, history, text, options)[0]
    home = ws.registry.root / ws.registry.services[service].path
    with folder_lock(home, service, wait=ws.lock_wait, listen=ws.listen):
        history, options = _with_its_head(ws, service, options)
        before = _good(ws)
        if options.empty:
            path, revision = _file(ws, write_empty(ws, history, text, options.head))
            return _with_test(ws, history, NewRevisionResult(service=service, path=path, revision=revision), options)
        ws = with_owned_models(ws, history) if options.owns else ws
        with unproven_told(ws, history):
            made, models = _made(ws, history, text, options)
            made = made if made.why else _with_test(ws, history, made, options)
    if made.why:
        return made
    with unproven_told(ws, history):
        return _proven(ws, made, options, before, models)


def _with_its_head(ws: Workspace, service: str, options: NewOptions) -> tuple[History, NewOptions]:
    """The history, and the options with the id of the head that the revision is put on, where there are several."""
    history = read_history(ws.registry, service)
    if not options.head and (problem := several_heads(history)):
        raise Difference(problem.message, hint=problem.hint, where=problem.where, code=problem.code)
    if not options.head and len(history.heads) < 2:  # noqa: PLR2004  several
        return history, options
    found = history.resolve(options.head)
    if len(found) == 1 and found[0] in history.heads:
        return history, replace(options, head=found[0])
    labels = {
        head: [label for one in history.line((head,)) for label in history.revisions[one].labels]
        for head in history.heads
    }
    choice = [f"{labels[head][0]}@head" if labels.get(head) else head for head in history.heads]
    what = f"{options.head!r} is not one head of {service}" if options.head else f"{service} has several heads"
    raise UsageError(f"{what}: {', '.join(history.heads)}", hint=f"say which: --head {' or --head '.join(choice)}")


def _made(ws: Workspace, history: History, message: str, options: NewOptions) -> tuple[NewRevisionResult, Sides | None]:
    """What `options` allow, and the models that it follows; none is written where models cannot be followed."""
    from aegisdb.models.drafting import Unwritable

    try:
        return _drafted(ws, history, message, options)
    except Unwritable as found:
        return NewRevisionResult(service=history.service, why="no revision was written", problems=found.problems), None


def _drafted(ws: Workspace, history: History, message: str, options: NewOptions) -> tuple[NewRevisionResult, Sides]:
    """The file is written unless it is a dry run or something would be lost."""
    from aegisdb.forms.choose import choice
    from aegisdb.forms.in_steps import InSteps
    from aegisdb.models.drafting import Unwritable, drafting

    service = history.service
    renames = [text for text in options.rename.split(",") if text.strip()]
    asked = not (options.dry_run or options.allow_drop)
    wanted = choice(safe=options.safe, values=options.values, oldest=options.oldest)
    steps, confirmed = InSteps(ws, service, wanted), lambda rename: asked and _is_meant(ws, rename)
    with drafting(
        ws, history, message, renames, confirmed=confirmed, putting_off=steps.put_off, head=options.head
    ) as draft:
        if not (draft.operations or steps.planned()):
            if problems := draft.unwritten(ws.registry):
                raise Unwritable(problems)
            return NewRevisionResult(service=service, why=_why(history, draft.draft.compared)), draft.sides
        made = NewRevisionResult(service=service, untried=draft.around.failure, as_one=steps.as_one)
        if options.dry_run:
            told = draft.left_to_hands(ws.registry)
            made = replace(made, operations=draft.operations, steps=steps.planned(), planned=True, problems=told)
            return made, draft.sides
        if draft.drops and not options.allow_drop:
            raise _drop(service, draft)
        with steps.database() as at_head:
            if draft.operations:
                path, revision = _file(ws, draft.write(message))
                made = replace(made, path=path, revision=revision, operations=draft.operations)
            files = steps.files(draft.session, message, made.revision or options.head)
            made = replace(made, steps=steps.measured(files, made.revision, at_head) if at_head else ())
            return made, draft.sides


def _is_meant(ws: Workspace, rename: Rename) -> bool:
    """Whether the person at the terminal says so; False where there is none, and the refusal tells the flag."""
    what = "column" if rename.column else "table"
    try:
        answer = ws.ask(f"{what} {rename.old} went and {rename.to} came, of the same type and place: a rename? [y/N]")
    except Refused:
        return False
    return answer.lower() in {"y", "yes"}


def _drop(service: str, draft: Drafted) -> Refused:
    hint = "bring the model back, or say --allow-drop"
    if draft.could_be:
        hint = f"if it is a rename: --rename {','.join(map(str, draft.could_be))}; else {hint}"
    return Refused(
        f"{service}: the models lack what the history has, so the revision would {'; '.join(draft.drops)};"
        " nothing was written",
        hint=hint,
        code="drop",
    )


def _checked(message: str) -> str:
    text = " ".join(message.split())
    if not text:
        raise UsageError("a revision needs a message", hint='-m "what it does"')
    if len(text) > _MESSAGE_LIMIT:
        raise UsageError(f"the message is longer than {_MESSAGE_LIMIT} characters; put the rest into the file")
    return message


def _file(ws: Workspace, path: Path) -> tuple[str, str]:
    """A file's path relative to services.yaml, and its revision."""
    from aegisdb.files import shown
    from aegisdb.revisions.parse import scan

    return shown(path, ws.registry.root), scan(path).id


def _with_test(ws: Workspace, history: History, result: NewRevisionResult, options: NewOptions) -> NewRevisionResult:
    from aegisdb.files import replace_file, shown
    from aegisdb.revisions.parse import scan
    from aegisdb.revisions.row_tests import new_file, skeleton

    if not options.with_test or not result.path:
        return result
    revision = scan(ws.registry.root / result.path)
    path = new_file(history, revision)
    path.parent.mkdir(exist_ok=True)
    replace_file(path, skeleton(revision))
    return replace(result, test=shown(path, ws.registry.root))


def _good(ws: Workspace) -> dict[str, History]:
    from aegisdb.errors import HistoryError
    from aegisdb.revisions.load import read_histories

    return {name: h for name, h in read_histories(ws.registry).items() if not isinstance(h, HistoryError)}


def _proven(
    ws: Workspace,
    result: NewRevisionResult,
    options: NewOptions,
    before: Mapping[str, History],
    models: Sides | None,
) -> NewRevisionResult:
    """Lint it, take it up, down and up, and compare the models again; what is found are the result's problems."""
    from concurrent.futures import ThreadPoolExecutor

    from aegisdb.models.left import comparing_new, left
    from aegisdb.workflows.migrate.lint import lint_one
    from aegisdb.workflows.migrate.roundtrip import roundtrip

    service, new = result.service, result.revisions
    history = read_history(ws.registry, service)
    with (
        comparing_new(ws, before, history, new, models) as compared,
        ThreadPoolExecutor(1, thread_name_prefix="lint") as beside,
    ):
        lint = beside.submit(lambda: tuple(one for revision in new for one in lint_one(ws, service, revision)))
        problems = roundtrip(ws, service=service, last=len(new)).problems
        problems = problems or tuple(left(ws, history, compared()))
        linted = lint.result()
    if not problems:
        return replace(result, proven=True, lint=linted)
    if options.discard:
        for name in filter(None, (result.path, *(step.path for step in result.steps), result.test)):
            (ws.registry.root / name).unlink()
    return replace(result, problems=problems, lint=linted, discarded=options.discard)


def _why(history: History, compared: int) -> str:
    if compared == 0:
        return (
            f"env.py's target_metadata has no table that {history.service} owns:"
            " are its models imported there, and listed under `owns` in services.yaml?"
        )
    return f"models and history agree ({number_of(compared, 'table')} compared)"
