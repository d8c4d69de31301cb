"""Rows of the side schema that belong to the migration's own transaction: in flight, and the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import statements

if TYPE_CHECKING:
    from .channel import Message

_START_NAMES = ("service", "revision", "action", "digest", "os_user", "host", "pid")
_JOURNAL_NAMES = ("service", "revision", "action", "digest", "source", "os_user", "host", "git_commit", "command")


def start(connection: Any, facts: Message) -> str:
    """First statement of the migration: whoever sees the row later knows that this one committed half-way.

    Returns the transaction in which it stands.
    """
    return statements.texts(connection, f"{_start(facts)} RETURNING CAST(pg_catalog.pg_current_xact_id() AS text)")[0]


def start_again(connection: Any, facts: Message) -> None:
    """Start once more where the revision may have rolled the row back, or committed it."""
    statements.command(connection, f"{_start(facts)} ON CONFLICT (service) DO NOTHING")


def notes(facts: Message, seconds: float, *, given: str) -> tuple[str, ...]:
    """Statements that put a row of the journal in the place of the one in flight.

    Nothing is written in another transaction than `given`; empty means any.
    """
    names, values = ", ".join(_JOURNAL_NAMES), ", ".join(statements.literal(facts.get(name)) for name in _JOURNAL_NAMES)
    began = f"clock_timestamp() - make_interval(secs => {seconds:.6f})"
    unbroken = f"{statements.literal(given)} IN ('', CAST(pg_catalog.pg_current_xact_id() AS text))"
    of_service = f"service = {statements.literal(facts['service'])}"
    landed = f"DELETE FROM aegisdb.in_flight WHERE {of_service} AND {unbroken}"  # noqa: S608  literals
    noted = (
        f"INSERT INTO aegisdb.journal ({names}, outcome, started, seconds)"
        f" SELECT {values}, 'done', {began}, {seconds:.6f} WHERE {unbroken}"
    )
    return landed, noted


def _start(facts: Message) -> str:
    values = ", ".join(
        statements.literal(str(facts[name]) if name == "pid" else facts.get(name)) for name in _START_NAMES
    )
    return f"INSERT INTO aegisdb.in_flight ({', '.join(_START_NAMES)}) VALUES ({values})"  # noqa: S608  literals
