"""A stand-in for the connection while SQL is only rendered: it notices a revision that wants to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import inspection

from .error_report import Refusal
from .script import Script, unrendered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .channel import Message

# `named` keeps % and : in the SQL as they are; no driver is needed, and no connection is used
OPTIONS = {
    "connection": None,
    "url": None,
    "dialect_name": "postgresql",
    "dialect_opts": {"paramstyle": "named"},
    "literal_binds": True,
}
"""Options of Alembic's `configure` with which SQL is only rendered."""


def take(context: Any, opening: Message) -> Script:
    """Put the stand-in in the place of the connection of this MigrationContext; returns where it writes."""
    driver = opening["url"].partition(":")[0].partition("+")[2]
    table = context._version  # noqa: SLF001  no other name for its table
    script = Script(context.impl, driver, table, opening["schema"] or "")
    stand_in: Any = OfflineConnection(context.connection, script)
    context.connection = context.impl.connection = stand_in
    return script


def reads_data(script: Script) -> Refusal:
    """The refusal of a revision whose SQL depends on what is in the database."""
    refusal = Refusal(
        "reads_data",
        "it reads the database, cannot be rendered offline",
        "run it with `invoke migrate.apply`",
    )
    return script.refuse(refusal)


class _NoRows:
    """Result of a statement that was written down, not run: any use of it is a read."""

    def __init__(self, script: Script) -> None:
        self._script = script

    def __getattr__(self, name: str) -> Any:
        raise reads_data(self._script)

    def __iter__(self) -> Any:
        raise reads_data(self._script)

    def __next__(self) -> Any:
        raise reads_data(self._script)

    def __getitem__(self, place: object) -> Any:
        raise reads_data(self._script)

    def __len__(self) -> int:
        raise reads_data(self._script)

    def __bool__(self) -> bool:
        raise reads_data(self._script)


class OfflineConnection:
    """Alembic's mock connection, with values as literals and results that refuse to be read."""

    def __init__(self, mock: Any, script: Script) -> None:
        self._mock = mock
        self._script = script
        self.dialect = mock.dialect
        self.engine = self
        self.name = mock.dialect.name

    def execute(self, statement: Any, *given: Any, **values: Any) -> _NoRows:
        """Write the statement down, with the values that go with it."""
        values.pop("execution_options", None)
        try:
            rows = _rows(given, values)
        except Refusal as refusal:
            raise self._script.refuse(refusal) from None
        self._script.execute(statement, rows)
        return _NoRows(self._script)

    def exec_driver_sql(self, statement: str, parameters: Any = None, **_: Any) -> _NoRows:
        """Write down what is the driver's."""
        self._script.driver_sql(statement, parameters)
        return _NoRows(self._script)

    def connect(self, **kwargs: Any) -> OfflineConnection:
        """Itself: nothing is opened."""
        del kwargs
        return self

    def execution_options(self, **kwargs: Any) -> OfflineConnection:
        """Itself: nothing is run."""
        del kwargs
        return self

    def _run_ddl_visitor(self, *args: Any, **kwargs: Any) -> None:
        self._mock._run_ddl_visitor(*args, **kwargs)  # noqa: SLF001  SQLAlchemy's own protocol between schema items and a bind

    def __getattr__(self, name: str) -> Any:
        if name == "in_transaction":
            raise AttributeError(name)  # Alembic opens no transaction for a batch where its own mock has none
        # scalar(), begin(), inspect(): whatever else a real connection has
        raise reads_data(self._script)


@inspection._inspects(OfflineConnection)  # noqa: SLF001  how SQLAlchemy's own connections say what inspects them
def _inspected(connection: OfflineConnection) -> Any:
    raise reads_data(connection._script)  # noqa: SLF001  of this module


def _rows(given: tuple[Any, ...], values: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The values of `execute()`: a mapping, a list of them, or, as of old, several and by keyword."""
    if "parameters" in values:
        given, values = (values["parameters"],), {}
    rows: list[Any] = []
    for each in given:
        rows.extend(each if isinstance(each, (list, tuple)) else [each] if each else [])
    if values:
        rows.append(values)
    if any(not hasattr(row, "keys") for row in rows):
        raise unrendered("parameters without names")
    return rows
