"""Statements that change one column, and the options of sequences."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aegisdb.models.fact_parts import fact, is_not_null, parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.fingerprint import Change

_UNCHECKED = re.compile(r"not null(?: named (?P<name>.+?))?(?: no inherit)? not valid")
OWN_SEQUENCE = "nextval of its own sequence"
_OPTIONS = {
    "start ": "START WITH",
    "increment ": "INCREMENT BY",
    "min ": "MINVALUE",
    "max ": "MAXVALUE",
    "cache ": "CACHE",
}


def column_statements(change: Change, column: str) -> Iterator[tuple[str, str]]:
    """Statements, and what each loses."""
    table = f"ALTER TABLE {change.relation}"
    if change.kind == "added":
        yield f"{table} ADD COLUMN {column} {defined(change.after)}", ""
    elif change.kind == "removed":
        yield f"{table} DROP COLUMN {column}", f"drop column {change.relation}.{column}"
    elif _generated(change.before) != _generated(change.after):
        yield from _generation(change, table, column)
    else:
        yield from ((sql, "") for sql in _altered(change, f"{table} ALTER COLUMN {column}", column))


def defined(facts: str) -> str:
    """The type and the rest of a column, as in ADD COLUMN."""
    words = []
    for part in parts(facts):
        if part.startswith("generated "):
            kind, _, expression = part.removeprefix("generated ").partition(" ")
            words.append(f"GENERATED ALWAYS AS ({expression}) {kind.upper()}")
        elif part.startswith("identity "):
            words.append(f"GENERATED {part.removeprefix('identity ').upper()} AS IDENTITY")
        elif part.startswith(("storage ", "compression ", "statistics ", "with ")) or part.endswith("inherited"):
            continue
        else:
            words.append("NOT NULL" if part.startswith("not null") else part)
    return " ".join(words)


def _generated(facts: str) -> str | None:
    return fact(facts, "generated ")


def _generation(change: Change, table: str, column: str) -> Iterator[tuple[str, str]]:
    was, now = _generated(change.before), _generated(change.after)
    if was and now and was.partition(" ")[0] == now.partition(" ")[0]:
        yield f"{table} ALTER COLUMN {column} SET EXPRESSION AS ({now.partition(' ')[2]})", ""
    elif was and not now and was.startswith("stored "):
        yield f"{table} ALTER COLUMN {column} DROP EXPRESSION", ""
    else:
        # what is computed comes back by itself; what was written does not
        loses = "" if was else f"drop column {change.relation}.{column}"
        yield f"{table} DROP COLUMN {column}", loses
        yield f"{table} ADD COLUMN {column} {defined(change.after)}", ""


def _altered(change: Change, alter: str, column: str) -> Iterator[str]:
    was, now = change.before, change.after
    if fact(was, "identity ") and not fact(now, "identity "):
        yield f"{alter} DROP IDENTITY"
    default, old_default = fact(now, "default "), fact(was, "default ")
    # one that stays of the same type is replaced at once, which no insert in between notices
    stays = default not in {None, OWN_SEQUENCE} and type_of(was) == type_of(now)
    if default != old_default and old_default is not None and not stays:
        yield f"{alter} DROP DEFAULT"
    if type_of(was) != type_of(now):
        yield f"{alter} TYPE {type_of(now)} USING {column}::{parts(now)[0]}"
    unchecked, unchecked_before = _unchecked(now, column), _unchecked(was, column)
    if is_not_null(now) and not unchecked and (unchecked_before or not is_not_null(was)):
        yield f"{alter} SET NOT NULL"
    yield from _identity(fact(was, "identity "), fact(now, "identity "), alter)
    if is_not_null(was) and (not is_not_null(now) or (unchecked and not unchecked_before)):
        yield f"{alter} DROP NOT NULL"
    if unchecked and not unchecked_before:
        yield f"ALTER TABLE {change.relation} ADD {unchecked}"
    if default != old_default and default == OWN_SEQUENCE:
        yield from _counted(change, alter, column)
    elif default != old_default and default is not None:
        yield f"{alter} SET DEFAULT {default}"
    if (storage := fact(now, "storage ")) and storage != fact(was, "storage "):
        yield f"{alter} SET STORAGE {storage.upper()}"


def _unchecked(facts: str, column: str) -> str:
    """A NOT NULL that the rows were not held against (from PostgreSQL 18), as in ADD; empty for none."""
    found = next(filter(None, map(_UNCHECKED.fullmatch, parts(facts))), None)
    name = f"CONSTRAINT {found['name']} " if found and found["name"] else ""
    return f"{name}NOT NULL {column} NOT VALID" if found else ""


def _identity(was: str | None, now: str | None, alter: str) -> Iterator[str]:
    if now and not was:
        yield f"{alter} ADD GENERATED {now.upper()} AS IDENTITY"
    elif now and now != was:
        yield f"{alter} SET GENERATED {now.upper()}"


def type_of(facts: str) -> str:
    """A column's type, with its collation; empty for none."""
    collation = fact(facts, "collate ")
    return next(iter(parts(facts)), "") + (f" COLLATE {collation}" if collation else "")


def _counted(change: Change, alter: str, column: str) -> Iterator[str]:
    """A sequence of its own, named as the server names them, that goes on behind the rows."""
    space, _, table = change.relation.rpartition(".")
    name = f'{space}."{table.strip(chr(34))}_{column.strip(chr(34))}_seq"'
    kind = parts(change.after)[0]
    yield f"CREATE SEQUENCE {name} AS {kind} OWNED BY {change.relation}.{column}"
    yield f"SELECT setval('{name}', max({column})) FROM {change.relation}"  # noqa: S608  names as the catalog quotes them
    yield f"{alter} SET DEFAULT nextval('{name}'::regclass)"


def sequence_options(before: str, after: str, prefix: str = "") -> str:
    """The options that differ, as in CREATE or ALTER SEQUENCE."""
    words = [
        f"{prefix}{word} {value}"
        for beginning, word in _OPTIONS.items()
        if (value := fact(after, beginning)) is not None and value != fact(before, beginning)
    ]
    was, now = "cycle" in parts(before), "cycle" in parts(after)
    if was != now:
        words.append(f"{prefix}{'CYCLE' if now else 'NO CYCLE'}")
    if before and _are_apart(before, after):
        words.append("RESTART")  # no value that it may be at is one that it may take
    return " ".join(words)


def _are_apart(before: str, after: str) -> bool:
    ends = [fact(text, end) for text in (before, after) for end in ("min ", "max ")]
    if None in ends:
        return False
    lowest, highest, low, high = (int(end or 0) for end in ends)
    return high < lowest or highest < low
