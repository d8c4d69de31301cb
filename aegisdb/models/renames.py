"""Renames of tables and columns: what a model that went and a model that came have in common."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aegisdb.errors import UsageError
from aegisdb.fingerprint.keys import relation_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from aegisdb.fingerprint import Change, Fingerprint


@dataclass(frozen=True)
class Rename:
    """A rename; `column` is empty for a table."""

    schema: str
    table: str
    column: str
    to: str

    @property
    def old(self) -> str:
        """The old name as `--rename` takes it."""
        return f"{self.table}.{self.column}" if self.column else self.table

    def __str__(self) -> str:
        """The rename as `--rename` takes it."""
        return f"{self.old}={self.to}"

    def step(self, *, back: bool = False) -> Mapping[str, str | None]:
        """The step of a revision; `back` undoes it."""
        schema = None if self.schema == "public" else self.schema
        if self.column:
            was, to = (self.to, self.column) if back else (self.column, self.to)
            return {"schema": schema, "table": self.table, "column": was, "to": to}
        was, to = (self.to, self.table) if back else (self.table, self.to)
        return {"schema": schema, "table": was, "column": None, "to": to}


def wanted(texts: Sequence[str], changes: Iterable[Change]) -> tuple[Rename, ...]:
    """The renames that `--rename old=new` says.

    Raises:
        UsageError: it is not written so, or nothing of that name went or came.
    """
    possible = {str(rename): rename for rename in _pairs(list(changes))}
    found = []
    for text in texts:
        old, equals, new = (part.strip() for part in text.partition("="))
        rename = possible.get(f"{old}={new.rpartition('.')[2]}")
        if not equals or rename is None:
            known = ", ".join(possible) or "nothing that went can be what came"
            raise UsageError(f"--rename {text!r} fits no change of the models", hint=f"possible: {known}")
        found.append(rename)
    return tuple(found)


def proposed(head: Fingerprint, models: Fingerprint, changes: Iterable[Change]) -> tuple[Rename, ...]:
    """Renames that look like one: type, place and constraints agree, and nothing else could be meant."""
    pairs = [rename for rename in _pairs(list(changes)) if _agree(rename, head, models)]
    olds, news = [rename.old for rename in pairs], [(r.table if r.column else "", r.to) for r in pairs]
    return tuple(
        rename
        for rename, old, new in zip(pairs, olds, news, strict=True)
        if olds.count(old) == 1 and news.count(new) == 1
    )


def _pairs(changes: list[Change]) -> Iterator[Rename]:
    """Each thing that went with each of its kind that came."""
    gone: dict[str, list[str]] = defaultdict(list)
    come: dict[str, list[str]] = defaultdict(list)
    for change in changes:
        into = {"removed": gone, "added": come}.get(change.kind)
        if into is None:
            continue
        if change.object == f"table {change.relation}":
            into[""].append(change.relation)
        elif change.object.startswith("column "):
            into[change.relation].append(change.object.removeprefix(f"column {change.relation}."))
    for relation, names in gone.items():
        for old in names:
            for new in come[relation]:
                place = relation_name(relation or old)
                if not relation and relation_name(new).schema == place.schema:
                    yield Rename(place.schema, place.name, "", relation_name(new).name)
                elif relation:
                    yield Rename(place.schema, place.name, old.strip('"'), new.strip('"'))


def _agree(rename: Rename, head: Fingerprint, models: Fingerprint) -> bool:
    old, new = (
        _columns(rename.schema, rename.table, head),
        _columns(rename.schema, rename.table if rename.column else rename.to, models),
    )
    if rename.column:
        names = [column for column, _ in old], [column for column, _ in new]
        same_place = names[0].index(rename.column) == names[1].index(rename.to)
        return same_place and dict(old)[rename.column] == dict(new)[rename.to]
    return old == new


def _columns(schema: str, table: str, found: Fingerprint) -> list[tuple[str, str]]:
    """The columns of a table in their order, each with its facts but for what is named after the table."""
    relation = next((r for r in found.relations.values() if relation_name(r)[1:] == (schema, table)), "")
    order = [name.strip('"') for name in found.facts.get(f"column order {relation}", "").split(", ")]
    facts = {
        key.removeprefix(f"column {relation}.").strip('"'): "; ".join(
            part for part in text.split("; ") if not part.startswith(("default nextval(", "not null named "))
        )
        for key, text in found.facts.items()
        if key.startswith(f"column {relation}.")
    }
    return [(name, facts.get(name, "")) for name in order]
