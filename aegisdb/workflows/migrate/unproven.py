"""Files that `migrate.new` wrote and could not prove, because something stopped it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from aegisdb.errors import AegisError, Failed, Interrupted
from aegisdb.revisions.load import read_history

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.revisions.history import History
    from aegisdb.workspace import Workspace

_NOTHING_CHANGED = frozenset({2, 3, 4, 7})
"""Exit codes that guarantee it."""


class Unproven(Failed):
    """Something that would have changed nothing stopped the proof of a revision that was written before."""

    default_code = "unproven"


@contextmanager
def unproven_told(ws: Workspace, before: History) -> Iterator[None]:
    """Say in whatever stops the block which revisions the service has more than `before`, and what to do with them."""
    try:
        yield
    except (AegisError, KeyboardInterrupt) as error:
        if not (state := _state(ws, before)):
            raise
        if not isinstance(error, AegisError) or _is_of_an_interruption(error):
            raise Interrupted(f"migrate.new was interrupted; {state}", hint=_next(before)) from None
        first, newline, rest = error.message.partition("\n")
        message = f"{first}; {state}{newline}{rest}"
        hint = f"{error.hint}; then {_next(before)}" if error.hint else _next(before)
        if error.exit_code in _NOTHING_CHANGED:
            raise Unproven(message, hint=hint, where=error.where) from None
        raise error.amended(message=message, hint=hint) from None


def _is_of_an_interruption(error: AegisError) -> bool:
    """Whether it came while the end of an interruption was tidied up."""
    link: BaseException | None = error
    while link is not None and not isinstance(link, KeyboardInterrupt):
        link = link.__context__
    return link is not None


def _state(ws: Workspace, before: History) -> str:
    from aegisdb.files import shown

    try:
        now = read_history(ws.registry, before.service)
    except AegisError:
        return ""
    paths = [now.revisions[new].path for new in now.revisions if new not in before.revisions]
    names = ", ".join(shown(path, ws.registry.root) for path in paths)
    return f"{names} {'is' if len(paths) == 1 else 'are'} written, pending and not proven" if paths else ""


def _next(history: History) -> str:
    return f"invoke migrate.roundtrip --service {history.service} proves what is pending; or remove the file"
