"""A revision changes only what its service owns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.lint.literals import UNKNOWN
from aegisdb.lint.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.lint.effects import Act
    from aegisdb.lint.rule import Complaint, Context, RevisionFile

_BY_NAME = frozenset({"table", "value", "view", "sequence", "type", "domain", "function", "procedure", "aggregate"})
_DOING = {
    "write": "changes rows of",
    "create": "creates something on",
    "add": "changes",
    "alter": "changes",
    "drop": "drops something of",
    "comment": "comments on",
    "grant": "grants on",
    "reindex": "reindexes",
}


def _check(file: RevisionFile, context: Context) -> Iterator[Complaint]:
    for step in (*file.upgrade, *file.downgrade):
        for act in step.acts:
            if complaint := _complaint(file, context, act):
                yield step.line, *complaint


def _complaint(file: RevisionFile, context: Context, act: Act) -> tuple[str, str] | None:
    name = act.table or (act.name if act.kind in _BY_NAME else "")
    if not name or UNKNOWN in name or act.temporary:
        return None
    if name.rpartition(".")[2] in context.version_tables:
        return f"it writes into Alembic's version table {name}", "leave version tables to Alembic"
    owner = _owner(context, file.service, name)
    if owner == file.service or (not owner and not act.table):
        return None
    verb = f"{act.verb}s" if act.kind == "table" and act.verb in {"create", "drop"} else _DOING[act.verb]
    if owner:
        return f"it {verb} {name}, which {owner} owns", f"move it into a revision of {owner}"
    return (
        f"it {verb} {name}, which {file.service} does not own",
        f"add it to `owns` of {file.service} in services.yaml, if it is its own",
    )


def _owner(context: Context, service: str, name: str) -> str:
    # without a schema, a name is looked for in the service's own
    if context.registry.services[service].schema and "." not in name:
        return service
    if name not in context.owners:
        context.owners[name] = context.registry.owners.of_table(name)
    return context.owners[name]


RULE = Rule(
    id="foreign-object",
    summary="A revision changes only objects that its service owns.",
    fix="move it into a revision of the owner",
    check=_check,
)
