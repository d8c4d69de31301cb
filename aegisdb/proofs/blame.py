"""Whose objects a step names that failed: it left nothing to compare, so its text is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb import python_source
from aegisdb.lint.literals import UNKNOWN
from aegisdb.lint.steps import steps
from aegisdb.ownership import NOBODY
from aegisdb.postgres.quoting import quote_ident
from aegisdb.proofs.revision_proof import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.lint.effects import Act
    from aegisdb.ownership import Owners
    from aegisdb.revisions.parse import Revision
    from aegisdb.runtime.step_results import Direction

_RELATIONS = frozenset({"table", "view"})


def foreign_acts(revision: Revision, direction: Direction, owners: Owners, service: str) -> tuple[Finding, ...]:
    """Objects of other owners that this step would change, each once."""
    return tuple(dict.fromkeys(_found(revision, direction, owners, service)))


def _found(revision: Revision, direction: Direction, owners: Owners, service: str) -> Iterator[Finding]:
    for step in steps(python_source.parse(revision.source), direction):
        for act in step.acts:
            name = act.table or (act.name if act.kind in _RELATIONS else "")
            if name and UNKNOWN not in name and not act.temporary:
                relation = _qualified(name, owners.schema_of(service))
                owner = owners.owner_of(f"table {relation}", relation)
                if owner not in {service, NOBODY}:
                    yield Finding(
                        code="foreign_object", object=f"table {relation}", owner=owner, detail=_words(act, name)
                    )


def _words(act: Act, name: str) -> str:
    what = act.kind if act.kind in _RELATIONS else f"{act.kind} of"
    return f"{act.verb} {what} {name}"


def _qualified(name: str, schema: str) -> str:
    parts = name.split(".") if "." in name else [schema, name]
    return ".".join(map(quote_ident, parts))
