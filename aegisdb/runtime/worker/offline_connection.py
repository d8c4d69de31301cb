"""A stand-in for the connection while SQL is only rendered: it notices a revision that wants to read."""

from __future__ import annotations

from typing import Any

from .error_report import Refusal


def reads_data() -> Refusal:
    """The refusal of a revision whose SQL depends on rows."""
    return Refusal(
        "reads_data",
        "it reads data, cannot be rendered offline",
        "run it with `invoke migrate.apply`",
    )


class _NoRows:
    """Result of a statement that was written down, not run: any use of it is a read."""

    def __getattr__(self, name: str) -> Any:
        raise reads_data()

    def __iter__(self) -> Any:
        raise reads_data()

    def __bool__(self) -> bool:
        raise reads_data()


class OfflineConnection:
    """Alembic's mock connection, with results that refuse to be read."""

    def __init__(self, mock: Any) -> None:
        self._mock = mock
        self.dialect = mock.dialect
        self.engine = self

    def execute(self, statement: Any, *args: Any, **kwargs: Any) -> _NoRows:
        """Write the statement down."""
        self._mock.execute(statement, *args, **kwargs)
        return _NoRows()

    def in_transaction(self) -> bool:
        """Never: Alembic asks before `autocommit_block()`, and writes COMMIT and BEGIN itself."""
        return False

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
        # scalar(), begin(), inspect(): whatever else a real connection has
        raise reads_data()
