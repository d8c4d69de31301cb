"""What the worker reports as failed, as errors a person can act on: service, file:line, statement, SQLSTATE, hint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from aegisdb import runners
from aegisdb.errors import AegisError, BadInput, Busy, Failed, HistoryError, Refused, RevisionFailed, TimedOut
from aegisdb.package_lookup import how_to_fix, is_installed
from aegisdb.postgres.privileges import INSUFFICIENT_PRIVILEGE, missing_grant
from aegisdb.runtime import usual_traps

if TYPE_CHECKING:
    from aegisdb.postgres.address import Address
    from aegisdb.registry.types import Registry
    from aegisdb.revisions.history import History
    from aegisdb.revisions.parse import Revision

_STATEMENT_LINES = 4
_WIDTH = 200
_MADE_BEFORE = "something made it before; invoke doctor compares the schema with what each revision builds"
_HINTS = {
    **dict.fromkeys(("42P07", "42701", "42710"), _MADE_BEFORE),
    "55P04": "a value added to an enum can be used only after its transaction: add it in"
    " `with op.get_context().autocommit_block():`, or in a revision before",
    "2BP01": "drop or change first what depends on it; CASCADE would take that along, other services' objects included",
    "25001": "run the statement in `with op.get_context().autocommit_block():`",
}


_OF_HISTORY = ("/alembic/script/revision.py", "/alembic/script/base.py")
"""Places in Alembic where revisions are read and put in order, or refused."""


class LockTimeout(RevisionFailed):
    """A revision waited too long for a lock; nothing of it remains, so it can be tried again."""

    default_code = "lock_timeout"


class NoMetadata(BadInput):
    """A service's env.py gives Alembic no models: its `target_metadata` is None, as `alembic init` writes it."""

    default_code = "no_metadata"


class RevisionTimedOut(RevisionFailed):
    """A revision took longer than `--timeout` allows."""

    default_code = "timeout"


def error_of(
    failure: dict[str, Any], history: History, output: str, address: Address, runner: runners.Runner = None
) -> AegisError:
    """The error for a failure outside any revision: env.py, its connection, a template, a module that is missing."""
    kind, message, hint = failure["kind"], failure["message"], failure.get("hint", "")
    where = str(failure.get("file") or history.locations.env_py)
    if kind == "wrong_database":
        return Refused(f"{history.service}: {message}", hint=hint, where=where, code=kind)
    if kind in {"version_table", "exists"}:
        at = where if kind == "version_table" else ""
        return BadInput(f"{history.service}: {message}", hint=hint, where=at, code=kind)
    if kind == NoMetadata.default_code:
        hint = "set target_metadata to the metadata of the service's models; invoke doctor proposes the lines"
        return NoMetadata(f"{history.service}: env.py gives Alembic no target_metadata", hint=hint, where=where)
    if failure.get("module"):
        return _missing_module(failure, history, runner)
    if str(failure.get("at", "")).rpartition(":")[0].endswith(_OF_HISTORY):
        return HistoryError(
            f"{history.service}: Alembic refuses the history: {_first(message)}",
            hint=f"correct the revision that it names; `alembic history` in {history.locations.home} says the same",
            where=str(history.locations.versions[0]),
        )
    if kind in {"environment", "import"} and failure.get("line"):
        where = f"{where}:{failure['line']}"
    what = f"{Path(failure['file']).name} cannot be imported" if failure.get("file") else "env.py failed"
    lines = [f"{history.service}: {what}: {_first(message)}", *_last_lines(output)]
    if kind in {"template", "draft"}:  # nothing that env.py did
        lines[0] = f"{history.service}: {message}"
    name = failure.get("error", "")
    if name and name not in {"CommandError", "Refusal"} and not failure.get("sqlstate"):
        lines[0] += f" ({name})"
    hint = (
        hint
        or _grant(failure, address)
        or failure.get("server_hint", "")
        or usual_traps.of_environment(failure, history)
        or ("correct that line, or what it imports" if failure.get("file") else "")
    )
    return Failed("\n".join(lines), hint=hint, where=where, code=kind)


def _missing_module(failure: dict[str, Any], history: History, runner: runners.Runner) -> AegisError:
    home = history.locations.home
    whose = f"the environment of `{' '.join(runner)}`" if runner else "this environment"
    line, file = failure.get("line"), failure.get("file") or history.locations.env_py
    top = failure["module"].partition(".")[0]
    # most services have a folder `alembic` beside their code
    own = top != "alembic" and ((home / f"{top}.py").exists() or (home / top).is_dir())
    what = f"{history.service}: {Path(file).name} cannot be imported" if failure.get("file") else history.service
    return Failed(
        f"{what}: No module named {failure['module']!r} in {whose}",
        hint=f"is it imported from the right place below {home}?" if own else runners.how_to_install(runner, home),
        where=f"{file}:{line}" if line else str(home),
        code=failure["kind"],
    )


def not_started(history: History, output: str, runner: runners.Runner) -> AegisError:
    """The error for a runner that ended before it started our worker: its environment is missing or broken."""
    command = " ".join(runners.python(runner, history.locations.home))
    return Failed(
        "\n".join([f"{history.service}: `{command}` ended without starting Python", *_last_lines(output)]),
        hint=runners.how_to_install(runner, history.locations.home),
        where=str(history.locations.home),
        code="environment",
    )


def revision_error(
    failure: dict[str, Any], registry: Registry, history: History, revision: Revision, verb: str, address: Address
) -> AegisError:
    """The error for a failing revision, under 15 lines with everything that is needed to fix it."""
    named = _named(history, revision)
    where = f"{revision.path}:{failure.get('line') or revision.line}"
    kind = failure["kind"]
    if kind in {"reads_data", "unrendered"}:
        hint = failure["hint"] if not is_installed(revision.path) else f"run it with {_next(history, verb)}"
        return Failed(f"{named} {failure['message'].removeprefix('it ')}", hint=hint, where=where, code=kind)
    if kind in {"unrecorded", "ended_transaction", "names_database"}:
        return _stopped(failure, f"{named}: {verb}", where, _next(history, verb))
    if failure.get("offline"):
        return Failed(
            f"{named} cannot be rendered offline: {_first(failure['message'])}{_error_name(failure)}",
            hint=f"run it with {_next(history, verb)}, where it has a connection",
            where=where,
            code="not_rendered",
        )
    sqlstate = failure.get("sqlstate", "")
    lines = [f"{named}: {verb} failed: {_first(failure['message'])}{_error_name(failure)}"]
    lines += _details(failure, sqlstate)
    known = (
        _grant(failure, address)
        or usual_traps.of_revision(failure, registry, history, revision)
        or _HINTS.get(sqlstate)
        or failure.get("server_hint", "")
    )
    kind_of_error = LockTimeout if sqlstate == "55P03" else RevisionFailed
    error = kind_of_error("\n".join(lines), hint=known or _fix(history, revision, verb), where=where)
    error.way_out = known
    return error


def _stopped(failure: dict[str, Any], verb: str, where: str, then: str) -> RevisionFailed:
    """The error of a revision that the worker itself stopped, or missed."""
    text, hint = f"{verb} {failure['message'].removeprefix('it ')}", failure.get("hint", "")
    error = RevisionFailed(text, hint=hint or then, where=where, code=failure["kind"])
    error.way_out = hint
    return error


def given_up(error: LockTimeout) -> Busy:
    """The error when a lock was not to be had, however often it was tried; its message names who has it."""
    hint = "end the other session or run the command again"
    return Busy(error.message.splitlines()[0], hint=hint, where=error.where, code="lock_timeout")


def out_of_time(history: History, revision: Revision | None, seconds: float, blockers: str) -> Failed:
    """The error for a revision, or for env.py without one, that was stopped by `--timeout`."""
    took = f"took longer than --timeout {seconds:g} s and was stopped"
    hint = "allow more with --timeout SECONDS"
    if revision is None:
        return TimedOut(f"{history.service}: env.py {took}", hint=hint)
    named = _named(history, revision)
    where = f"{revision.path}:{revision.line}"
    return RevisionTimedOut(f"{named} {took}; {blockers}", where=where, hint=hint)


def not_ready(history: History, seconds: float) -> Failed:
    """The error for an env.py that was stopped before its first step, where nobody gave a `--timeout`."""
    return TimedOut(
        f"{history.service}: env.py was not ready after {seconds:g} s and was stopped",
        hint="it waits for something while it is imported or connects; allow more with --timeout SECONDS",
        where=str(history.locations.env_py),
    )


def _named(history: History, revision: Revision) -> str:
    return f'{history.service}: {revision.id} "{revision.message}"'


def _grant(failure: dict[str, Any], address: Address) -> str:
    if failure.get("sqlstate") != INSUFFICIENT_PRIVILEGE:
        return ""
    return missing_grant(failure["message"], address)


def _fix(history: History, revision: Revision, verb: str) -> str:
    return how_to_fix(revision.path, f"fix the file, then {_next(history, verb)}")


def _next(history: History, verb: str) -> str:
    return f"invoke migrate.{'rollback' if verb == 'downgrade' else 'apply'} --service {history.service}"


def _error_name(failure: dict[str, Any]) -> str:
    if failure.get("sqlstate"):
        return f" (SQLSTATE {failure['sqlstate']})"
    return f" ({failure['error']})" if failure.get("error") else ""


def _details(failure: dict[str, Any], sqlstate: str) -> list[str]:
    lines = [f"  {line[:_WIDTH]}" for line in failure.get("statement", "").splitlines() if line.strip()]
    if len(lines) > _STATEMENT_LINES:
        lines = [*lines[:_STATEMENT_LINES], "  ..."]
    # the detail of a violated NOT NULL or CHECK is the whole row, which may hold secrets
    if failure.get("detail") and sqlstate not in {"23502", "23514"}:
        lines.append(f"  detail: {_first(failure['detail'])[:_WIDTH]}")
    return lines


def _first(text: str) -> str:
    return text.strip().split("\n", 1)[0]


def _last_lines(output: str) -> list[str]:
    return [f"  {line[:_WIDTH]}" for line in output.splitlines()[-5:]]
