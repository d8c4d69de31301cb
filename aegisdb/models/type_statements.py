"""Statements that give an enum other values, or a domain another definition."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aegisdb.models.fact_parts import definition, fact, parts, writable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aegisdb.fingerprint import Fingerprint

_BEFORE = "__before"


def enum_statements(
    name: str, was: Sequence[str], values: Sequence[str], before: Fingerprint, after: Fingerprint
) -> Iterator[tuple[str, str]]:
    """Statements, and what each loses. `before` tells which columns have the type, `after` what uses its values."""
    new = [value for value in values if value not in was]
    kept = [value for value in values if value in was] == list(was)
    # PostgreSQL refuses a value in the transaction that added it, but not one of a type that is new itself
    if kept and not any(f"{value}::{name}" in facts for value in new for facts in after.facts.values()):
        yield from ((sql, "") for sql in _added(name, was, values))
        return
    if gone := [value for value in was if value not in values]:
        columns = _columns(name, before)
        yield from ((_check(name, table, column, gone), "") for table, column, kind, _ in columns if kind == name)
    create = f"CREATE TYPE {name} AS ENUM ({', '.join(values)})"
    yield from ((sql, "") for sql in _rebuilt("TYPE", name, [create], before, after, through="text"))


def domain_statements(name: str, before: Fingerprint, after: Fingerprint) -> Iterator[str]:
    """Statements for a domain that is there before and after; what it is made of can only be said when it is made."""
    (was, rest), (now, wanted) = _made_of(before.facts[f"domain {name}"]), _made_of(after.facts[f"domain {name}"])
    if was != now:
        checks = [
            f"ALTER DOMAIN {name} ADD CONSTRAINT {key.removeprefix(f'constraint {name}.')} {definition(facts)}"
            for key, facts in after.facts.items()
            if after.relations.get(key) == name and before.facts.get(key) == facts
        ]
        yield from _rebuilt(
            "DOMAIN", name, [f"CREATE DOMAIN {name} AS {' '.join([*now, *wanted])}", *checks], before, after
        )
        return
    default = next((part for part in wanted if part.startswith("default ")), None)
    if default not in rest and (default or any(part.startswith("default ") for part in rest)):
        yield f"ALTER DOMAIN {name} {f'SET {default}' if default else 'DROP DEFAULT'}"
    if ("not null" in rest) != ("not null" in wanted):
        yield f"ALTER DOMAIN {name} {'SET' if 'not null' in wanted else 'DROP'} NOT NULL"


def _made_of(facts: str) -> tuple[list[str], list[str]]:
    """Type and collation of a domain, and what else is told of it."""
    told = [part for part in parts(facts) if not part.startswith("owner ")]
    later = ("not null", "default ")
    return [part for part in told if not part.startswith(later)], [part for part in told if part.startswith(later)]


def _rebuilt(
    what: str, name: str, create: Sequence[str], before: Fingerprint, after: Fingerprint, *, through: str = ""
) -> Iterator[str]:
    """Make the type anew beside the former one, and give it to the columns that have it; they are cast `through`."""
    space, _, bare = name.rpartition(".")
    former = bare[:-1] + _BEFORE + '"' if bare.endswith('"') else bare + _BEFORE
    users = [*_users(name, before, after)]
    yield from (drop for drop, _ in users)
    yield f"ALTER {what} {name} RENAME TO {former}"
    yield from create
    wanted = {(table, column, kind): default for table, column, kind, default in _columns(name, after)}
    for table, column, kind, default in _columns(name, before):
        alter = f"ALTER TABLE {table} ALTER COLUMN {column}"
        if default is not None:
            yield f"{alter} DROP DEFAULT"
        array = "[]" if kind.endswith("[]") else ""
        yield f"{alter} TYPE {kind} USING {column}{f'::{through}{array}' if through else ''}::{kind}"
        # the former default may be a value that the new type has not
        if (later := wanted.get((table, column, kind), default)) is not None:
            yield f"{alter} SET DEFAULT {later}"
    yield f"DROP {what} IF EXISTS {space}.{former}"
    yield from (again for _, makes in users for again in makes)


def _users(name: str, before: Fingerprint, after: Fingerprint) -> Iterator[tuple[str, list[str]]]:
    """What stays and compares with a value of the type (predicates, CHECK): how it goes, and how it comes back."""
    cast = re.compile(rf'::{re.escape(name)}(?![\w"])')
    for key, facts in before.facts.items():
        if not key.startswith(("index ", "constraint ")) or after.facts.get(key) != facts or not cast.search(facts):
            continue
        kind, _, identity = key.partition(" ")
        table = before.relations.get(key, "")
        if f"domain {table}" in before.facts:
            continue
        if kind == "index":
            drop, make, about = f"DROP INDEX {identity}", writable(facts), f"INDEX {identity}"
        else:
            bare = identity.removeprefix(f"{table}.")
            drop = f"ALTER TABLE {table} DROP CONSTRAINT {bare}"
            make, about = (
                f"ALTER TABLE {table} ADD CONSTRAINT {bare} {writable(facts)}",
                f"CONSTRAINT {bare} ON {table}",
            )
        comment = after.facts.get(f"comment on {key}")
        yield drop, [make, *([f"COMMENT ON {about} IS {comment}"] if comment else [])]


def _added(name: str, was: Sequence[str], values: Sequence[str]) -> Iterator[str]:
    there = list(was)
    for place, value in enumerate(values):
        if value in there:
            continue
        if place == len(there):
            where = ""
        elif place:
            where = f" AFTER {values[place - 1]}"
        else:
            where = f" BEFORE {there[0]}"
        yield f"ALTER TYPE {name} ADD VALUE {value}{where}"
        there.insert(place, value)


def _columns(name: str, schema: Fingerprint) -> Iterator[tuple[str, str, str, str | None]]:
    """Table, column, type and default of the columns that have the type."""
    for key, facts in schema.facts.items():
        table = schema.relations.get(key, "")
        if key.startswith("column ") and not key.startswith("column order ") and parts(facts)[0] in {name, f"{name}[]"}:
            yield table, key.removeprefix(f"column {table}."), parts(facts)[0], fact(facts, "default ")


def _check(name: str, table: str, column: str, gone: Sequence[str]) -> str:
    """Say where rows still have a value that goes: the cast would name the value alone."""
    told = f"{table}.{column} still has values of {name} that are to go"
    return (
        f"DO $check$ BEGIN IF EXISTS (SELECT FROM {table} WHERE {column}::text IN ({', '.join(gone)})) THEN "
        f"RAISE EXCEPTION USING MESSAGE = '{told.replace(chr(39), chr(39) * 2)}'; END IF; END $check$"
    )
