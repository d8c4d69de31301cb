"""Runs and undoes what code with these models does to a database: SELECT, INSERT, UPDATE and DELETE for each table.

The same statements are run on two databases, before and after new revisions, in one process: rows of the first are
kept, so that what old code wrote there is written into the second, whatever the revisions made of it.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from . import statements
from .table_trial import TableTrial
from .trial_errors import LONGEST, attempt
from .trial_places import Places, mappers_by_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .channel import Message
    from .trial_rows import Memory


class OldCode:
    """One run, on the connection that env.py opened, which has a transaction."""

    def __init__(self, connection: Any, tables: Iterable[Any], memory: Memory, *, first: bool) -> None:
        self._connection = connection
        self._tables = [*tables]
        self._memory = memory
        self._first = first
        self._mappers = mappers_by_table()
        self._places = Places()

    def run(self) -> list[Message]:
        """Try each table, and return its place in the files with what was tried."""
        statements.command(self._connection, "SET CONSTRAINTS ALL IMMEDIATE")
        statements.command(self._connection, f"SET LOCAL statement_timeout = {LONGEST * 1000}")
        found = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # types that reflection does not know
            for table in self._tables:
                mapper = self._mappers.get(table)
                trial = TableTrial(self._connection, table, mapper, self._memory, first=self._first)
                _, error = attempt(self._connection, trial.run)
                place = self._places.of(table, mapper)
                found.append({"table": ".".join(trial.place), "place": place, "tried": trial.tried, "broke": error})
        return found


def tables_of(collection: Iterable[Any], version_tables: Iterable[str]) -> Iterator[Any]:
    """Every table that the models name, whoever owns it."""
    left_out = {*version_tables}
    for metadata in collection:
        yield from (table for table in metadata.tables.values() if table.name not in left_out)
