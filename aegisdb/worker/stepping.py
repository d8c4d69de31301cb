"""The generator that Alembic's `run_migrations` iterates: each round asks the engine for the next step.

Alembic commits a step before it asks for the next one, so being resumed means: the step is committed.
"""

from __future__ import annotations

import functools
import os
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from . import recording
from .failure import Refusal
from .observing import Observer
from .transactions import Transactions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .channel import Channel, Message

STEPS = ("upgrade", "downgrade", "stamp", "current")


class Stepper:
    """Turns requests into Alembic's steps and answers each when the database has it."""

    def __init__(self, channel: Channel, script: Any, step_type: Any, opening: Message) -> None:
        self._channel = channel
        self._script = script
        self._step_type = step_type
        self._opening = opening
        self.request: Message | None = None
        """The step that is being done."""
        self._began = 0.0
        self._outer = False
        self._direction = ""
        self._seen: Message = {}
        """What was noticed while the revision ran."""

    def migrations(self, heads: Any, context: Any) -> Iterator[Any]:
        """Steps for Alembic, until the engine asks for something else."""
        self._began = 0.0
        self._outer = context._in_external_transaction  # noqa: SLF001  Alembic has no public name for it
        rows = tuple(heads)
        self._release(context)
        while True:
            request = self._channel.read()
            if request is None or not self._fits(request):
                self._channel.put_back(request or {"op": "quit"})
                return
            self.request, self._began, self._seen = request, time.monotonic(), {}
            yield from self._steps(request, rows, context)
            if self._outer and request["op"] != "current":
                return
            rows = tuple(context.get_current_heads())
            self._release(context)
            self._answer(rows)

    def _fits(self, request: Message) -> bool:
        # a purge is an option of the run of env.py, so it needs one of its own
        return request["op"] in STEPS and not (request.get("purge") and self._began)

    def _steps(self, request: Message, rows: Iterable[str], context: Any) -> Iterator[Any]:
        if request["op"] == "current":
            return
        if request["op"] == "stamp":
            stamps = self._script._stamp_revs(tuple(request["revisions"]) or "base", tuple(rows))  # noqa: SLF001  as `alembic stamp` does
            yield from stamps
            return
        # The memo holds the types that were created. A command of Alembic goes in one direction and keeps it:
        # histories that create a type twice rely on it. Kept over a downgrade, a dropped type would not come back.
        if request["op"] != self._direction:
            context.impl.memo.clear()
            self._direction = request["op"]
        step = self._step(request)
        step.migration_fn = self._watched(step.migration_fn, request, context)
        yield step

    def _step(self, request: Message) -> Any:
        script = self._script.get_revision(request["revision"])
        make = (
            self._step_type.upgrade_from_script if request["op"] == "upgrade" else self._step_type.downgrade_from_script
        )
        wanted = "upgrade" if request["op"] == "upgrade" else "downgrade"
        if not callable(getattr(script.module, wanted, None)):
            raise Refusal("revision", f"the file has no {wanted}()")
        return make(self._script.revision_map, script)

    def _watched(self, migration: Any, request: Message, context: Any) -> Any:
        @functools.wraps(migration)
        def run(**kwargs: Any) -> None:
            if self._opening["record"]:
                recording.start(context.connection, self._facts(request))
            observer = Observer(context.connection) if self._opening["observe"] else None
            transactions = Transactions(context, observer)
            with transactions.watched(), observer.observing() if observer else nullcontext():
                migration(**kwargs)
            self._seen = {"ended": transactions.ended, "observed": observer.report() if observer else None}
            if transactions.ended and self._opening["strict"]:
                self._refuse(request, context)

        return run

    def _refuse(self, request: Message, context: Any) -> None:
        """Keep what the revision did whole, and leave the in-flight row, so that a person decides."""
        recording.start_again(context.connection, self._facts(request))
        context.connection.exec_driver_sql("COMMIT")
        raise Refusal(
            "ended_transaction",
            "it ends its transaction by itself (COMMIT or ROLLBACK), so a failure could not be undone; "
            "its statements ran to the end and are committed",
            "let it use `with op.get_context().autocommit_block():` instead",
        )

    def _facts(self, request: Message) -> Message:
        return {
            **self._opening["who"],
            **request,
            "service": self._opening["service"],
            "action": request["op"],
            "pid": os.getpid(),
        }

    def applied(self, *, ctx: Any, **_: Any) -> None:
        """Alembic calls this after the version row, still inside the step's transaction."""
        if self._opening["record"] and self.request is not None and self.request["op"] != "stamp":
            recording.finish(ctx.connection, self._facts(self.request), time.monotonic() - self._began)

    def ended(self) -> None:
        """Called when env.py has returned: an open step is done only where env.py held the transaction itself."""
        if self.request is None:
            return
        if not self._outer:
            raise Refusal("unrecorded", "it ended without being recorded")
        self._answer(self.request.get("expect", ()), checked=False)

    def _answer(self, rows: Iterable[str], *, checked: bool = True) -> None:
        request, self.request = self.request, None
        if request is None:
            return
        expected = request.get("expect")
        if expected is not None and sorted(rows) != sorted(expected):
            self.request = request
            raise Refusal(
                "unrecorded", f"it ended without being recorded: the version table says {', '.join(rows) or 'nothing'}"
            )
        seconds = time.monotonic() - self._began
        self._channel.write({"ok": True, "rows": list(rows), "seconds": seconds, "checked": checked, **self._seen})

    @staticmethod
    def _release(context: Any) -> None:
        # a SELECT of Alembic's left a transaction open; nobody may wait for it while the engine thinks
        transaction = context.connection.get_transaction()
        if transaction is not None and not context._in_external_transaction:  # noqa: SLF001  see above
            transaction.commit()

    def offline(self, request: Message) -> Iterator[Any]:
        """Steps whose SQL is only written down."""
        for identifier in request["revisions"]:
            self.request = {"op": request["direction"], "revision": identifier}
            yield self._step(self.request)
        self.request = None
