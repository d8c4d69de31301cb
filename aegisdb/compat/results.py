"""What was found out about old code on a new schema."""

from __future__ import annotations

from dataclasses import dataclass

Key = tuple[str, str]
"""Schema and name, or service and table."""


@dataclass(frozen=True, kw_only=True)
class Break:
    """What old code did before the new revisions and cannot do, or does otherwise, after them."""

    service: str
    table: str
    column: str
    does: tuple[str, ...]
    """Some of reads, inserts, updates and deletes; for an SQL text, of which no table is told, says."""
    why: str
    """What the server or SQLAlchemy says, or what comes of it now."""
    sqlstate: str
    cls: str
    where: str
    """File and line of the model at `against`."""
    steps: str
    """The safe way to the same end."""

    def __str__(self) -> str:
        """One line."""
        place = f"{self.table}.{self.column}" if self.column else self.table or "in an SQL text"
        return f"{self.service} {_listed(self.does)} {place}: {self.why}"


@dataclass(frozen=True, kw_only=True)
class Unsettled:
    """What could not be decided, and why: told, never passed in silence."""

    kind: str
    """restricted: values that were taken and are refused now; new value: one that old code cannot read; not tried;
    raw SQL: a text of the old tree that names what has changed."""
    service: str
    subject: str
    why: str
    where: str = ""

    def __str__(self) -> str:
        """One line."""
        return f"{self.service} {self.subject}: {self.why}"


@dataclass(frozen=True, kw_only=True)
class OldService:
    """One service as it was, on the new schema."""

    service: str
    tables: int
    statements: int
    """The statements that ran on both schemas."""
    breaks: tuple[Break, ...] = ()
    unsettled: tuple[Unsettled, ...] = ()
    error: str = ""
    """Why its models could not be asked at all."""


def _listed(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
