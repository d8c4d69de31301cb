"""The command `aegisdb`: Invoke's program with the tasks built in, so that no tasks.py is needed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from invoke.program import Program

from aegisdb.cli.parser import wrap

if TYPE_CHECKING:
    from invoke.collection import Collection

_OF_A_LOADER = ("collection", "search-root")
"""Flags of Invoke that choose a tasks.py."""


class AegisProgram(Program):
    """Invoke's program over one collection."""

    def __init__(self, tasks: Collection) -> None:
        super().__init__(name="aegisdb", binary="aegisdb", binary_names=["aegisdb"], version=_version())
        self._tasks = tasks
        wrap(self)

    def parse_collection(self) -> None:
        """Take the tasks that are there, in place of a tasks.py."""
        self.collection = self.scoped_collection = self._tasks
        self.list_root, self.list_depth, self.list_format = None, None, "flat"

    def task_args(self) -> list[Any]:
        """Return Invoke's own flags without those that choose a tasks.py."""
        return [argument for argument in super().task_args() if argument.name not in _OF_A_LOADER]

    def print_help(self) -> None:
        """Print Invoke's own help, and the tasks."""
        super().print_help()
        self.list_tasks()


def _version() -> str:
    try:
        return version("aegisdb")
    except PackageNotFoundError:
        return "unknown"
