"""What went wrong, as data: never a traceback with a password in it, never the parameters of a statement."""

from __future__ import annotations

import os
import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .channel import Message


class Refusal(Exception):
    """The worker refuses to go on; `kind` is the error's code on the engine's side."""

    def __init__(self, kind: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.hint = hint


def describe(error: BaseException, *, kind: str, path: str = "") -> Message:
    """The failure for the engine; `path` is the file whose line is looked for in the traceback."""
    if isinstance(error, Refusal):
        return {"kind": error.kind, "message": error.message, "hint": error.hint, "line": _line(error, path)}
    answer: Message = {
        "kind": kind,
        "error": type(error).__name__,
        "message": str(error).strip() or type(error).__name__,
        "line": _line(error, path),
        "at": _innermost(error),
    }
    if isinstance(error, ModuleNotFoundError):
        answer["module"] = error.name
    if getattr(error, "says_all", False):  # of a helper of ours that a revision calls
        return {**answer, "message": error.message, "server_hint": error.hint}  # type: ignore[attr-defined]
    for link in _chain(error):
        if hasattr(link, "statement") and hasattr(link, "orig"):
            answer.update(_of_database(link.orig, link.statement))
            break
        if getattr(link, "sqlstate", None):  # of a statement of our own, past SQLAlchemy
            answer.update(_of_database(link, ""))
            break
    return answer


def file_in(error: BaseException, directories: Iterable[str]) -> str:
    """The file in one of the directories where the error was raised, or whose syntax is wrong; empty for none."""
    names = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError):
        names.append(error.filename or "")
    below = [f"{os.path.realpath(directory)}/" for directory in directories]
    return next((name for name in reversed(names) if os.path.realpath(name).startswith(tuple(below))), "")


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or link.__context__


def _of_database(original: Any, statement: str | None) -> Message:
    diagnostics = getattr(original, "diag", None) or getattr(original, "__cause__", None)
    message = getattr(diagnostics, "message_primary", None) or getattr(diagnostics, "message", None)
    return {
        "message": message or str(original).strip().split("\n", 1)[0],
        "detail": getattr(diagnostics, "message_detail", None) or getattr(diagnostics, "detail", None) or "",
        "server_hint": getattr(diagnostics, "message_hint", None) or getattr(diagnostics, "hint", None) or "",
        "sqlstate": getattr(original, "sqlstate", None) or getattr(original, "pgcode", None) or "",
        "statement": (statement or "").strip(),
    }


def _line(error: BaseException, path: str) -> int:
    lines = [frame.lineno or 0 for frame in traceback.extract_tb(error.__traceback__) if _same(frame.filename, path)]
    if not lines and isinstance(error, SyntaxError) and _same(error.filename or "", path):
        return error.lineno or 0
    return lines[-1] if lines else 0


def _same(left: str, right: str) -> bool:
    return bool(right) and os.path.realpath(left) == os.path.realpath(right)


def _innermost(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
