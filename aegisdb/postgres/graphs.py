"""Graphs of Apache AGE in its catalog, and those that a dump and restore has broken (apache/age#2503)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aegisdb.errors import Problem

if TYPE_CHECKING:
    from aegisdb.postgres.connection import Connection

_HERE = "SELECT to_regclass('ag_catalog.ag_graph')"
_BROKEN = """
    SELECT name::text, graphid::bigint, namespace::oid::bigint FROM ag_catalog.ag_graph
     WHERE graphid <> namespace::oid ORDER BY name"""
REPAIR = (
    "SET LOCAL session_replication_role = replica",  # the foreign key of ag_label does not follow
    """UPDATE ag_catalog.ag_label l SET graph = g.namespace::oid FROM ag_catalog.ag_graph g
        WHERE g.graphid = l.graph AND g.graphid <> g.namespace::oid""",
    "UPDATE ag_catalog.ag_graph SET graphid = namespace::oid WHERE graphid <> namespace::oid",
)
"""Gives each graph the number that AGE looks for, in one transaction; for a superuser."""


class BrokenGraph(NamedTuple):
    """A graph whose number is not that of its schema: no query finds it."""

    name: str
    graphid: int
    namespace: int

    def __str__(self) -> str:
        return (
            f"AGE has it under {self.graphid}, its schema is {self.namespace}: every query says that it does not exist"
        )

    def problem(self) -> Problem:
        """The problem that a look at the database reports of it."""
        message = f"graph {self.name} is broken by a dump and restore: {self}"
        return Problem(code="base_schema", message=message, hint="invoke doctor --fix", where=self.name)


def graph_names(conn: Connection) -> tuple[str, ...]:
    """Names of the graphs; empty without the extension."""
    if conn.value(_HERE) is None:
        return ()
    return tuple(name for (name,) in conn.rows("SELECT name FROM ag_catalog.ag_graph ORDER BY name"))


def broken_graphs(conn: Connection) -> tuple[BrokenGraph, ...]:
    """Graphs that a restored dump has left under the number of the former database."""
    if conn.value(_HERE) is None:
        return ()
    return tuple(BrokenGraph(*row) for row in conn.rows(_BROKEN))
