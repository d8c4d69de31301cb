"""What a form consists of: steps, each of which becomes a revision of its own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from aegisdb.fingerprint.keys import relation_name
from aegisdb.postgres.quoting import MAX_NAME_BYTES, cut_name, quote_ident

if TYPE_CHECKING:
    from collections.abc import Iterable

Phase = Literal["expand", "contract"]
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")


class Sql(NamedTuple):
    """One statement of a step."""

    text: str
    harmless: str = ""
    """Why lint need not warn of it."""


@dataclass(frozen=True, kw_only=True)
class Backfill:
    """Arguments of `aegisdb.backfill`."""

    table: str
    set: str
    where: str


@dataclass(frozen=True, kw_only=True)
class Step:
    """One revision."""

    what: str
    """In a few words, behind the message that the person gave."""
    says: str
    """What it does to rows and to others, for its docstring."""
    phase: Phase
    up: tuple[Sql, ...] = ()
    down: tuple[Sql, ...] = ()
    alone_up: tuple[Sql, ...] = ()
    """Outside of the transaction, before `up`."""
    alone_down: tuple[Sql, ...] = ()
    backfill: Backfill | None = None
    repeatable: str = ""
    """Why its upgrade may be run again after a death in the middle."""


@dataclass(frozen=True, kw_only=True)
class Form:
    """One unsafe change in its steps."""

    change: str
    steps: tuple[Step, ...]


def in_order(forms: Iterable[Form]) -> list[Step]:
    """The steps of all forms: what old code bears first, so that it can be applied before the rest."""
    steps = (step for form in forms for step in form.steps)
    return sorted(steps, key=lambda step: step.phase == "contract")


def sql(*texts: str) -> tuple[Sql, ...]:
    """Statements of which lint says nothing."""
    return tuple(map(Sql, texts))


def called(relation: str, *words: str) -> str:
    """A name made of a table's and these words, quoted where it has to be; the words stay when it is too long."""
    return _ending(relation_name(relation).name, "_".join(["", *map(unquoted, words)]))


def beside(name: str) -> str:
    """A name for what will take the place of this one."""
    return _ending(unquoted(name), "_new")


def unquoted(name: str) -> str:
    """A name without its quotes."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _ending(begin: str, end: str) -> str:
    name = cut_name(begin, MAX_NAME_BYTES - len(end.encode())) + end
    return name if _PLAIN.fullmatch(name) else quote_ident(name)


def in_schema(relation: str, name: str) -> str:
    """The name in the schema of a table."""
    schema, dot, _ = relation.rpartition(".")
    return f"{schema}{dot}{name}"


def plain(relation: str) -> str:
    """A table's name for people: without `public`."""
    return relation.removeprefix("public.")
