"""The statements of an offline run as text that psql runs: values are literals, and what is no literal is refused.

SQLAlchemy writes NULL for a parameter whose value it was not given, Alembic drops the values of `execute()` and turns
tabs into spaces. Each of them is another script than the upgrade.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from . import session_state
from .error_report import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_QUOTED = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | \$(\w*)\$.*?\$\1\$ | --[^\n]* | /\*.*?\*/""", re.DOTALL | re.VERBOSE
)
_PARAMETER = re.compile(r"(?<![:\w\\]):(\w+)(?!:)")
_PERCENT = re.compile("%%")
_DOUBLING = ("psycopg", "psycopg2")
"""Drivers whose texts have a percent sign doubled."""


def unrendered(what: str) -> Refusal:
    """The refusal of a statement with a value that has no literal."""
    return Refusal(
        "unrendered",
        f"it has values that cannot be rendered: {what}",
        "run it with `invoke migrate.apply`, or write the value into the statement",
    )


class Script:
    """Writes the statements of one offline run through Alembic's `impl`, in place of its `_exec`."""

    def __init__(self, impl: Any, driver: str, version_table: Any = None, schema: str = "") -> None:
        self._boundary = session_state.Boundary(impl, version_table, schema)
        self._impl = impl
        self._driver = driver
        self._given: Mapping[str, Any] = {}
        self.refused: Refusal | None = None
        """Why there is no script, also where a revision caught it and went on."""
        dialect = impl.dialect
        dialect._backslash_escapes = False  # noqa: SLF001  older SQLAlchemy doubles them until a server was asked
        dialect.statement_compiler = _compiler(dialect.statement_compiler, self._value)
        impl._exec = self._alembic  # noqa: SLF001  the one way by which Alembic writes

    def refuse(self, refusal: Refusal) -> Refusal:
        """Remember that there can be no script, and give back the reason to raise."""
        self.refused = self.refused or refusal
        return refusal

    def execute(self, statement: Any, rows: Sequence[Mapping[str, Any]] = ()) -> None:
        """Write the statement, once for each row of values."""
        self._boundary.see(statement)
        for row in rows or ({},):
            try:
                self._write(self._text(statement, row))
            except Refusal as refusal:
                self.refuse(refusal)
                raise

    def driver_sql(self, statement: str, parameters: Any) -> None:
        """Write what goes past SQLAlchemy to the driver."""
        if parameters:
            raise self.refuse(unrendered("parameters of exec_driver_sql()"))
        self._write(_PERCENT.sub("%", statement) if self._driver in _DOUBLING else statement)

    def _alembic(self, construct: Any, *_: Any, **__: Any) -> None:
        self.execute(construct)

    def _write(self, text: str) -> None:
        end = self._impl.command_terminator
        # behind a comment the semicolon would belong to it
        newline = "\n" if "--" in text.rpartition("\n")[2] else ""
        self._boundary.read(text)
        self._impl.static_output(text.strip() + newline + end)

    def _text(self, statement: Any, row: Mapping[str, Any]) -> str:
        from sqlalchemy import exc, text
        from sqlalchemy.schema import DDLElement

        construct = text(statement) if isinstance(statement, str) else statement
        try:
            if isinstance(construct, DDLElement):
                self._given = {}
                return str(construct.compile(dialect=self._impl.dialect))
            return self._with_values(construct, row)
        except exc.CompileError as error:
            raise unrendered(str(error).split("\n", 1)[0]) from error

    def _with_values(self, construct: Any, row: Mapping[str, Any]) -> str:
        if getattr(construct, "is_insert", False):
            construct = construct.inline()  # nobody waits for the key
        compiled = self._compile(construct, row)
        columns = _defaults(compiled)
        if columns:
            row = {**{column.key: _default(column, compiled) for column in columns}, **row}
            compiled = self._compile(construct, row)
            if any(column.key not in row for column in _defaults(compiled)):
                raise unrendered("defaults of Python in an insert of several rows")
        return str(compiled)

    def _compile(self, construct: Any, row: Mapping[str, Any]) -> Any:
        self._given = row
        changes = getattr(construct, "is_insert", False) or getattr(construct, "is_update", False)
        options: dict[str, Any] = {"column_keys": list(row)} if changes else {}
        return construct.compile(dialect=self._impl.dialect, compile_kwargs={"literal_binds": True}, **options)

    def _value(self, bind: Any) -> Any:
        """The value of a parameter.

        Raises:
            Refusal: `unrendered`: nobody gave it one.
        """
        if bind.key in self._given:
            return self._given[bind.key]
        if bind.required:
            raise unrendered(f"nothing is given for :{bind.key}")
        return bind.effective_value


def _compiler(base: Any, value_of: Any) -> Any:
    class Compiler(base):  # type: ignore[misc]
        """The dialect's own, with values that were given apart from the statement."""

        def visit_textclause(self, textclause: Any, *args: Any, **kw: Any) -> Any:
            """Leave a colon inside of quotes and comments alone: no driver sends a value there."""
            words = _words(textclause.text) - _words(_QUOTED.sub("", textclause.text))
            kept: frozenset[str] = getattr(self, "_kept", frozenset())
            self._kept = words
            try:
                return super().visit_textclause(textclause, *args, **kw)
            finally:
                self._kept = kept

        def render_literal_bindparam(self, bindparam: Any, *args: Any, **kw: Any) -> Any:
            """Render the value, or the word as it was written."""
            if bindparam.key in getattr(self, "_kept", ()):
                return f":{bindparam.key}"
            if args or "render_literal_value" in kw:
                return super().render_literal_bindparam(bindparam, *args, **kw)
            value = value_of(bindparam)
            if value is None and not bindparam.type.should_evaluate_none:
                return "NULL"
            if bindparam.type._isnull:  # noqa: SLF001  a text's parameters have no type, their values have
                bindparam = _typed(bindparam, value)
            return super().render_literal_bindparam(bindparam, render_literal_value=value, **kw)

        def render_literal_value(self, value: Any, type_: Any) -> Any:
            """Render what SQLAlchemy has no literal for and PostgreSQL has."""
            plain = _plain(value, type_, self.dialect)
            return super().render_literal_value(value, type_) if plain is None else plain

    return Compiler


def _words(text: str) -> frozenset[str]:
    return frozenset(_PARAMETER.findall(text))


def _typed(bind: Any, value: Any) -> Any:
    from sqlalchemy import bindparam

    sample = value[0] if bind.expanding and value else value
    return bindparam(bind.key, None, type_=bindparam("x", sample).type, expanding=bind.expanding)


def _plain(value: Any, type_: Any, dialect: Any) -> str | None:
    from sqlalchemy.types import ARRAY, JSON, LargeBinary

    kind = type_.dialect_impl(dialect)
    if isinstance(value, (bytes, bytearray, memoryview)) and (isinstance(kind, LargeBinary) or kind._isnull):  # noqa: SLF001
        return f"'\\x{bytes(value).hex()}'::bytea"
    if isinstance(kind, ARRAY) and isinstance(value, (list, tuple)) and not value:
        return f"'{{}}'::{type_.compile(dialect=dialect)}"
    if isinstance(kind, JSON):  # None is a value of it, unless `none_as_null`, which came out as NULL before
        cast = "jsonb" if "JSONB" in type(kind).__name__.upper() else "json"
        dumps = getattr(dialect, "_json_serializer", None) or json.dumps
        quoted = dumps(value).replace("'", "''")
        return f"'{quoted}'::{cast}"
    return None


def _defaults(compiled: Any) -> tuple[Any, ...]:
    """Columns for which SQLAlchemy would ask Python when it runs the statement."""
    return (*(getattr(compiled, "insert_prefetch", None) or ()), *(getattr(compiled, "update_prefetch", None) or ()))


def _default(column: Any, compiled: Any) -> Any:
    default = column.default if compiled.isinsert else column.onupdate
    if default is not None and default.is_scalar:
        return default.arg
    if default is None or not default.is_callable:
        raise unrendered(f"the default of column {column.name}")
    try:
        return default.arg(None)
    except Exception as error:  # a default of a service may do anything
        raise unrendered(f"the default of column {column.name}") from error
