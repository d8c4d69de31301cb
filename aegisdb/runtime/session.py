"""The engine's side of one worker: a service, a database, and steps that are committed when a call returns."""

from __future__ import annotations

import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from aegisdb.postgres.locks import LockLost
from aegisdb.progress import Event
from aegisdb.runtime.backend import Backend
from aegisdb.runtime.failures import LockTimeout, given_up
from aegisdb.runtime.files_read import note
from aegisdb.runtime.handshake import opening
from aegisdb.runtime.news import News
from aegisdb.runtime.process import Worker, WorkerEnded, WorkerTimeout
from aegisdb.runtime.step_errors import OPENING, StepErrors
from aegisdb.runtime.step_options import RECORDED, StepOptions
from aegisdb.runtime.step_results import draft, files_loaded, models_built, step_done
from aegisdb.runtime.tried_statements import OldCodeTried, old_code_tried

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aegisdb.postgres.address import Address
    from aegisdb.postgres.connection import Identity
    from aegisdb.registry.types import Registry
    from aegisdb.revisions.history import History
    from aegisdb.revisions.parse import Revision
    from aegisdb.runtime.step_results import Direction, Draft, Loaded, ModelsBuilt, StepDone, Steps

_LOCK_TRIES = 3
_CURRENT: dict[str, Any] = {"op": "current"}
_AHEAD = _CURRENT | {"load": True}  # while the engine does something else
_PAUSE = 0.5  # seconds between two tries for a lock: readers that queued behind us go first


class Session:
    """One worker process, started when entered. env.py's connection stays open from step to step.

    Between two calls the database may be looked at: no transaction of the worker is open. After a failed revision the
    session is usable: env.py is run again with the next step. Whatever leaves the `with` block by an exception kills
    the worker and ends its session on the server.
    """

    def __init__(
        self,
        registry: Registry,
        history: History,
        address: Address,
        identity: Identity | None,
        options: StepOptions = RECORDED,
    ) -> None:
        self.history = history
        self._registry = registry
        self._options = options
        self._news = News(history.service, options.listen)
        self._runner = registry.services[history.service].runner
        self._make_opening = partial(opening, registry, history, options=options)
        self._opening = self._make_opening(address, identity)
        self._look_at(address, online=identity is not None)
        self._worker: Worker | None = None
        self._opened = False
        self._ahead = False
        """Whether the worker has been asked for the version table and the answer has not been read."""
        self._interrupted = False
        self._rows: tuple[str, ...] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.close() if kind is None else self.abort()

    def start(self, *, ahead: bool = False) -> None:
        """Start the worker without waiting; `ahead` lets it run env.py, which may write, and load the revisions."""
        with suppress(WorkerEnded):  # waiting for its answer will say why it ended
            if self._worker is None:
                self._worker = Worker(self.history.locations.home, self._runner, self._news)
                self._opened = self._ahead = False
                self._worker.send(self._opening)
            if ahead and not self._ahead:
                self._ahead = True
                self._worker.send(_AHEAD)

    def release(self) -> Loaded | None:
        """Let env.py return, so that its connection is free; the process stays, and this is what it has imported."""
        self._rows = None
        return files_loaded(self._ask({"op": "release"})["loaded"]) if self._worker and self._opened else None

    def move(self, address: Address, identity: Identity) -> None:
        """Go on with another database in the same process, where the service's models are loaded; `release` first.

        A service that reads its own variable or setting gets a new process: it may have made its engine when imported.
        """
        self._opening = self._make_opening(address, identity)
        self._look_at(address)
        if self._opening["url_env"] or self._opening["url_setting"]:
            self.close()
        if self._worker is not None and self._opened:
            self._ask(self._opening)
        self.start()

    def close(self) -> None:
        """End the worker; its connection is free afterwards."""
        worker, self._worker, self._rows = self._worker, None, None
        if worker is not None:
            worker.quit()

    def abort(self) -> None:
        """Kill the worker and make sure that the server works on nothing for it any more."""
        worker, self._worker, self._rows = self._worker, None, None
        if worker is not None:
            worker.kill()
            self._backend.end(worker.backend_pid)

    def interrupt(self) -> None:
        """Kill the worker from another thread: the one that waits for its answer finds it ended and cleans up."""
        self._interrupted = True
        if (worker := self._worker) is not None:
            worker.signal()

    def current(self, *, leave: bool = False) -> tuple[str, ...]:
        """Rows of the version table, as env.py's connection sees them; `leave`: env.py commits one that holds all."""
        self._rows = tuple(self._ask(_CURRENT)["rows"])
        if leave:
            self._ask(_CURRENT | {"leave": True})
        return self._rows

    def upgrade_one(self, revision: str) -> StepDone:
        """Apply one revision in a transaction of its own; its parents must be applied.

        Raises:
            RevisionFailed: it failed; nothing of it remains.
            Dirty: it failed and something of it is committed.
            Busy: a lock was not to be had, or the writer lock was lost; nothing of it remains.
            Refused: env.py connected elsewhere; nothing was run.
        """
        return self._step("upgrade", revision)

    def downgrade_one(self, revision: str) -> StepDone:
        """Revert one revision; raises as `upgrade_one`."""
        return self._step("downgrade", revision)

    def stamp(self, revisions: Iterable[str], *, purge: bool = False) -> tuple[str, ...]:
        """Write into the version table that these are applied; runs none of them. Empty means base.

        `purge` empties the version table first, so rows that no file explains do not matter.
        """
        # given a revision and one that depends on it, Alembic writes whichever comes first
        answer = self._ask({"op": "stamp", "revisions": list(self.history.topmost(revisions)), "purge": purge})
        if not answer["checked"]:
            return self.current()
        self._rows = tuple(answer["rows"])
        return self._rows

    def propose(self, message: str, objects: Mapping[str, Iterable[tuple[str, ...]]], first: Steps, head: str) -> Draft:
        """What autogenerate would do on `head` behind these steps, to no object of others; kept by the worker.

        `objects` has the schema and name of the service's "own" and of the "others" in this database, and what of
        the models is "changed": table and column, table and "", or "" and index. The "later" are left out.
        """
        given = {"message": message, "objects": {kind: [*names] for kind, names in objects.items()}}
        return draft(self._ask({"op": "propose", **given, "first": first, "head": head}))

    def attempt(self, direction: Direction, *, first: Steps = (), then: Steps = (), operations: bool = True) -> None:
        """Do what was proposed on this database, between these steps."""
        steps = {"first": [*first], "then": [*then]}
        self._ask({"op": "attempt", "direction": direction, "operations": operations, **steps})

    def write_proposed(self, message: str, up: Mapping[str, Steps], down: Mapping[str, Steps]) -> Path:
        """Write what was proposed as a revision; `up` and `down` have the steps "first" and "then"."""
        return Path(self._ask({"op": "write", "message": message, "up": up, "down": down})["path"])

    def build_models(
        self, owned: Mapping[str, Iterable[tuple[str, str]]], reading: Mapping[str, Any] | None = None
    ) -> ModelsBuilt:
        """Put what the models say in the place of these objects of the service; the database is not usable afterwards.

        `owned` has the schema and name of its "tables", "types" and "sequences" in the database. With the statements of
        `reading` they are run in there, and all of it is taken back; an error may be that this is not possible.
        """
        request: dict[str, Any] = {"op": "models", "reading": reading, "owned": {k: [*v] for k, v in owned.items()}}
        while others := (answer := self._ask(request)).get("to_drop"):
            request |= {"drop": others, "before": answer["before"], "plugins": answer["plugins"]}
        return models_built(answer)

    def try_old_code(self, *, first: bool) -> OldCodeTried:
        """Do to this database what code with the service's models does, and undo it; `first` before new revisions."""
        return old_code_tried(self._ask({"op": "old_code", "first": first}))

    def empty(self, message: str, *, head: str = "head") -> Path:
        """Write an empty revision; the database is not contacted."""
        return Path(self._ask({"op": "empty", "message": message, "head": head})["path"])

    def render_sql(self, applied: tuple[str, ...], revisions: tuple[str, ...], direction: Direction) -> str:
        """The SQL of these steps, one transaction each, from where the version table says `applied`.

        Raises:
            Failed: `reads_data`: a revision's SQL depends on rows; `unrendered`: it has values without a literal;
                its name is in the message.
        """
        steps = {"applied": [*applied], "revisions": [*revisions]}
        return str(self._ask({"op": "render", "direction": direction, **steps})["sql"])

    def _step(self, direction: Direction, identifier: str) -> StepDone:
        revision = self.history.revisions[identifier]
        for attempt in range(1, _LOCK_TRIES + 1):
            try:
                return self._try(direction, revision)
            except LockTimeout as waited:
                error = self._errors.blocked(waited, revision)
                if attempt == _LOCK_TRIES:
                    raise given_up(error) from None
                time.sleep(_PAUSE * attempt)
        raise AssertionError  # the loop returns or raises

    def _try(self, direction: Direction, revision: Revision) -> StepDone:
        before = self._rows if self._rows is not None else self.current()
        after = self.history.after(before, revision.id, up=direction == "upgrade")
        subject = f"{self.history.service} {revision.id}"
        self._options.listen(Event(step=direction, subject=subject))
        beside = self.history.beside_rows(before, after)
        request: dict[str, Any] = {"op": direction, "revision": revision.id, "expect": after, "beside": beside}
        if direction == "downgrade":  # these may be others than the file says today
            request |= {"down": list(revision.down), "needs": list(revision.depends_on)}
        if self._options.journal:
            request |= {"digest": revision.digest, "source": revision.source}
        self._prove()
        answer = self._ask(request, revision)
        if not answer["checked"]:
            self._backend.require_rows(self.history, revision, after)
        self._rows = tuple(answer["rows"]) if answer["checked"] else after
        note(self._registry, self.history, answer.get("read", ()))
        done = step_done(self.history.service, revision, direction, answer)
        self._options.listen(Event(step=direction, subject=subject, note=revision.message, seconds=done.seconds))
        return done

    def _ask(self, request: dict[str, Any], revision: Revision | None = None) -> dict[str, Any]:
        self.start()
        worker = self._worker
        assert worker is not None  # noqa: S101  start() made it
        try:
            if not self._opened:
                self._open(worker)
            if self._interrupted:
                worker.signal()
            if self._ahead and request is not _CURRENT:
                self.current()
            if not self._ahead:
                worker.send(request)
            self._ahead = False
            answer = worker.receive(self._limit(request, revision), lambda: self._look(worker))
        except LockLost as error:
            self.abort()
            if revision is not None:
                self._backend.raise_unless_clean(self.history, revision, error, journal=self._options.journal)
            raise
        except WorkerTimeout:
            self.abort()
            raise self._errors.out_of_time(revision) from None
        except WorkerEnded:
            output, opened = worker.output(), self._opened
            self.abort()
            raise self._errors.ended(output, revision, request["op"], opened=opened) from None
        if not answer["ok"]:
            self._rows = None
            raise self._errors.answered(answer, worker.output(), revision)
        return answer

    def _limit(self, request: dict[str, Any], revision: Revision | None) -> float | None:
        """Seconds to wait for an answer; None for as long as it takes."""
        if revision is not None:
            return self._options.timeout
        return self._options.patience or (OPENING if request is _CURRENT else None)  # what env.py is run for first

    def _look_at(self, address: Address, *, online: bool = True) -> None:
        """Look at this database when something goes wrong."""
        self._backend = Backend(address, self._opening["application"], online=online, idle=self._options.idle)
        self._errors = StepErrors(self._registry, self.history, address, self._backend, self._options)

    def _prove(self) -> None:
        if self._options.lock is not None:
            self._options.lock.prove()

    def _look(self, worker: Worker) -> None:
        """Look around while an answer takes long."""
        self._prove()
        self._backend.watch(worker.backend_pid)

    def _open(self, worker: Worker) -> None:
        answer = worker.receive(self._options.patience or OPENING)
        if not answer["ok"]:
            raise self._errors.of_service(answer, worker.output())
        self._opened = True
