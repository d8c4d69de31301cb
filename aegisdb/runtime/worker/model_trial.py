"""Builds models inside a transaction, reads the schema there, and takes everything back: other services follow.

It holds only where all of it happened in one transaction of one connection, which is asked from the server.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from . import statements
from .error_report import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .channel import Message


def tried(connection: Any, build: Callable[[], Message], reading: Message) -> Message:
    """The answer of `build`, with the rows of the fingerprint as "found"; nothing of it stays in the database.

    Raises:
        Refusal: something ended the transaction, so what was made may have stayed.
        Exception: whatever the build raised, or the server said of a connection that has no transactions.
    """
    with taken_back(connection):
        answer = build()
        # what would fail only at the end of the transaction
        statements.command(connection, "SET CONSTRAINTS ALL IMMEDIATE")
        answer["found"] = _found(connection, reading)
    return answer


@contextmanager
def taken_back(connection: Any) -> Iterator[None]:
    """Take back what is done within this, also where env.py commits its own transaction around it.

    Raises:
        Refusal: something ended the transaction, so what was done may have stayed.
    """
    transaction = _transaction(connection)
    savepoint = connection.begin_nested()
    try:
        yield
    finally:
        savepoint.rollback()
    if _transaction(connection) != transaction:
        raise Refusal("environment", "what the models made was committed by something that they ran")


def _transaction(connection: Any) -> Any:
    return statements.rows(connection, "SELECT pg_catalog.pg_current_xact_id()::text")[0][0]


def _found(connection: Any, reading: Message) -> list[list[str]]:
    with_age = statements.rows(connection, reading["settings"])[0][-1]
    there = {"", *(family for (family,) in statements.rows(connection, reading["census"])), *(["age"] * with_age)}
    wanted, few = statements.rows(connection, reading["wanted"])[0]
    statements.rows(connection, reading["few" if few else "many"])
    found = statements.rows(connection, reading["parts"].replace("$1", f"'{wanted}'"))
    statements.rows(connection, reading["many"])
    found += [row for query, needs in reading["kinds"] if needs in there for row in statements.rows(connection, query)]
    return [[*row] for row in found]
