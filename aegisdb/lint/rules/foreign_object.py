"""A revision changes only what its service owns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aegisdb.lint.literals import UNKNOWN
from aegisdb.lint.rule import Rule, read_file

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
    if _bare(name) in context.version_tables:
        return f"it writes into Alembic's version table {name}", "leave version tables to Alembic"
    owner = _owner(context, file.service, name) or _owner_of_parent(file, context, name)
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


def _owner_of_parent(file: RevisionFile, context: Context, name: str) -> str:
    """The owner of the table whose partition it is: a partition that no entry names follows its parent."""
    context.resting.add(file.shown)
    history = context.good().get(file.service)
    revisions = (one for one in history.revisions.values() if "partition" in one.source.lower()) if history else ()
    files = [file, *(read_file(context, file.service, one) for one in revisions)]
    steps = (step for one in files for step in (*one.upgrade, *one.downgrade))
    parents = {_bare(act.name): act.parent for step in steps for act in step.acts if act.parent}
    seen: set[str] = set()
    while (bare := _bare(name)) in parents and bare not in seen:
        seen.add(bare)
        name = parents[bare]
        if owner := _owner(context, file.service, name):
            return owner
    return ""


def _bare(name: str) -> str:
    return name.rpartition(".")[2]


RULE = Rule(
    id="foreign-object",
    summary="A revision changes only objects that its service owns.",
    fix="move it into a revision of the owner",
    check=_check,
)
