"""What a worker tells of the statements of old code that it tried on a database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aegisdb.runtime.step_results import Loaded, files_loaded

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class Tried:
    """A statement of old code and how it went."""

    does: str
    """reads, inserts, updates or deletes."""
    column: str
    what: str
    """The values or rows it was tried with, in words."""
    error: Mapping[str, str] | None
    """Kind, message, sqlstate, column and constraint of what refused it."""
    sure: bool
    """Whether old code does just this; otherwise its models let it, with a value that the trial made up."""
    gave: str
    """The result, where that may differ: the kind of a value that was read, or what a default gave."""


@dataclass(frozen=True, kw_only=True)
class TableTried:
    """The statements that were tried on a table of some models."""

    table: str
    cls: str
    file: str
    line: int
    columns: Mapping[str, str]
    """The file and line that define each column."""
    tried: tuple[Tried, ...]
    broke: Mapping[str, str] | None
    """What ended the trial before its end."""


@dataclass(frozen=True, kw_only=True)
class OldCodeTried:
    """The statements that the models of one service were tried with, by table."""

    tables: tuple[TableTried, ...]
    loaded: Loaded


def old_code_tried(answer: Mapping[str, Any]) -> OldCodeTried:
    """The worker's answer."""
    return OldCodeTried(
        tables=tuple(
            TableTried(
                table=one["table"],
                cls=one["place"]["class"],
                file=one["place"]["file"],
                line=one["place"]["line"],
                columns=one["place"]["columns"],
                tried=tuple(Tried(**tried) for tried in one["tried"]),
                broke=one["broke"],
            )
            for one in answer["tables"]
        ),
        loaded=files_loaded(answer["loaded"]),
    )
