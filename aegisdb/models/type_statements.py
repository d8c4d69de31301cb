"""Statements that give an enum other values, or a domain another definition."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aegisdb.models.column_statements import defined
from aegisdb.models.fact_parts import definition, parts, writable
from aegisdb.models.generated_columns import GeneratedColumn, columns_of, generated_on, is_generated

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aegisdb.fingerprint import Fingerprint

_BEFORE = "__before"
_BARE = {"index": "DROP INDEX", "const": "DROP CONSTRAINT"}


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
        columns = columns_of(name, before)
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
    yield from (drop for drop, _ in users if drop)
    yield f"ALTER {what} {name} RENAME TO {former}"
    yield from create
    wanted = {(table, column, kind): default for table, column, kind, default in columns_of(name, after)}
    for table, column, kind, default in columns_of(name, before):
        if is_generated(before.facts[GeneratedColumn(table, column).key]):
            continue
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
    """What stays and uses a value of the type (predicates, CHECK, what is computed): how it goes, how it comes back."""
    computed = [*_computed(name, before, after)]
    on_them = [*dict.fromkeys(key for one in computed for key in one.hanging(before))]
    cast = re.compile(rf'::{re.escape(name)}(?![\w"])')
    stay = [key for key in before.facts if key.startswith(("index ", "constraint ")) and _stays(key, before, after)]
    for key in (key for key in before.facts if key.startswith(("index ", "constraint "))):
        table = before.relations.get(key, "")
        if key in on_them or f"domain {table}" in before.facts or not cast.search(before.facts[key]):
            continue
        drop, *makes = _index_or_constraint(key, table, before)
        # what does not stay as it is may be gone by now, and comes by a statement of its own
        yield (drop, makes) if key in stay else (drop.replace(_BARE[key[:5]], f"{_BARE[key[:5]]} IF EXISTS", 1), [])
    for one in computed:
        yield one.drop, [f"ALTER TABLE {one.table} ADD COLUMN {one.column} {defined(after.facts[one.key])}"]
    for key in (f"comment on {one.key}" for one in computed):
        if comment := after.facts.get(key):
            yield "", [f"COMMENT ON COLUMN {key.removeprefix('comment on column ')} IS {comment}"]
    for key in on_them:
        if key in stay:
            _, *makes = _index_or_constraint(key, before.relations.get(key, ""), after)
            yield "", makes


def _computed(name: str, before: Fingerprint, after: Fingerprint) -> Iterator[GeneratedColumn]:
    """Generated columns that stay and are of the type, or are computed from a column of it."""
    columns = [(table, column) for table, column, _, _ in columns_of(name, before)]
    of_it = (one for place in columns if is_generated(before.facts[(one := GeneratedColumn(*place)).key]))
    yield from (one for one in dict.fromkeys((*of_it, *generated_on(columns, before))) if one.key in after.facts)


def _stays(key: str, before: Fingerprint, after: Fingerprint) -> bool:
    of_domain = f"domain {before.relations.get(key, '')}" in before.facts
    return after.facts.get(key) == before.facts[key] and not of_domain


def _index_or_constraint(key: str, table: str, schema: Fingerprint) -> Iterator[str]:
    """Statements with which it goes and comes back, and its comment."""
    kind, _, identity = key.partition(" ")
    made = writable(schema.facts[key])
    if kind == "index":
        yield f"DROP INDEX {identity}"
        yield made
        about = f"INDEX {identity}"
    else:
        bare = identity.removeprefix(f"{table}.")
        yield f"ALTER TABLE {table} DROP CONSTRAINT {bare}"
        yield f"ALTER TABLE {table} ADD CONSTRAINT {bare} {made}"
        about = f"CONSTRAINT {bare} ON {table}"
    if comment := schema.facts.get(f"comment on {key}"):
        yield f"COMMENT ON {about} IS {comment}"


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
        yield f"ALTER TYPE {name} ADD VALUE IF NOT EXISTS {value}{where}"
        there.insert(place, value)


def _check(name: str, table: str, column: str, gone: Sequence[str]) -> str:
    """Say where rows still have a value that goes: the cast would name the value alone."""
    told = f"{table}.{column} still has values of {name} that are to go"
    return (
        f"DO $check$ BEGIN IF EXISTS (SELECT FROM {table} WHERE {column}::text IN ({', '.join(gone)})) THEN "
        f"RAISE EXCEPTION USING MESSAGE = '{told.replace(chr(39), chr(39) * 2)}'; END IF; END $check$"
    )
