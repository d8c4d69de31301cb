"""Results of trying old code on a new schema."""

from __future__ import annotations

from dataclasses import dataclass

Key = tuple[str, str]
"""Schema and name, or service and table."""


@dataclass(frozen=True, kw_only=True)
class Break:
    """A statement that old code ran before the new revisions and cannot run, or runs differently, after them."""

    service: str
    table: str
    column: str
    does: tuple[str, ...]
    """Some of reads, inserts, updates and deletes; for an SQL text, whose table is not known: says."""
    why: str
    """The message of the server or of SQLAlchemy, or what the statement does now."""
    sqlstate: str
    cls: str
    where: str
    """File and line of the model at `against`."""
    steps: str
    """The safe way to the same end."""

    def __str__(self) -> str:
        """Say it in one line."""
        place = f"{self.table}.{self.column}" if self.column else self.table or "in an SQL text"
        return f"{self.service} {_listed(self.does)} {place}: {self.why}"


@dataclass(frozen=True, kw_only=True)
class Unsettled:
    """A question that could not be decided, with the reason; it is always reported."""

    kind: str
    """restricted: values that were taken and are refused now; new value: one that old code cannot read; not tried;
    raw SQL: a text of the old tree that names what has changed."""
    service: str
    subject: str
    why: str
    where: str = ""

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.service} {self.subject}: {self.why}"


@dataclass(frozen=True, kw_only=True)
class OldService:
    """The deployed code of one service, tried on the new schema."""

    service: str
    tables: int
    statements: int
    """The number of statements that ran on both schemas."""
    breaks: tuple[Break, ...] = ()
    unsettled: tuple[Unsettled, ...] = ()
    error: str = ""
    """The reason why its models could not be tried at all."""


def _listed(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
