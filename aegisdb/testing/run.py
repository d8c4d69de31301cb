"""What the tests of one process share: the open workspace, clones of each level, databases of rolled-back sessions."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from aegisdb.errors import AegisError, BadInput
from aegisdb.registry import find_registry
from aegisdb.testing.database import Database
from aegisdb.testing.stock import Stock
from aegisdb.workspace import open_workspace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from aegisdb.building import Level
    from aegisdb.testing.rolled_back import SharedDatabase
    from aegisdb.workspace import Workspace


class Run:
    """The tests of one process."""

    def __init__(self, starts: Sequence[Path], environ: Mapping[str, str], *, target: str, ahead: int) -> None:
        self._starts = starts
        self._environ = environ
        self._target = target
        self._ahead = ahead
        self._workspace: Workspace | None = None
        self._stocks: dict[Level, Stock] = {}
        self._shared: dict[Level, SharedDatabase] = {}
        self._failed: AegisError | None = None
        self._ending = ExitStack()

    def close(self) -> None:
        """Drop every database that was not kept."""
        self._ending.close()

    def stock(self, level: Level) -> Stock:
        """The clones of a level.

        Raises:
            What `open_workspace` raises.
        """
        if level not in self._stocks:
            if self._workspace is None:
                self._workspace = self._open()
            self._stocks[level] = Stock(self._workspace, level, ahead=self._ahead)
            self._ending.callback(self._stocks[level].close)
        return self._stocks[level]

    def take(self, level: Level, *, more: int | None = None) -> Database:
        """A database for a test; `more` tells how many tests with one of their own will follow.

        Where not even the first one can be made, the reason is told for each test, and nothing is tried again.

        Raises:
            AegisError: there is none.
        """
        if self._failed is not None:
            raise self._failed
        try:
            return Database(self.stock(level).take(more=more))
        except AegisError as error:
            if not any(stock.has_given for stock in self._stocks.values()):
                self._failed = error
            raise

    def shared(self, level: Level) -> SharedDatabase:
        """The database of rolled-back sessions; raises as `take`."""
        if level not in self._shared:
            from aegisdb.testing.rolled_back import SharedDatabase

            self._shared[level] = SharedDatabase(self.take(level))
            self._ending.callback(self._shared[level].close)
        return self._shared[level]

    def renew_if_spoiled(self, level: Level) -> None:
        """Drop that database where the last test has left something in it; the next test gets another one."""
        if self._shared[level].spoiled:
            spoiled = self._shared.pop(level)
            spoiled.close()
            self.stock(level).drop(spoiled.database.address)

    def _open(self) -> Workspace:
        return open_workspace(target=self._target, cwd=self._start(), command="pytest", environ=self._environ)

    def _start(self) -> Path:
        """The first place that has a registry above it, else the last one, of which the error will tell."""
        *others, last = self._starts
        for start in others:
            with suppress(BadInput):
                find_registry(start, self._environ)
                return start
        return last
