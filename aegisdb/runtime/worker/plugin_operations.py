"""What plugins of autogenerate would write: objects that env.py declares to them, and that no table of the models has.

A plugin is whatever registers a comparator with Alembic that is not Alembic's own: alembic_utils does for functions,
views and triggers, alembic-postgresql-enum for the values of types.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alembic.autogenerate import compare
from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from sqlalchemy.exc import DBAPIError

from . import revision_files
from .error_report import describe
from .own_objects import is_drop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .autogenerate_filter import Filter
    from .channel import Message

_ALEMBIC = ("alembic.", "aegisdb.")

_BARE = (ops.MigrateOperation, ops.OpContainer, ops.ExecuteSQLOp)
"""What Alembic has for operations that are about no table."""


def of_plugins(migration: Any, filter_: Filter) -> Message:
    """The modules of the plugins, the operations that these would write here, and why they could not be asked.

    Each operation has its words, schema and name of what it touches, and whether it is a drop. Left out are those on
    tables of others, and those of Alembic's own: the models are built to compare these.
    """
    context = AutogenContext(migration)
    modules = sorted({*_modules(context)})
    answer: Message = {"modules": modules, "operations": [], "failed": ""}
    if modules:
        try:
            answer["operations"] = [*_operations(context, migration, filter_)]
        except Exception as error:  # noqa: BLE001  a plugin may raise anything
            answer["failed"] = describe(error, kind="environment")["message"]
    return answer


def _modules(context: Any) -> Iterator[str]:
    # before Alembic 1.18 all of them were in one place, and without the group that they have since
    every = getattr(context, "comparators", None) or compare.comparators
    for found in every._registry.values():  # noqa: SLF001  there is no public name for it
        for comparator in found:
            function = comparator[0] if isinstance(comparator, tuple) else comparator
            module = str(getattr(function, "__module__", ""))
            if not module.startswith(_ALEMBIC):
                yield module


def _operations(context: Any, migration: Any, filter_: Filter) -> Iterator[Message]:
    proposed = ops.UpgradeOps([])
    filter_.look_at(migration.connection)
    compare_defaults_safely(migration)
    with migration.connection.begin_nested() as aside:
        with filter_.by_name(migration.connection):
            compare._produce_net_changes(context, proposed)  # noqa: SLF001  `produce_migrations` would reverse them, too
        aside.rollback()  # plugins try what they declare
    for operation in revision_files.leaves(proposed):
        if _is_a_plugin_s(operation) and is_of_own_table(operation, filter_) is not False:
            names = [list(name) for name in foreign_names(operation)]
            yield {"words": revision_files.words(operation), "names": names, "drop": is_drop(operation)}


def _is_a_plugin_s(operation: Any) -> bool:
    # geoalchemy2 and others have classes of their own for columns and indexes, which are tables' all the same
    kinds = [kind for kind in type(operation).__mro__ if kind.__module__.startswith("alembic.operations")]
    return all(kind in _BARE for kind in kinds)


def is_of_own_table(operation: Any, filter_: Filter | None) -> bool | None:
    """Whether an operation is about a table that the service owns; None where it is about no table."""
    table = getattr(operation, "table_name", None) or getattr(operation, "source_table", None)
    if not table:
        return None
    schema = getattr(operation, "schema", None) or getattr(operation, "source_schema", None)
    return filter_ is None or filter_.owns(str(table), schema)


def foreign_names(operation: Any) -> Iterator[tuple[str, str]]:
    """Schema and name of what an operation that is about no table touches."""
    if type(operation).__module__.startswith("alembic.operations"):
        return
    if found := revision_files.subject(operation):
        schema, name = found
        yield str(schema or "public"), name.partition("(")[0].strip().strip('"')


def compare_defaults_safely(migration: Any) -> None:
    """Take a default for the same where the server cannot compare it: Alembic asks it by a text that it does not quote.

    The engine compares defaults as the server keeps them, so what differs is found all the same.
    """
    compare = migration.impl.compare_server_default

    def compared(*given: Any) -> Any:
        try:
            with migration.connection.begin_nested():
                return compare(*given)
        except DBAPIError:
            return False

    migration.impl.compare_server_default = compared
