"""Notices a revision that ends the transaction it was given: what it did before is kept, whatever fails after it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from . import raw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .observing import Observer

_TRANSACTION = "SELECT pg_current_xact_id()::text"


class Transactions:
    """The transaction of one step. Alembic's own `autocommit_block` may end it and begin another, nobody else may."""

    def __init__(self, context: Any, observer: Observer | None) -> None:
        self._context = context
        self._observer = observer
        self._given = ""
        self.ended = False
        """Whether the revision has ended it by itself."""

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look before and after, and around each block of Alembic's."""
        block = self._context.autocommit_block
        self._context.autocommit_block = self._around(block)
        self._given = self._current()
        try:
            yield
            self._look()
        finally:
            del self._context.autocommit_block

    def _around(self, block: Any) -> Any:
        @contextmanager
        def watched_block() -> Iterator[None]:
            self._look()
            if self._observer is not None:
                self._observer.look(self._context.connection)
            with block(), self._outside():
                yield
            self._given = self._current()

        return watched_block

    @contextmanager
    def _outside(self) -> Iterator[None]:
        if self._observer is None:
            yield
            return
        with self._observer.outside():
            yield

    def _look(self) -> None:
        self.ended = self.ended or self._current() != self._given

    def _current(self) -> str:
        return str(raw.rows(self._context.connection, _TRANSACTION)[0][0])
