"""The version table without SQLAlchemy.

Alembic reads and changes it by statements of its own, built and compiled anew for each worker and each revision: as
much work as all of a small revision. What a table of Alembic's own making needs is simple enough to be said beforehand.
"""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

from .. import fast

if TYPE_CHECKING:
    from collections.abc import Callable


def take(context: Any, read: Callable[[Any], tuple[str, ...]], exists: Callable[[Any], bool]) -> None:
    """Read it so for this context from now on, and look so whether it has to be made."""
    if fast.ON:
        context.get_current_heads = partial(read, context)
        context._ensure_version_table = partial(_ensure, context, context._ensure_version_table, exists)  # noqa: SLF001


def _ensure(
    context: Any, whole_way: Callable[..., None], exists: Callable[[Any], bool], *, purge: bool = False
) -> None:
    connection = context.connection
    if purge:
        whole_way(purge=True)
        return
    with nullcontext() if connection.in_transaction() else connection.begin():
        if not exists(context):
            context._version.create(connection, checkfirst=False)  # noqa: SLF001  see below


def can_change(context: Any) -> bool:
    """Whether it is the table that Alembic makes, and not one that a plugin has given more columns."""
    return fast.ON and len(context._version.c) == 1  # noqa: SLF001  Alembic has no public name for it
