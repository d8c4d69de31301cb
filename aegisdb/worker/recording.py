"""Rows of the side schema that belong to the migration's own transaction: in flight, and the journal."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .channel import Message

_START = """
INSERT INTO aegisdb.in_flight (service, revision, action, digest, os_user, host, pid)
VALUES (:service, :revision, :action, :digest, :os_user, :host, CAST(:pid AS integer))
"""
_FINISH = """
WITH unbroken AS (SELECT WHERE CAST(:given AS text) IN ('', CAST(pg_current_xact_id() AS text))),
landed AS (DELETE FROM aegisdb.in_flight WHERE service = :service AND EXISTS (TABLE unbroken)),
noted AS (
    INSERT INTO aegisdb.journal (service, revision, action, outcome, digest, source, os_user, host, git_commit, command,
                                 started, seconds)
    SELECT CAST(:service AS text), CAST(:revision AS text), CAST(:action AS text), 'done', CAST(:digest AS text),
           CAST(:source AS text), CAST(:os_user AS text), CAST(:host AS text), CAST(:git_commit AS text),
           CAST(:command AS text), clock_timestamp() - make_interval(secs => CAST(:seconds AS double precision)),
           CAST(:seconds AS double precision)
    FROM unbroken
)
SELECT
"""
_START_NAMES = ("service", "revision", "action", "digest", "os_user", "host", "pid")
_JOURNAL_NAMES = (
    "service", "revision", "action", "digest", "source", "os_user", "host", "git_commit", "command", "seconds",
)  # fmt: skip


def start(connection: Any, facts: Message) -> str:
    """First statement of the migration: whoever sees the row later knows that this one committed half-way.

    Returns the transaction in which it stands.
    """
    sql = f"{_START.rstrip()} RETURNING CAST(pg_current_xact_id() AS text)"
    return str(_execute(connection, sql, {name: facts.get(name) for name in _START_NAMES}).scalar_one())


def start_again(connection: Any, facts: Message) -> None:
    """The same where the revision may have rolled the row back, or committed it."""
    sql = f"{_START.rstrip()} ON CONFLICT (service) DO NOTHING"
    _execute(connection, sql, {name: facts.get(name) for name in _START_NAMES})


def finish(connection: Any, facts: Message, seconds: float, *, given: str, returning: str) -> Any:
    """Last statement of the migration: a row of the journal takes the place of the one in flight.

    Nothing is written in another transaction than `given`; empty means any. Returns the row of `returning`.
    """
    values = {name: facts.get(name) for name in _JOURNAL_NAMES}
    return _execute(connection, _FINISH + returning, {**values, "seconds": seconds, "given": given}).one()


@cache
def _text(sql: str) -> Any:
    from sqlalchemy import text

    return text(sql)


def _execute(connection: Any, sql: str, values: Message) -> Any:
    return connection.execute(_text(sql), values)
