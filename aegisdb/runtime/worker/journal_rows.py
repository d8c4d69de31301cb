"""Rows of the side schema that belong to the migration's own transaction: in flight, and the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import statements

if TYPE_CHECKING:
    from collections.abc import Sequence

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


def finish(connection: Any, *, moves: Sequence[str], noted: Sequence[str], returning: str) -> tuple[str, ...]:
    """Last statement of the migration: the version table moves, the journal notes it.

    `moves` and `noted` are statements that change rows. Returns the row of `returning`, which sees nothing of that, and
    behind it how many rows each of the moves has found.
    """
    parts = [f"move{n} AS ({move} RETURNING 1)" for n, move in enumerate(moves)]
    counts = "".join(f", (SELECT CAST(count(*) AS text) FROM move{n})" for n in range(len(moves)))  # noqa: S608  ours
    together = f"WITH {', '.join([*parts, *noted])} " if parts or noted else ""
    return statements.texts(connection, f"{together}SELECT {returning}{counts}")


def notes(facts: Message, seconds: float, *, given: str) -> tuple[str, ...]:
    """A row of the journal takes the place of the one in flight.

    Nothing is written in another transaction than `given`; empty means any.
    """
    names, values = ", ".join(_JOURNAL_NAMES), ", ".join(statements.literal(facts.get(name)) for name in _JOURNAL_NAMES)
    began = f"clock_timestamp() - make_interval(secs => {seconds:.6f})"
    unbroken = f"SELECT WHERE {statements.literal(given)} IN ('', CAST(pg_catalog.pg_current_xact_id() AS text))"
    of_service = f"service = {statements.literal(facts['service'])}"
    landed = f"DELETE FROM aegisdb.in_flight WHERE {of_service} AND EXISTS (TABLE unbroken)"  # noqa: S608  literals
    noted = (
        f"INSERT INTO aegisdb.journal ({names}, outcome, started, seconds)"  # noqa: S608  literals
        f" SELECT {values}, 'done', {began}, {seconds:.6f} FROM unbroken"
    )
    return f"unbroken AS ({unbroken})", f"landed AS ({landed})", f"noted AS ({noted})"


def _start(facts: Message) -> str:
    values = ", ".join(
        statements.literal(str(facts[name]) if name == "pid" else facts.get(name)) for name in _START_NAMES
    )
    return f"INSERT INTO aegisdb.in_flight ({', '.join(_START_NAMES)}) VALUES ({values})"  # noqa: S608  literals
