"""The statements of old code for one table: each is run behind a savepoint, and how it went is noted."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import ARRAY, Enum, false, literal_column, select, type_coerce, types

from . import statements, trial_errors
from .model_build import named_types
from .model_names import place_of
from .trial_errors import attempt
from .trial_rows import Memory, RowMaker
from .trial_values import EDGES, declared, fresh, kind_of, ordinary

if TYPE_CHECKING:
    from .channel import Message

_READ = 1000  # rows of a table
_WRITTEN = 20  # rows of a table that are written again
_DELETED = 5
_LABELS = """SELECT enumlabel::text FROM pg_catalog.pg_enum
WHERE enumtypid = pg_catalog.to_regtype({0}) ORDER BY enumsortorder"""


class TableTrial:
    """The statements that are tried on one table."""

    def __init__(self, connection: Any, table: Any, mapper: Any, memory: Memory, *, first: bool) -> None:
        self._connection = connection
        self._table = table
        self._mapper = mapper
        self._memory = memory
        self._first = first
        self._maker = RowMaker(connection)
        self.place = place_of(table, connection)
        self._name = ".".join(self.place)
        self._written = [c for c in table.columns if c.computed is None and not (c.identity and c.identity.always)]
        self._has_row = False
        self.tried: list[Message] = []

    def run(self) -> None:
        """Try all; each statement leaves the table as it was, but for the row that is made."""
        if (rows := self._read()) and self._first:
            self._memory.rows[self._name] = rows[:_WRITTEN]
        self._write_again(self._memory.rows.get(self._name, []))
        self._read_labels()
        key = self._insert()
        there = key or self._there()
        if not there:
            # the server still says whether it knows the statement, yet nothing of what it would do to a row
            why = trial_errors.NO_ROW if self._table.primary_key.columns else trial_errors.NO_KEY
            self._note("updates", "", "a row", {**why})
        self._has_row = bool(there)
        self._update(there or [false()])
        gone, error = attempt(
            self._connection,
            lambda: self._connection.execute(self._table.delete().where(*(key or [false()]))).rowcount,
        )
        self._note("deletes", "", "", error, gave=_counted(gone) if key and error is None else "")

    def _told(self, does: str, column: str, what: str, make: Any, *given: Any, sure: bool = True) -> None:
        """Run the statement that `make` gives (there, since that may fail, too), and note how it went."""
        _, error = attempt(self._connection, lambda: _fetched(self._connection.execute(make(*given))))
        self._note(does, column, what, error, sure=sure)

    def _run(self, statement: Any) -> tuple[Any, Message | None]:
        return attempt(self._connection, lambda: _fetched(self._connection.execute(statement)))

    def _note(
        self, does: str, column: str, what: str, error: Message | None, *, sure: bool = True, gave: str = ""
    ) -> None:
        sure = sure or error is None or self._is_about_one(error, column, what)
        if error is not None and error["sqlstate"] in trial_errors.ABOUT_VALUES:
            known = self._maker.constraints(self._table).get(error["constraint"])
            error["column"] = known.columns[0] if known is not None and len(known.columns) == 1 else ""
        self.tried.append({"does": does, "column": column, "what": what, "error": error, "sure": sure, "gave": gave})

    def _is_about_one(self, error: Message, column: str, what: str) -> bool:
        """Whether a value that the model itself names is refused, and not only together with others."""
        if error["sqlstate"] not in trial_errors.ABOUT_VALUES:
            return True
        known = self._maker.constraints(self._table).get(error["constraint"])
        if what in EDGES or error["sqlstate"] != trial_errors.CHECK or known is None:
            return False
        return known.columns == (column,)

    # -- reading

    def _read(self) -> list[dict[str, Any]]:
        """Read all columns, one by one where that fails, and return the rows."""
        found, error = attempt(self._connection, lambda: self._rows(self._table.columns))
        rows: list[dict[str, Any]] = found or []
        if error is None:
            self._note_kinds(rows)
        else:
            self._read_each(error)
        if self._mapper is not None:
            self._told("reads", "", "as its class does", lambda: select(self._mapper.class_).limit(_READ))
        return rows

    def _rows(self, columns: Any) -> list[dict[str, Any]]:
        listed = [*columns]
        result = self._connection.execute(select(*listed).select_from(self._table).limit(_READ))
        return [dict(zip((c.name for c in listed), row)) for row in result.fetchall()]  # noqa: B905  Python 3.9

    def _read_each(self, whole: Message) -> None:
        failed = False
        for column in self._table.columns:
            _, error = attempt(self._connection, partial(self._rows, [column]))
            failed = failed or error is not None
            self._note("reads", column.name, "", error)
        self._note("reads", "", "", None if failed else whole)

    def _note_kinds(self, rows: list[dict[str, Any]], what: str = "") -> None:
        for column in self._table.columns:
            kinds = {kind_of(row[column.name]) for row in rows if row.get(column.name) is not None}
            told = "" if isinstance(column.type, types.JSON) else " or ".join(sorted(kinds))
            self._note("reads", column.name, what, None, gave=told)

    def _read_labels(self) -> None:
        """Read values of an enum that the model does not have."""
        for column in self._table.columns:
            for kind in named_types(column.type, self._connection.dialect):
                if not isinstance(kind, Enum) or isinstance(column.type, ARRAY):
                    continue
                name = self._maker.quoted(kind)
                for (label,) in statements.rows(self._connection, _LABELS.format(statements.literal(name))):
                    if label not in kind.enums:
                        value = type_coerce(literal_column(f"{statements.literal(label)}::{name}"), column.type)
                        self._told("reads", column.name, f"value {label!r}", select, value, sure=False)

    # -- rows that were there

    def _write_again(self, rows: list[dict[str, Any]]) -> None:
        """Write what was in these rows into them again, each alone where that fails, and delete some of them."""
        listed = []
        for number, row in enumerate(rows, 1):
            key = self._key({c.name: row[c.name] for c in self._table.primary_key.columns if c.name in row})
            values = {c: row[c.name] for c in self._written if not c.primary_key and c.name in row}
            if key and values:
                listed.append((f"row {number} of those that are there", key, values))
        _, error = attempt(
            self._connection, lambda: [self._connection.execute(self._all_set(key, v)) for _, key, v in listed]
        )
        for what, key, values in listed:
            self._update_together(what, key, values, known=error is None, sure=True)
        for what, key, _ in listed[:_DELETED]:
            self._told("deletes", "", what, self._table.delete().where, *key)

    def _all_set(self, key: list[Any], values: dict[Any, Any]) -> Any:
        return self._table.update().where(*key).values(values).returning(*values)

    def _update_together(
        self, what: str, key: list[Any], values: dict[Any, Any], *, known: bool = False, sure: bool = False
    ) -> None:
        """Set these columns at once, and each alone where that fails; nothing is run where it is `known` to go well."""
        found, error = (None, None) if known else self._run(self._all_set(key, values))
        if error is None or len(values) == 1:
            for place, (column, value) in enumerate(values.items()):
                gave = "" if sure or error is not None else self._stored(what, found or [], place, value)
                self._note("updates", column.name, what, error, sure=sure, gave=gave)
            return
        before = len(self.tried)
        for column, value in values.items():
            self._update_together(what, key, {column: value}, sure=sure)
        if all(one["error"] is None for one in self.tried[before:]):
            self._note("updates", "", what, error, sure=sure)

    def _stored(self, what: str, found: list[Any], place: int, value: Any) -> str:
        """Whether a row is changed, and what the model's own type can hold is stored as it is."""
        if what not in EDGES or not found:
            return _counted(len(found)) if self._has_row else ""
        return "itself" if found[0][place] == value else "another value"

    def _key(self, values: dict[str, Any]) -> list[Any]:
        columns = [*self._table.primary_key.columns]
        if not columns or any(values.get(column.name) is None for column in columns):
            return []
        return [column == values[column.name] for column in columns]

    # -- a row of our own

    def _insert(self) -> list[Any] | None:
        """Insert the least that the model lets code write, and return the row's key; None where there is no row."""
        memory = self._memory
        self._maker.make_partition(self._table, memory.undivided, first=self._first)
        values, filled = self._least()
        if not self._first:
            values = {**values, **memory.values.get(self._name, {})}
            filled = memory.filled.get(self._name, filled)
        given, tries = dict(values), {*filled}
        result, error = self._maker.make(self._table, given, filled, learning=self._first)
        if error is None:
            if self._first:
                memory.values[self._name] = given
                memory.met[self._name] = self._maker.constraints(self._table)
                had = {name for name, value in given.items() if value is not None and values.get(name) is None}
                memory.filled[self._name] = tries | had
            self._note_changed(values, given)
            return self._look_at(result, given)
        self._note("inserts", "", "", error, sure=self._is_its_own_doing(error, tries))
        if not self._is_there():
            return None
        made, _ = self._maker.made_as_is(self._maker.reflected(self.place[1], self.place[0]))
        return self._key(made) or None

    def _there(self) -> list[Any]:
        """The key of a row that was there and still is."""
        for row in self._memory.rows.get(self._name, []):
            key = self._key({c.name: row[c.name] for c in self._table.primary_key.columns if c.name in row})
            if key and self._run(select(*self._table.primary_key.columns).where(*key))[0]:
                return key
        return []

    def _note_changed(self, values: dict[str, Any], given: dict[str, Any]) -> None:
        """Note which values of the row before were refused, so that others were taken."""
        changed = [] if self._first else [name for name, value in given.items() if value != values.get(name)]
        refused = self._maker.refused(self._table, values, given, self._memory.met[self._name]) if changed else None
        for name in given:
            self._note("inserts", name, "what it inserted before", refused if name in changed else None, sure=False)

    def _is_there(self) -> bool:
        row = statements.rows(
            self._connection, f"SELECT pg_catalog.to_regclass({statements.literal(self._maker.quoted(self._table))})"
        )
        return row[0][0] is not None

    def _least(self) -> tuple[dict[str, Any], set[str]]:
        """The values of such a row, and which of them may be others."""
        known = next(iter(self._memory.rows.get(self._name, ())), {})
        values: dict[str, Any] = {}
        filled: set[str] = set()
        counting = self._table._autoincrement_column  # noqa: SLF001  1.4 has no public name
        for column in self._written:
            if column.default is not None or column.server_default is not None or column.identity is not None:
                continue
            if column is counting:
                continue
            if column.nullable and not column.primary_key:
                if self._mapper is not None:
                    values[column.name] = None  # as SQLAlchemy's ORM does
                continue
            found = fresh(column.type, 0) if column.primary_key else ordinary(column.type)
            if column.name in known and not (column.primary_key and not column.foreign_keys):
                found = [known[column.name]]
            values.update({column.name: found[0]} if found else {})
            filled.add(column.name)
        return values, filled

    def _is_its_own_doing(self, error: Message, filled: set[str]) -> bool:
        """Whether no other value would do, because the refusal is of NULL or of a value left out."""
        if error["sqlstate"] not in trial_errors.ABOUT_VALUES:
            return True
        known = self._maker.constraints(self._table).get(error["constraint"])
        return known is not None and not filled.intersection(known.columns)

    def _look_at(self, result: Any, given: dict[str, Any]) -> list[Any] | None:
        """Read the row that was made: the kinds of its values, and whether the defaults filled it."""
        names = [column.name for column in self._table.primary_key.columns]
        key = self._key(dict(zip(names, result.inserted_primary_key or ())))  # noqa: B905  Python 3.9
        found, error = attempt(
            self._connection,
            lambda: [row._mapping for row in self._connection.execute(select(self._table).where(*key)).fetchall()],  # noqa: SLF001
        )
        known = names and error is None
        self._note("inserts", "", "", None, gave=_counted(len(found) if key else 0) if known else "")
        if not key or error is not None:
            return key or None
        if not found:
            return None
        row = {column.name: found[0][column] for column in self._table.columns}
        self._note_kinds([row], "the row that it inserts")
        for column in self._written:
            if column.server_default is not None and column.name not in given:
                told = "NULL" if row[column.name] is None else "a value"
                self._note("inserts", column.name, "left to its default", None, gave=told)
        return key

    def _update(self, key: list[Any]) -> None:
        """Set each column to what it is, and to what its model declares."""
        columns = [column for column in self._written if not column.primary_key]
        groups: dict[str, dict[Any, Any]] = {"what it is": {column: column for column in columns}}
        for column in columns:
            for what, value in declared(column):
                groups.setdefault(what, {})[column] = value
        for what, values in groups.items():
            if values:
                self._update_together(what, key, values)


def _counted(rows: int) -> str:
    """Whether a statement met a row: a trigger may keep the server from what it is told, and nothing fails."""
    return "no row" if rows == 0 else "a row"


def _fetched(result: Any) -> list[Any]:
    return [*result.fetchall()] if result.returns_rows else []
