"""Statements that give an enum other values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.models.fact_parts import fact, parts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aegisdb.fingerprint import Fingerprint

_BEFORE = "__before"


def enum_statements(
    name: str, was: Sequence[str], values: Sequence[str], schema: Fingerprint
) -> Iterator[tuple[str, str]]:
    """Statements, and what each loses. `schema` tells which columns have the type."""
    if [value for value in values if value in was] == list(was):
        yield from ((sql, "") for sql in _added(name, was, values))
        return
    columns = list(_columns(name, schema))
    if gone := [value for value in was if value not in values]:
        yield from ((_check(name, table, column, gone), "") for table, column, kind, _ in columns if kind == name)
    space, _, bare = name.rpartition(".")
    before = bare[:-1] + _BEFORE + '"' if bare.endswith('"') else bare + _BEFORE
    yield f"ALTER TYPE {name} RENAME TO {before}", ""
    yield f"CREATE TYPE {name} AS ENUM ({', '.join(values)})", ""
    for table, column, kind, default in columns:
        alter = f"ALTER TABLE {table} ALTER COLUMN {column}"
        if default is not None:
            yield f"{alter} DROP DEFAULT", ""
        text = "text[]" if kind.endswith("[]") else "text"
        yield f"{alter} TYPE {kind} USING {column}::{text}::{kind}", ""
        if default is not None:
            yield f"{alter} SET DEFAULT {default}", ""
    yield f"DROP TYPE IF EXISTS {space}.{before}", ""


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
