"""Makes a new revision: what the models have and the history has not, and nothing of anybody else."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aegisdb.applied.status import several_heads
from aegisdb.errors import AegisError, Difference, Refused, UsageError
from aegisdb.files import shown
from aegisdb.progress import under_way
from aegisdb.results import Result
from aegisdb.revisions.folder_lock import folder_lock
from aegisdb.revisions.load import read_history
from aegisdb.revisions.locate import alembic_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.lint import Finding
    from aegisdb.models.results import ModelsCompared
    from aegisdb.revisions.history import History
    from aegisdb.runtime.session import Session
    from aegisdb.runtime.step_results import Draft
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
    planned: bool = False
    """Nothing was written; `operations` are what the file would have."""


@dataclass(frozen=True, kw_only=True)
class NewOptions:
    """How the revision is written."""

    empty: bool = False
    """Without operations; needs no server."""
    allow_drop: bool = False
    """Also where it drops a table or column."""
    owns: bool = False
    """Add models that nobody owns to `owns` of the service, in services.yaml."""


PLAIN = NewOptions()


def new_revision(
    ws: Workspace, service: str, message: str, options: NewOptions = PLAIN, *, dry_run: bool = False
) -> NewRevisionResult:
    """Write the next revision of a service; the live database is neither needed at head nor touched.

    The models are compared with a scratch database at head. `dry_run` only says which operations the file would have.

    Raises:
        UsageError: no such service, no message; Difference: several heads; Refused: `drop`: something would be dropped
        and `allow_drop` was not given; Busy: another command writes revisions of the service. Nothing was written.
    """
    from aegisdb.workflows.migrate.concerned import about

    alembic_settings(ws.registry, service)
    ws = about(ws, service)
    text = _checked(message)
    if dry_run:
        return _planned(ws, _with_one_head(ws, service), empty=options.empty)
    home = ws.registry.root / ws.registry.services[service].path
    with folder_lock(home, service, wait=ws.lock_wait, listen=ws.listen):
        history = _with_one_head(ws, service)
        if options.empty:
            return _written(ws, service, _empty(ws, history, text))
        ws = _with_owned(ws, history) if options.owns else ws
        made = _lost(ws, history) or _made(ws, history, text, allow_drop=options.allow_drop)
    return made if made.why else _proven(ws, made)


def _with_one_head(ws: Workspace, service: str) -> History:
    history = read_history(ws.registry, service)
    if problem := several_heads(history):
        raise Difference(problem.message, hint=problem.hint, where=problem.where, code=problem.code)
    return history


def _compared(ws: Workspace, history: History) -> ModelsCompared:
    from aegisdb.models.comparison import compare_models

    found = compare_models(ws, (history,))[history.service]
    if isinstance(found, AegisError):
        raise found
    return found


def _with_owned(ws: Workspace, history: History) -> Workspace:
    """The workspace in which the service owns its models that nobody owned; services.yaml says so from now on."""
    from aegisdb.files import replace_file
    from aegisdb.registry import load
    from aegisdb.registry.owns import with_owned

    names = [model.name for model in _compared(ws, history).lost if not model.owner]
    if not names:
        return ws
    path = ws.registry.path
    replace_file(path, with_owned(path, history.service, names), durable=True)
    return replace(ws, registry=load(path, os.environ))


def _lost(ws: Workspace, history: History) -> NewRevisionResult | None:
    """The result where a model is nobody's or env.py hides it: whoever reads the file would think it whole."""
    from aegisdb.models.problems import lost_problem

    service = history.service
    problems = tuple(lost_problem(ws.registry, service, model) for model in _compared(ws, history).lost)
    if not problems:
        return None
    return NewRevisionResult(service=service, why="no revision was written", problems=problems)


def _made(ws: Workspace, history: History, message: str, *, allow_drop: bool) -> NewRevisionResult:
    service = history.service
    draft = _autogenerate(ws, history, message, allow_drop=allow_drop)
    if draft.path is not None:
        return _written(ws, service, draft)
    if draft.drops:
        raise Refused(
            f"{service}: the models lack what the history has, so the revision would {'; '.join(draft.drops)};"
            " nothing was written",
            hint="bring the model back, or say --allow-drop",
            code="drop",
        )
    return _without_file(ws, history, draft.compared)


def _without_file(ws: Workspace, history: History, compared: int, *, planned: bool = False) -> NewRevisionResult:
    """Autogenerate writes nothing: do models and history agree, as two databases?"""
    from aegisdb.models.problems import models_problems

    service = history.service
    problems = tuple(models_problems(ws.registry, service, _compared(ws, history)))
    why = _why(history, compared) if not problems else "autogenerate has no operation for what differs"
    return NewRevisionResult(service=service, why=why, planned=planned, problems=problems)


def _planned(ws: Workspace, history: History, *, empty: bool) -> NewRevisionResult:
    found: tuple[str, ...] = ()
    if not empty:
        if lost := _lost(ws, history):
            return replace(lost, planned=True)
        with _session_at_head(ws, history) as session:
            draft = session.check()
        found = draft.operations
        if not found:
            return _without_file(ws, history, draft.compared, planned=True)
    return NewRevisionResult(service=history.service, operations=found, planned=True)


def _checked(message: str) -> str:
    text = " ".join(message.split())
    if not text:
        raise UsageError("a revision needs a message", hint='-m "what it does"')
    if len(text) > _MESSAGE_LIMIT:
        raise UsageError(f"the message is longer than {_MESSAGE_LIMIT} characters; put the rest into the file")
    return message


def _empty(ws: Workspace, history: History, message: str) -> Draft:
    from aegisdb.postgres.address import Address, Secret
    from aegisdb.runtime.session import Session
    from aegisdb.runtime.step_options import UNRECORDED

    nowhere = Address("localhost", 5432, "nobody", Secret(""), "nothing")
    with Session(ws.registry, history, nowhere, None, UNRECORDED) as session:
        return session.empty(message)


def _autogenerate(ws: Workspace, history: History, message: str, *, allow_drop: bool) -> Draft:
    with _session_at_head(ws, history) as session:
        return session.autogenerate(message, allow_drop=allow_drop)


@contextmanager
def _session_at_head(ws: Workspace, history: History) -> Iterator[Session]:
    """The service's env.py on a scratch database that has every history at head."""
    from aegisdb.building import template
    from aegisdb.building.proof_target import proving
    from aegisdb.postgres.connection import connect
    from aegisdb.postgres.scratch import scratch
    from aegisdb.runtime.forkserver import warm_process
    from aegisdb.runtime.session import Session
    from aegisdb.runtime.step_options import StepOptions

    warm_process(ws.registry)
    ws = proving(ws)
    with under_way(ws.listen, "database at head", history.service):
        source = template(ws, "histories")
    with scratch(ws.address(), template=source, label="new") as address:
        with connect(address) as conn:
            identity = conn.identity()
        with (
            under_way(ws.listen, "compare", history.service),
            Session(ws.registry, history, address, identity, StepOptions(listen=ws.listen, journal=False)) as session,
        ):
            yield session


def _written(ws: Workspace, service: str, draft: Draft) -> NewRevisionResult:
    path = draft.path
    if path is None:
        raise AssertionError
    from aegisdb.revisions.parse import scan

    return NewRevisionResult(
        service=service, path=shown(path, ws.registry.root), revision=scan(path).id, operations=draft.operations
    )


def _proven(ws: Workspace, result: NewRevisionResult) -> NewRevisionResult:
    """Lint it, take it up, down and up; what the roundtrip finds becomes the result's problems, the file stays."""
    from aegisdb.workflows.migrate.lint import lint_one
    from aegisdb.workflows.migrate.roundtrip import roundtrip

    linted = lint_one(ws, result.service, result.revision)
    found = roundtrip(ws, service=result.service, last=1)
    return replace(result, proven=not found.problems, problems=found.problems, lint=linted)


def _why(history: History, compared: int) -> str:
    if compared == 0:
        return (
            f"env.py's target_metadata has no table that {history.service} owns:"
            " are its models imported there, and listed under `owns` in services.yaml?"
        )
    return f"models and history agree ({compared} tables compared)"
