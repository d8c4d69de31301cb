"""The queries of a quick reading, in one snapshot: which rows changed, what they reach, and the texts of relations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from aegisdb.fingerprint import dependencies
from aegisdb.fingerprint.catalog_reader import (
    BEGIN,
    FOR_FEW,
    FOR_MANY,
    HALVES,
    OFTEN_EMPTY,
    ON_RELATIONS,
    PARTS,
    SETTINGS,
    SETTINGS_AGAIN,
    parts,
    prepared,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from aegisdb.fingerprint.catalog_reader import Row as Text
    from aegisdb.postgres.connection import Connection

EVER = "0"
"""No transaction: every row was written since."""
SELDOM = frozenset({"types", "routines", "operators", "text_search", "other_grants", "other_comments", "database"})
"""Families that are read only where something changed that belongs to no relation; the remaining ones always are."""
SINCE = """
SELECT coalesce((
    SELECT running FROM pg_snapshot_xip(now) running WHERE NOT EXISTS (
        SELECT FROM pg_stat_get_activity(NULL) a WHERE a.backend_xid = running::xid
            AND a.datid <> (SELECT oid FROM pg_database WHERE datname = current_database()))
    ORDER BY running LIMIT 1), pg_snapshot_xmax(now))::xid::text
FROM pg_current_snapshot() now
"""
"""The first transaction that may still write into this database, or the next one.

One that is seen at work in another database is none: a DROP DATABASE that waits for a checkpoint runs for seconds, and
all that was written meanwhile would count as new at each reading.
"""
_ROWS = """
SELECT '{kind}', {number}, coalesce(array_agg(ARRAY[id, relation, class::int8, object::int8]), '{{}}')
FROM ({rows}) changing (id, relation, class, object)
"""
# the age of the transaction in a query of its own is asked once, not for each row
_SINCE_THEN = "age(xmin) <= (SELECT age($1))"
_NUMBERS = "SELECT coalesce(array_agg(id), '{{}}') FROM ({rows}) changing (id, relation, class, object)"
Row = list[int]
"""Number, relation, and class and oid of the object."""


class QuickReader:
    """One snapshot of a database; a context manager, because it ends with a transaction."""

    def __init__(self, conn: Connection, known: set[str]) -> None:
        """`known`: the names of statements that this session has prepared, as far as an earlier reader noted them."""
        self._conn = conn
        self._known = known
        self._open = False
        self._major = 0
        self._with_age = False
        self._to_read: frozenset[str] = frozenset()
        self.since = ""
        """Transactions before this one have ended; what a later one writes is not in this snapshot."""
        self.mark = ""
        """A text that differs where it is not known how far a change reaches; known with the rows."""
        self.mark_of_others = ""
        """A text that differs where something changed that texts of SELDOM are about; known with the rows."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._open and not self._conn.closed:
            self._conn.execute("ROLLBACK")

    def _ask(self, statements: list[str]) -> list[list[tuple[Any, ...]]]:
        """Return the results of these statements; the first ones of a reader go in one message with its BEGIN."""
        if self._open:
            return self._conn.results(statements)
        self._open = True
        settings = SETTINGS_AGAIN if self._known else SETTINGS
        _, ((*_, known, self._major, self._with_age),), ((self.since,),), *found = self._conn.results(
            [BEGIN, settings, SINCE, *statements]
        )
        self._known.update(known)
        return found

    def rows(self, kinds: Iterable[str], since: str) -> dict[str, tuple[int, list[Row]]]:
        """Return, by kind, how many rows its catalog has, where that matters, and which were written since."""
        marks = (_mark(dependencies.EVERYTHING), _mark(dependencies.OTHERS))
        flags = ", ".join(dependencies.TO_READ.values())
        asked = self._execute("marks", "", f"SELECT {', '.join(marks)}, ARRAY[{flags}]")
        new = "true" if since == EVER else _SINCE_THEN
        wanted = [(name, dependencies.CHANGING[name]) for name in kinds]
        parts = [_ROWS.format(kind=n, number=_number(k.every), rows=k.rows.format(new=new)) for n, k in wanted]
        # one statement: each costs as much as looking through a small catalog
        changed = self._execute(
            "listed" if since == EVER else "changed", "xid", "\nUNION ALL ".join(parts), f"'{since}'"
        )
        ((self.mark, self.mark_of_others, flags),), found = self._ask([asked, changed])
        self._to_read = frozenset(family for family, there in zip(dependencies.TO_READ, flags, strict=True) if there)
        self.mark_of_others += f" {flags}"  # those that were there are read once more when they are gone
        return {kind: (number, rows) for kind, number, rows in found}

    def numbers(self, kinds: Sequence[str]) -> dict[str, set[int]]:
        """Return, by kind, the numbers of all rows."""
        queries = {kind: _NUMBERS.format(rows=dependencies.CHANGING[kind].rows.format(new=True)) for kind in kinds}
        statements = [self._execute(f"numbers {kind}", "", query) for kind, query in queries.items()]
        found = self._ask(statements) if statements else []
        return {kind: set(each[0][0]) for kind, each in zip(kinds, found, strict=True)}

    def names(self) -> dict[int, str]:
        """Return the name of each relation, by oid."""
        return dict(self._ask([dependencies.NAMES])[0])

    def reached(self, objects: Iterable[tuple[int, int]], relations: Iterable[int]) -> dict[int, str]:
        """Name, by oid, these relations and each whose texts name one of the objects; 0 stands for all else."""
        found = "\nUNION ".join(dependencies.REACHED.values())
        depends = "\nUNION ALL ".join(dependencies.DEPENDS.values())
        given = list(objects)
        classes, oids = _array(one for one, _ in given), _array(oid for _, oid in given)
        statement = self._execute(
            "reached",
            "oid[], oid[], oid[]",
            dependencies.REACH.format(found=found, depends=depends),
            classes,
            oids,
            _array(relations),
        )
        return dict(self._ask([FOR_FEW, statement])[1])

    def texts(self, relations: Iterable[int], *, seldom: bool) -> dict[str, Sequence[Text]]:
        """Read a fingerprint's rows by family: of PARTS together those on these relations, of the others all.

        It comes after `reached`, and ends the transaction. Families that are as they were are not in what it returns.
        """
        as_before = frozenset() if seldom else SELDOM - self._to_read
        left_out = {*PARTS, *as_before} | (set() if self._with_age else {"age_graphs"})
        if seldom:
            _, there, _ = self._ask([FOR_MANY, self._prepared("census"), FOR_FEW])
            left_out |= OFTEN_EMPTY - {family for (family,) in there}
        kinds = [kind for half in HALVES for kind in half if kind not in left_out]
        on_these = self._execute("parts", "oid[]", parts(self._major), _array(relations))
        read, _, *found = self._ask([on_these, FOR_MANY, *map(self._prepared, kinds), "COMMIT"])
        self._open = False
        others = dict.fromkeys((kind for half in HALVES for kind in half if kind not in {*PARTS, *as_before}), ())
        return {ON_RELATIONS: read, **others, **dict(zip(kinds, found, strict=False))}  # COMMIT has nothing

    def _prepared(self, kind: str) -> str:
        return prepared(self._conn, kind, self._major, self._known)

    def _execute(self, what: str, types: str, sql: str, *values: str) -> str:
        name = "aegisdb_" + what.replace(" ", "_")
        if name not in self._known:
            self._ask([])  # names in what is prepared are looked for in the search_path of this moment
        if name not in self._known:
            self._conn.execute(f"PREPARE {name}{f' ({types})' if types else ''} AS {sql}")
            self._known.add(name)
        return f"EXECUTE {name}" + (f" ({', '.join(values)})" if values else "")


def _number(rows: str) -> str:
    return f"(SELECT count(*)::int8 FROM {rows})" if rows else "NULL::int8"  # noqa: S608  of constants


def _mark(texts: Mapping[str, str]) -> str:
    return "md5(concat_ws('|', " + ", ".join(f"coalesce(({text}), '')" for text in texts.values()) + "))"


def _array(numbers: Iterable[int]) -> str:
    return f"'{{{','.join(map(str, numbers))}}}'"
