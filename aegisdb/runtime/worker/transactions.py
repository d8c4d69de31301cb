"""Notices a revision that ends the transaction it was given: what it did before is kept, whatever fails after it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from . import statements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .observer import Observer

CURRENT = "CAST(pg_catalog.pg_current_xact_id() AS text)"
"""SQL for the transaction that a statement is in."""


def keep(migration: Any) -> None:
    """Commit what was done, where env.py holds no transaction of its own."""
    if (transaction := _own(migration)) is not None:
        transaction.commit()


def undo(migration: Any) -> None:
    """Roll back what was done, where env.py holds no transaction of its own."""
    if (transaction := _own(migration)) is not None:
        transaction.rollback()


def _own(migration: Any) -> Any:
    return None if migration._in_external_transaction else migration.connection.get_transaction()  # noqa: SLF001  see Stepper._release


class Transactions:
    """The transaction of one step. Alembic's own `autocommit_block` may end it and begin another, nobody else may.

    Which transaction a step was given and which one it ends in is told by statements that are sent anyway.
    """

    def __init__(self, context: Any, observer: Observer | None) -> None:
        self._context = context
        self._observer = observer
        self.begun = ""
        """Transaction that it is in, as far as it was given."""
        self.ended = False
        """Whether the revision has ended it by itself."""

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look around each block of Alembic's; `given` says where the step begins, `ends` where it ends."""
        block = self._context.autocommit_block
        self._context.autocommit_block = self._around(block)
        try:
            yield
        finally:
            del self._context.autocommit_block

    def given(self, transaction: str) -> None:
        """The step begins in this one."""
        self.begun = transaction

    def ends(self, transaction: str) -> None:
        """The step ends in this one."""
        self.ended = self.ended or transaction != self.begun

    def _around(self, block: Any) -> Any:
        @contextmanager
        def watched_block() -> Iterator[None]:
            self._look()
            if self._observer is not None:
                self._observer.look(self._context.connection)
            with block(), self._outside():
                yield
            self.given(self.current())

        return watched_block

    @contextmanager
    def _outside(self) -> Iterator[None]:
        if self._observer is None:
            yield
            return
        with self._observer.outside():
            yield

    def _look(self) -> None:
        self.ends(self.current())

    def current(self) -> str:
        """Ask the server."""
        return statements.texts(self._context.connection, f"SELECT {CURRENT}")[0]
