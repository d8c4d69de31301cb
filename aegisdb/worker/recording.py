"""Rows of the side schema that belong to the migration's own transaction: in flight, and the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .channel import Message

_START = """
INSERT INTO aegisdb.in_flight (service, revision, action, digest, os_user, host, pid)
VALUES (:service, :revision, :action, :digest, :os_user, :host, CAST(:pid AS integer))
"""
_END = "DELETE FROM aegisdb.in_flight WHERE service = :service"
_JOURNAL = """
INSERT INTO aegisdb.journal (service, revision, action, outcome, digest, source, os_user, host, git_commit, command,
                             started, seconds)
VALUES (:service, :revision, :action, 'done', :digest, :source, :os_user, :host, :git_commit, :command,
        clock_timestamp() - make_interval(secs => CAST(:seconds AS double precision)),
        CAST(:seconds AS double precision))
"""
_START_NAMES = ("service", "revision", "action", "digest", "os_user", "host", "pid")
_JOURNAL_NAMES = (
    "service", "revision", "action", "digest", "source", "os_user", "host", "git_commit", "command", "seconds",
)  # fmt: skip


def start(connection: Any, facts: Message) -> None:
    """First statement of the migration: whoever sees the row later knows that this one committed half-way."""
    _execute(connection, _START, {name: facts.get(name) for name in _START_NAMES})


def start_again(connection: Any, facts: Message) -> None:
    """The same where the revision may have rolled the row back, or committed it."""
    sql = f"{_START.rstrip()} ON CONFLICT (service) DO NOTHING"
    _execute(connection, sql, {name: facts.get(name) for name in _START_NAMES})


def finish(connection: Any, facts: Message, seconds: float) -> None:
    """Last statements of the migration."""
    _execute(connection, _END, {"service": facts["service"]})
    journal(connection, facts, seconds)


def journal(connection: Any, facts: Message, seconds: float) -> None:
    """One row of the journal."""
    values = {name: facts.get(name) for name in _JOURNAL_NAMES}
    _execute(connection, _JOURNAL, {**values, "seconds": seconds})


def _execute(connection: Any, sql: str, values: Message) -> None:
    from sqlalchemy import text

    connection.execute(text(sql), values)
