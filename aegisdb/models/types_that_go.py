"""Types that nothing uses any more once what had them is gone: Alembic leaves them, the way back makes them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aegisdb.fingerprint import Change
from aegisdb.fingerprint.keys import parse
from aegisdb.models.generated_columns import columns_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from aegisdb.fingerprint import Fingerprint

_TYPES = ("type ", "domain ")
_CODE = ("function ", "procedure ", "trigger ", "rule ", "policy ", "view ", "materialized view ")
"""What may name a type in a text that PostgreSQL does not look into, so without its schema."""


def types_without_model(own: Fingerprint, declared: Collection[str]) -> list[str]:
    """Keys of a service's own types that its models do not have (`declared`: "schema.name" of those that they have)."""
    return [key for key in own.facts if key.startswith(_TYPES) and parse(key).qualified not in declared]


def types_that_go(candidates: Iterable[str], own: Fingerprint, after: Fingerprint) -> Iterator[Change]:
    """The types that columns of `own` had at head which are gone, and that nothing names `after` the upgrade.

    `after` is the whole schema, as any service's column may be of the type.
    """
    gone = [text for key, text in own.facts.items() if key.startswith("column ") and after.facts.get(key) != text]
    for key in candidates:
        identity = key.partition(" ")[2]
        named = re.compile(rf'(?<![\w".]){re.escape(identity)}(?![\w"])')
        bare = re.compile(rf"(?<!\w){re.escape(parse(key).name)}(?!\w)")
        used = any(_names(named, bare, *one) for one in _others(key, identity, after))
        if key in after.facts and not used and any(map(named.search, gone)):
            yield Change(kind="removed", object=key, before=own.facts[key])


def of_table_that_goes(key: str, own: Fingerprint, after: Fingerprint) -> bool:
    """Whether a table that goes has the type: Alembic makes the type again with it, but not with a column alone."""
    tables = (table for table, *_ in columns_of(key.partition(" ")[2], own))
    return any(f"table {table}" not in after.facts for table in tables)


def _others(key: str, identity: str, schema: Fingerprint) -> Iterator[tuple[str, str]]:
    """What is not the type itself, nor on it."""
    for other, facts in schema.facts.items():
        if other != key and not other.endswith(f" on {key}") and schema.relations.get(other) != identity:
            yield other, facts


def _names(named: re.Pattern[str], bare: re.Pattern[str], key: str, facts: str) -> bool:
    if named.search(facts) or named.search(key):
        return True
    return key.startswith(_CODE) and bare.search(facts) is not None
