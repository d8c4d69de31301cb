"""What is told of models that differ, that no service owns, or that could not be compared."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from aegisdb.errors import Problem
from aegisdb.runtime.usual_traps import of_models

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.fingerprint import Change
    from aegisdb.models.results import LostModel, ModelsCompared, OtherKind
    from aegisdb.registry.types import Registry

_NO_LITERAL = re.compile(
    r"""renderer is available for literal value "?(?P<value>'[^'"]*')"? with datatype (?P<type>\w+)"""
)
"""SQLAlchemy 2 on Index("i", func.to_tsvector("english", column)), which SQLAlchemy 1.4 took."""
_DIFFER = "models and histories differ: "


def models_problems(registry: Registry, service: str, found: ModelsCompared) -> Iterator[Problem]:
    """One problem for each difference, each model that is lost, and each that PostgreSQL does not take."""
    yield from (lost_problem(registry, service, model) for model in found.lost)
    yield from (_other_kind_problem(registry, service, model) for model in found.others)
    for table, reason in found.not_built.items():
        yield Problem(
            code="not_compared",
            message=f"{service}: {f'table {table}' if table else 'a type'} of the models was not compared:"
            f" it cannot be built: {reason}",
            where=table,
            hint=_way_to_build(reason, _schema(registry, service)),
        )
    if found.plugins_failed:
        yield Problem(
            code="not_compared",
            message=f"{service}: what is declared to plugins of autogenerate was not compared: {found.plugins_failed}",
            where=service,
            hint="`alembic check` shows where the plugin fails",
        )
    hint = f'invoke migrate.new --service {service} -m "..."'
    for operation in found.plugins:
        said = f"a plugin of autogenerate would write: {operation}"
        yield Problem(code="models", message=f"{service}: {_DIFFER}{said}", where=service, hint=hint)
    for change in found.changes:
        yield Problem(code="models", message=f"{service}: {_DIFFER}{words(change)}", where=change.object, hint=hint)


def _schema(registry: Registry, service: str) -> str | None:
    return registry.services[service].schema


def _way_to_build(reason: str, schema: str | None) -> str:
    if found := _NO_LITERAL.search(reason):
        return f'SQLAlchemy cannot write a {found["type"]} into DDL: give it as sa.text("{found["value"]}")'
    if hint := of_models(reason, schema):
        return hint
    return "fix the model, or let env.py's include_object leave the table out"


def told(registry: Registry, service: str, found: ModelsCompared) -> tuple[str, ...]:
    """Tell the differences in words, one line each, without the service's name and without what to do."""
    lines = [problem.message.removeprefix(f"{service}: ") for problem in models_problems(registry, service, found)]
    return tuple(line.removeprefix(_DIFFER) for line in lines)


def lost_problem(registry: Registry, service: str, model: LostModel) -> Problem:
    """The problem of one model that no revision can be written for."""
    what = "view" if model.view else "table"
    if model.view:
        why = "no revision makes it"
        hint = f'write CREATE VIEW by hand: invoke migrate.new --service {service} --empty -m "..."'
    elif model.owner:
        why = "env.py keeps it from Alembic, and no revision makes it"
        hint = f"let include_object in env.py of {service} pass {model.name}"
    else:
        why = "no service owns it"
        hint = f"add `{model.name}` to services.{service}.owns in {registry.path.name} (migrate.new --owns does)"
    return Problem(
        code="unowned_model",
        message=f"{service}: {why}: {what} {_named(model)} of the models",
        where=_place(registry, model),
        hint=hint,
    )


def _other_kind_problem(registry: Registry, service: str, model: OtherKind) -> Problem:
    """The problem of a model under whose name the histories have something else."""
    leave_out = f"let include_object in env.py of {service} leave it out"
    if model.kind.startswith("table"):
        hint = "take `is_view` out of its info, or make it a view in a revision"
    elif model.kind.endswith("view"):
        hint = f"""say so: `__table_args__ = {{"info": {{"is_view": True}}}}` (of a Table: `info=`), or {leave_out}"""
    elif model.kind.startswith(("partition", "foreign")):
        hint = leave_out
    else:
        hint = "give its table another name: PostgreSQL keeps one of that name for all kinds"
    said = "view" if model.kind.startswith("table") else "table"
    article = "an" if model.kind[0] in "ei" else "a"
    return Problem(
        code="other_kind",
        message=f"{service}: {said} {_named(model)} of the models is {article} {model.kind} in the histories",
        where=_place(registry, model),
        hint=hint,
    )


def _named(model: LostModel | OtherKind) -> str:
    return f"{model.table} (class {model.cls})" if model.cls else model.table


def _place(registry: Registry, model: LostModel | OtherKind) -> str:
    file = Path(model.file) if model.file else None
    shown = str(file.relative_to(registry.root)) if file and file.is_relative_to(registry.root) else model.file
    return shown or model.table


def words(change: Change) -> str:
    """A difference as a person says it; the object comes first."""
    if change.kind == "added":
        return f"{change.object} is in the models and in no revision: {change.after}".removesuffix(": ")
    if change.kind == "removed":
        return f"{change.object} is made by revisions and in no model: {change.before}".removesuffix(": ")
    gone, come = change.sides()
    return f"{change.object}: the revisions make it {gone}, the models {come}"
