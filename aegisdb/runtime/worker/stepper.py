"""The generator that Alembic's `run_migrations` iterates: each round asks the engine for the next step.

Alembic commits a step before it asks for the next one, so being resumed means: the step is committed.
"""

from __future__ import annotations

import functools
import json
import os
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import files_read, journal_rows, statements, version_rows
from .error_report import Refusal
from .fast import version_table
from .guard import elsewhere_alone
from .made_types import forget_dropped
from .observer import Observer
from .session_state import STATE, SessionState
from .transactions import CURRENT, Transactions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from .channel import Channel, Message
    from .script import Script

_NONE = "0"  # no transaction
STEPS = ("upgrade", "downgrade", "stamp", "current")


@functools.lru_cache(maxsize=8)  # a proof takes each revision up, down and up again
def _text(path: str) -> str:
    return Path(path).read_text("utf-8", "replace")


class Stepper:
    """Turns requests into Alembic's steps and answers each when the database has it."""

    def __init__(self, channel: Channel, script: Any, step_type: Any, opening: Message) -> None:
        self._channel = channel
        self._script = script
        self._step_type = step_type
        self._opening = opening
        self.request: Message | None = None
        """The step that is being done."""
        self._revision: Any = None
        """What Alembic knows of the revision of that step: finding it costs Alembic more than some steps."""
        self._began = 0.0
        self._outer = False
        self._direction = ""
        self._observed: Message | None = None
        self._transactions: Transactions | None = None
        self._before: tuple[str, ...] = ()
        """The version table before the step."""
        self._rows: tuple[str, ...] | None = None
        """The version table as the step's last statement left it, in the step's own transaction."""
        self._moves: list[version_rows.Move] = []
        self._session = SessionState()
        self._unloaded: BaseException | None = None
        """Why the revision files could not be loaded ahead."""
        self.overheard = False
        """Whether env.py wants to be told of each step, and so may look at the version table after it."""
        self.offline_script: Script | None = None
        """The script that an offline run writes to; None online."""

    def migrations(self, heads: Any, context: Any) -> Iterator[Any]:
        """Steps for Alembic, until the engine asks for something else."""
        self._began = 0.0
        self._session = SessionState()
        self._outer = context._in_external_transaction  # noqa: SLF001  Alembic has no public name for it
        rows = tuple(heads)
        self._release(context)
        asked = False
        while True:
            request = self._channel.read()
            if request is None or self._session.changed or not self._fits(request):
                self._session.leave(context)
                self._channel.put_back(request or {"op": "quit"})
                return
            self.request, self._began = request, time.monotonic()
            self._observed = self._transactions = self._rows = None
            self._moves = []
            self._before = rows
            yield from self._steps(request, rows, context)
            if self._outer and (request["op"] != "current" or request.get("leave")):
                self._session.leave(context)
                return
            if asked or request["op"] != "current":  # the first request made env.py run: Alembic has just looked
                rows = self._versions_now(context)
            asked = True
            self._answer(rows)
            if request.get("load"):
                self._load()

    def _load(self) -> None:
        """Load the revision files; what is wrong with them is told to who wants a step."""
        try:
            self._script.get_heads()
        except (Exception, SystemExit) as error:  # noqa: BLE001  a file may raise anything
            self._unloaded = error

    def _versions_now(self, context: Any) -> tuple[str, ...]:
        if self._rows is not None:
            return self._rows  # Alembic has committed what was seen
        rows = tuple(context.get_current_heads())
        self._release(context)
        return rows

    def _fits(self, request: Message) -> bool:
        # a purge is an option of the run of env.py, so it needs one of its own
        return request["op"] in STEPS and not (request.get("purge") and self._began)

    def _steps(self, request: Message, rows: Iterable[str], context: Any) -> Iterator[Any]:
        if request["op"] == "current":
            return
        if (error := self._unloaded) is not None:
            self._unloaded = None
            raise error
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
        self._revision = script = self._script.get_revision(request["revision"])
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
            connection, record = context.connection, self._opening["record"]
            forget_dropped(context.impl, connection)
            observer = Observer(connection) if self._opening["observe"] else None
            self._transactions = transactions = Transactions(context, observer)
            transactions.given(
                journal_rows.start(connection, self._facts(request)) if record else transactions.current()
            )
            self._session.begin(context)
            guarded = elsewhere_alone(connection, self._opening["identity"]["others"])
            with transactions.watched(), guarded, observer.observing() if observer else nullcontext():
                migration(**kwargs)
            self._observed = observer.report() if observer else None

        return run

    def landing(self, to: str) -> str:
        """Where a downgrade arrives: the parent that it ran on, where that is another one than `to`; empty for base."""
        request = self.request or {}
        down = request.get("down")
        if to in request.get("needs", ()):
            return to  # depended on, not revised: without a row it would count as never applied
        return to if down is None or to in down or len(down) > 1 else "".join(down)

    def takes_moves(self, context: Any) -> bool:
        """Whether the statement that ends this step may change the version table in Alembic's place."""
        return self._transactions is not None and not self.overheard and version_table.can_change(context)

    def move(self, old: str, new: str) -> None:
        """Let it do so; empty for a row that comes or goes."""
        self._moves.append(version_rows.Move(old, new))

    def suite(self) -> Message:
        """What a helper of ours that a revision calls finds in Alembic's options: who runs it, and whom to tell."""
        opening = self._opening
        return {**opening["who"], "service": opening["service"], "record": opening["record"], "tell": self._tell}

    def _tell(self, text: str) -> None:
        self._channel.write({"event": "backfill", "text": text})

    def _refuse(self, request: Message, context: Any) -> None:
        """Keep what the revision did whole, but not as applied, and leave the row in flight: a person decides."""
        versions = version_rows.table(context)
        statements.command(context.connection, f"DELETE FROM {versions}")  # noqa: S608  quoted
        for row in self._before:
            statements.command(context.connection, version_rows.Move("", row).statement(versions))
        journal_rows.start_again(context.connection, self._facts(request))
        context.connection.exec_driver_sql("COMMIT")
        raise Refusal(
            "ended_transaction",
            "it ends its transaction by itself (COMMIT or ROLLBACK), so a failure could not be undone; "
            "it ran to its end, and what it did not roll back itself is committed",
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
        """Alembic calls this when the version row has its turn, still inside the step's transaction."""
        if self.request is None or self.request["op"] == "stamp" or self._transactions is None:
            return
        transactions, moves = self._transactions, self._moves
        transaction = self._finish(ctx, _NONE if transactions.ended else transactions.begun, moves)
        transactions.ends(transaction)
        if transactions.ended and self._opening["strict"]:
            self._refuse(self.request, ctx)
        if transactions.ended and self._opening["record"]:
            self._finish(ctx, "", ())

    def _finish(self, context: Any, given: str, moves: Sequence[version_rows.Move]) -> str:
        """The step's last message: the version table moves, the journal notes it; the transaction that it was in."""
        noted: tuple[str, ...] = ()
        if self._opening["record"]:
            noted = journal_rows.notes(self._facts(self.request or {}), time.monotonic() - self._began, given=given)
        versions = version_rows.table(context)
        (rows, transaction, state), found = statements.texts_and_counts(
            context.connection,
            f"SELECT {version_rows.versions(context)}, {CURRENT}, {STATE}",
            [*(move.statement(versions) for move in moves), *noted],
        )
        self._session.ends(state, self._source())
        if any(count != 1 for count in found[: len(moves)]):
            raise Refusal(
                "unrecorded", f"it left nothing of {' and '.join(m.old for m in moves if m.old)} in {versions}"
            )
        self._rows = version_rows.after(json.loads(rows), moves)
        return transaction

    def _source(self) -> str:
        request = self.request or {}
        given: str = request.get("source") or ""
        return given or _text(self._revision.path)

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
        if expected is not None and set(rows) - set(request.get("beside", ())) != set(expected):
            self.request = request
            raise Refusal(
                "unrecorded", f"it ended without being recorded: the version table says {', '.join(rows) or 'nothing'}"
            )
        seconds = time.monotonic() - self._began
        answer: Message = {"ok": True, "rows": list(rows), "seconds": seconds, "checked": checked}
        if self._transactions is not None:
            answer |= {"ended": self._transactions.ended, "observed": self._observed}
        if "revision" in request:
            answer["read"] = files_read.of_revision(vars(self._revision.module))
        self._channel.write(answer)

    @staticmethod
    def _release(context: Any) -> None:
        # a SELECT of Alembic's left a transaction open; nobody may wait for it while the engine thinks
        transaction = context.connection.get_transaction()
        if transaction is not None and not context._in_external_transaction:  # noqa: SLF001  see above
            transaction.commit()

    def offline(self, request: Message) -> Iterator[Any]:
        """Steps whose SQL is only written down."""
        for identifier in request["revisions"]:
            self.request = {"op": request["direction"], "revision": identifier, "offline": True}
            step = self._step(self.request)
            step.migration_fn = self._written(step.migration_fn)
            yield step
        self.request = None

    def _written(self, migration: Any) -> Any:
        @functools.wraps(migration)
        def run(**kwargs: Any) -> None:
            migration(**kwargs)
            if self.offline_script is not None and self.offline_script.refused is not None:
                raise self.offline_script.refused  # the revision caught it, and wrote down what it does without

        return run
