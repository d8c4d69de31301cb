"""The error of a request to a worker: what it answered, that it ended, or that it took too long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aegisdb.runtime.failures import LockTimeout, error_of, not_ready, not_started, out_of_time, revision_error

if TYPE_CHECKING:
    from aegisdb.errors import AegisError
    from aegisdb.postgres.address import Address
    from aegisdb.registry.types import Registry
    from aegisdb.revisions.history import History
    from aegisdb.revisions.parse import Revision
    from aegisdb.runtime.backend import Backend
    from aegisdb.runtime.step_options import StepOptions

OPENING = 600.0  # seconds without --timeout: `uv run` and `poetry run` may install something first
_OF_REVISION = {"revision", "unrecorded", "reads_data", "unrendered", "ended_transaction", "names_database"}
"""Kinds of failures whose cause is a revision's file."""


class StepErrors:
    """The errors of one session, each with what the database says about it: is the server there, is anything left?"""

    def __init__(
        self, registry: Registry, history: History, address: Address, backend: Backend, options: StepOptions
    ) -> None:
        self._registry = registry
        self._history = history
        self._address = address
        self._backend = backend
        self._options = options
        self._runner = registry.services[history.service].runner

    def of_service(self, answer: dict[str, Any], output: str) -> AegisError:
        """The error of a worker that answers so, whatever the revision."""
        return error_of(answer, self._history, output, self._address, self._runner)

    def answered(self, answer: dict[str, Any], output: str, revision: Revision | None) -> AegisError:
        """The error of a step that the worker says has failed."""
        named = self._history.revisions.get(answer.get("revision", "")) or revision
        if answer["kind"] in _OF_REVISION and named is not None:
            error = revision_error(
                answer, self._registry, self._history, named, answer.get("action", "the step"), self._address
            )
        else:
            error = self.of_service(answer, output)
        if not answer.get("sqlstate") or answer["sqlstate"].startswith(("57P", "08")):
            self._backend.require_server()
        if named is not None and not isinstance(error, LockTimeout):
            self._require_clean(named, error)
        return error

    def ended(self, output: str, revision: Revision | None, verb: str, *, opened: bool) -> AegisError:
        """The error of a worker that has ended without an answer, `opened` after its first one."""
        if self._runner and not opened:
            return not_started(self._history, output, self._runner)
        self._backend.require_server()
        if revision is None:
            failure = {"kind": "environment", "message": "the process ended without an answer"}
            return error_of(failure, self._history, output, self._address)
        failure = {"kind": "unrecorded", "message": "it ended without being recorded: its process is gone"}
        error = revision_error(failure, self._registry, self._history, revision, verb, self._address)
        self._require_clean(revision, error)
        return error

    def blocked(self, waited: LockTimeout, revision: Revision) -> LockTimeout:
        """The error of a step that waited too long for a lock, with who has it."""
        head, newline, rest = waited.message.partition("\n")
        error = waited.amended(message=f"{head}; {self._backend.blockers_text()}{newline}{rest}")
        self._require_clean(revision, error)
        return error

    def out_of_time(self, revision: Revision | None) -> AegisError:
        """The error of a worker that was stopped because it took too long."""
        limit = self._options.timeout
        if limit is None:
            return not_ready(self._history, OPENING)
        error = out_of_time(self._history, revision, limit, self._backend.blockers_text())
        if revision is not None:
            self._require_clean(revision, error)
        return error

    def _require_clean(self, revision: Revision, error: AegisError) -> None:
        self._backend.raise_unless_clean(self._history, revision, error, journal=self._options.journal)
