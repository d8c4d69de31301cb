"""What a new revision is to do: autogenerate's operations that are about own objects, and statements of the engine's.

A proposal is tried on a scratch database, up and down, before it is written: what is missing then the engine adds.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from alembic.autogenerate import renderers
from alembic.operations import Operations, ops

from . import revision_files
from .error_report import describe
from .model_build import named_types
from .own_objects import OwnObjects, is_drop
from .plugin_operations import compare_defaults_safely, foreign_names, is_of_own_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .autogenerate_filter import Filter
    from .channel import Message

_COLON = re.compile(r"(?<![:\w\\]):(?=\w)")
_NO_CAST = "42804"
_HARMLESS = frozenset({"DropIndexOp", "DropConstraintOp", "DropTableCommentOp"})
"""Operations of Alembic's that begin like a drop and lose no data."""


class Proposal:
    """A proposal of autogenerate, from the comparison to the file."""

    def __init__(self, context: Any, objects: Message) -> None:
        self._context = context
        self._objects = OwnObjects(objects)
        self._changed = {tuple(name) for name in objects["changed"]}
        self._later = {tuple(name) for name in objects.get("later", ())}
        self._filter: Filter | None = None

    def look(self, heads: Any, migration: Any, filter_: Filter, first: Iterable[Message]) -> Message:
        """Run autogenerate behind these steps; answer with what is left of it and whether data is lost."""
        self._filter = filter_
        compare_defaults_safely(migration)
        with migration.connection.begin_nested() as aside:
            _invoke(migration, map(_operation, first))
            with filter_.by_name(migration.connection):
                self._context.run_autogenerate(heads, migration)
            aside.rollback()  # what came first is for the comparison alone
        _render_signs_once(migration.impl)
        for script in self._scripts():
            for container in (*script.upgrade_ops_list, *script.downgrade_ops_list):
                done = None if container in script.upgrade_ops_list else {*self._touched("upgrade_ops_list")}
                _leave_out(container, partial(self._is_unwanted, done=done))
                for operation in revision_files.leaves(container):
                    _name(operation)
                    _without_extras(operation)
                _leave_out(container, self._is_later)
        found = [*self._leaves("upgrade_ops_list")]
        return {
            "operations": [revision_files.words(operation) for operation in found],
            "drops": [revision_files.words(operation) for operation in found if self._loses(operation)],
            "types": [*self._made_types(found, migration)],
            "touched": [*map(list, self._touched("upgrade_ops_list"))],
        }

    def attempt(self, migration: Any, request: Message) -> None:
        """Do one direction of it on the scratch database, between the steps of the request."""
        direction = f"{request['direction']}_ops_list"
        try:
            with migration.connection.begin_nested():
                self._do(migration, request, direction)
        except Exception as error:
            if describe(error, kind="").get("sqlstate") != _NO_CAST or not request["operations"]:
                raise
            for script in self._scripts():
                for container in getattr(script, direction):
                    _cast(container, migration)
            self._do(migration, request, direction)

    def _do(self, migration: Any, request: Message, direction: str) -> None:
        leaves = self._leaves(direction) if request["operations"] else ()
        _invoke(migration, [*map(_operation, request["first"]), *leaves, *map(_operation, request["then"])])

    def write(self, request: Message) -> str:
        """Write the file, with the engine's steps around the operations."""
        for script in self._scripts():
            for direction, container in (("up", script.upgrade_ops), ("down", script.downgrade_ops)):
                steps = request[direction]
                container.ops[:0] = map(_operation, steps["first"])
                container.ops += map(_operation, steps["then"])
        return revision_files.write(self._context, request)

    def _scripts(self) -> list[Any]:
        return [script for script in self._context.generated_revisions if script.upgrade_ops is not None]

    def _leaves(self, name: str) -> Iterator[Any]:
        for script in self._scripts():
            for container in getattr(script, name):
                yield from revision_files.leaves(container)

    def _touched(self, name: str) -> Iterator[tuple[str, str]]:
        return (touched for operation in self._leaves(name) for touched in foreign_names(operation))

    def _is_unwanted(self, operation: Any, done: set[tuple[str, str]] | None) -> bool:
        """Whether it is about objects of others, whichever class an extension of Alembic gave it, or a ghost.

        `done` is what the upgrade touches: a downgrade makes nothing that was not dropped.
        """
        names = {*foreign_names(operation)}
        if done is not None and names and not names & done:
            return True
        return not self._is_own(operation) or self._is_ghost(operation)

    def _is_own(self, operation: Any) -> bool:
        if (own := is_of_own_table(operation, self._filter)) is not None:
            return own
        return self._objects.may(foreign_names(operation), drop=is_drop(operation))

    def _is_ghost(self, operation: Any) -> bool:
        """Whether it changes nothing: autogenerate compares texts, and some never agree with what the server keeps.

        Examples are Float(24), which is kept as REAL, and an index with COLLATE. Where it is no ghost after all, the
        trial misses it, and the engine writes a statement for it.
        """
        if isinstance(operation, ops.CreateTableOp | ops.DropTableOp):
            return False
        table = getattr(operation, "table_name", None) or getattr(operation, "source_table", None)
        if not table:
            return False
        what = (str(table), "")
        if isinstance(operation, ops.AlterColumnOp):
            what = (str(table), str(operation.column_name))
        elif isinstance(operation, ops.CreateIndexOp | ops.DropIndexOp):
            what = ("", str(operation.index_name))
        return what not in self._changed

    def _is_later(self, operation: Any) -> bool:
        """Whether revisions behind this one do it."""
        if isinstance(operation, ops.CreateTableOp | ops.DropTableOp):
            return False
        table = str(getattr(operation, "table_name", None) or getattr(operation, "source_table", None) or "")
        column = getattr(operation, "column_name", None) or getattr(getattr(operation, "column", None), "name", None)
        return bool(
            {
                ("column", table, str(column)),
                ("constraint", table, str(getattr(operation, "constraint_name", None))),
                ("index", "", str(getattr(operation, "index_name", None))),
            }
            & self._later
        )

    def _loses(self, operation: Any) -> bool:
        return is_drop(operation) and type(operation).__name__ not in _HARMLESS

    def _made_types(self, found: list[Any], migration: Any) -> Iterator[str]:
        """Names of the types that CREATE TABLE makes by itself."""
        for operation in found:
            if isinstance(operation, ops.CreateTableOp):
                for column in operation.to_table().columns:
                    for kind in named_types(column.type, migration.connection.dialect):
                        yield str(kind.name)


def _leave_out(container: Any, unwanted: Callable[[Any], bool]) -> None:
    """Take operations out of a container and of those in it."""
    kept = []
    for operation in container.ops:
        if hasattr(operation, "ops"):
            _leave_out(operation, unwanted)
            if operation.ops:
                kept.append(operation)
        elif not unwanted(operation):
            kept.append(operation)
    container.ops[:] = kept


def _render_signs_once(impl: Any) -> None:
    """Render `%` as the models have it: Alembic doubles it for the driver, and the file's text is doubled once more."""
    render = impl.render_ddl_sql_expr
    if impl.dialect.paramstyle in {"format", "pyformat"}:
        impl.render_ddl_sql_expr = lambda *given, **more: render(*given, **more).replace("%%", "%")


def _name(operation: Any) -> None:
    """Name a constraint that the models leave to the server as the server does: by its name it is dropped again."""
    if getattr(operation, "constraint_name", "named") is not None:
        return
    made = getattr(operation, "_reverse", None) or operation
    if isinstance(made, ops.CreateUniqueConstraintOp):
        table, columns, end = made.table_name, made.columns, "key"
    elif isinstance(made, ops.CreateForeignKeyOp):
        table, columns, end = made.source_table, made.local_cols, "fkey"
    else:
        return
    operation.constraint_name = "_".join([table, *(str(getattr(one, "name", one)) for one in columns), end])


def _without_extras(operation: Any) -> None:
    """Add a column as the file will: its index and its key are operations of their own, which Alembic adds, too."""
    column = operation.column if isinstance(operation, ops.AddColumnOp) else None
    if column is not None and (column.index or column.unique):
        operation.column = column._copy()  # noqa: SLF001  as Alembic does it
        operation.column.index = operation.column.unique = None


def _cast(container: Any, migration: Any) -> None:
    """Say how a column's values become others where PostgreSQL does not by itself; Alembic renders no USING."""
    done = []
    for operation in container.ops:
        if hasattr(operation, "ops"):
            _cast(operation, migration)
        elif isinstance(operation, ops.AlterColumnOp) and operation.modify_type is not None:
            preparer = migration.connection.dialect.identifier_preparer
            table = ".".join(map(preparer.quote, filter(None, (operation.schema, operation.table_name))))
            column = preparer.quote(operation.column_name)
            dialect = migration.connection.dialect
            kind = operation.modify_type.compile(dialect=dialect)
            # between two enums or domains there is no cast, but one to text and back
            both = operation.existing_type is not None and all(
                any(named_types(one, dialect)) for one in (operation.existing_type, operation.modify_type)
            )
            by = "::text" if both else ""
            alter = f"ALTER TABLE {table} ALTER COLUMN {column}"
            # a default is cast to the new type by itself or not at all; the engine misses it, and gives it back
            drop = [f"{alter} DROP DEFAULT"] if operation.existing_server_default else []
            texts = (*drop, f"{alter} TYPE {kind} USING {column}{by}::{kind}")
            done += [ops.ExecuteSQLOp(_COLON.sub(r"\\:", sql)) for sql in texts]
            operation.modify_type = None
            if not operation.has_changes():
                continue
        done.append(operation)
    container.ops[:] = done


class _TextOp(ops.ExecuteSQLOp):
    """SQL that is written line by line, as it is in its file."""


@renderers.dispatch_for(_TextOp)
def _render_text(_context: Any, operation: _TextOp) -> str:
    # a string over several lines would be indented with the function around it, and a function's body with it
    lines = str(operation.sqltext).splitlines(keepends=True)
    return "op.execute(\n" + "".join(f"    {line!r}\n" for line in lines) + ")"


def _operation(step: Message) -> Any:
    if "text" in step:
        return _TextOp(_COLON.sub(r"\\:", step["text"]))
    if "sql" in step:
        return ops.ExecuteSQLOp(_COLON.sub(r"\\:", step["sql"]))
    schema, table, column, to = step["schema"], step["table"], step["column"], step["to"]
    if column:
        return ops.AlterColumnOp(table, column, schema=schema, modify_name=to)
    return ops.RenameTableOp(table, to, schema=schema)


def _invoke(migration: Any, operations: Iterable[Any]) -> None:
    invoke: Callable[[Any], Any] = Operations(migration).invoke
    for operation in operations:
        invoke(operation)
