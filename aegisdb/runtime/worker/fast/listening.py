"""Listeners of our own on a connection, told from those of env.py and of revisions.

SQLAlchemy keeps one flag for all of them, by which texts would take the long way (`plain_sql.py`). Ours are told
of a statement when it is sent, which is the same either way.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_OURS = "ours"
"""What the flag says while only we listen: true for SQLAlchemy, which sets it to True for anybody else."""


@contextmanager
def listening(connection: Any, **hooks: Callable[..., None]) -> Iterator[None]:
    """Within this, SQLAlchemy calls these hooks, each at the event on a cursor that it is named after."""
    from sqlalchemy import event

    before = getattr(connection, "_has_events", True)
    for name, hook in hooks.items():
        event.listen(connection, name, hook)
    if before in (False, _OURS):
        connection._has_events = _OURS  # noqa: SLF001  SQLAlchemy has no public name for it
    try:
        yield
    finally:
        for name, hook in hooks.items():
            event.remove(connection, name, hook)
        if connection._has_events == _OURS:  # noqa: SLF001  see above
            connection._has_events = before  # noqa: SLF001  see above


def others_listen(connection: Any) -> bool:
    """Whether env.py or a revision wants to be told of what happens on this connection, or on any of its engine."""
    told = getattr(connection, "_has_events", True)
    return told not in (False, _OURS) or bool(getattr(connection.engine, "_has_events", True))
