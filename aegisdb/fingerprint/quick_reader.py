"""The queries of a quick reading, in one snapshot: which rows changed, what they reach, and the texts of relations."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Self

from aegisdb.fingerprint import dependencies
from aegisdb.fingerprint.catalog_reader import BEGIN, HALVES, OFTEN_EMPTY, SETTINGS, prepared, query

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from aegisdb.fingerprint.catalog_reader import Row as Text
    from aegisdb.postgres.connection import Connection

EVER = "0"
"""No transaction: every row was written since."""
PARTS = ("tables", "columns", "constraints", "indexes", "attached", "comments", "grants")
"""Families whose texts each belong to one relation."""
SELDOM = ("types", "routines", "other_grants")
"""Families that are read only where something changed that belongs to no relation; the remaining ones always are."""
_SINCE = "SELECT pg_snapshot_xmin(pg_current_snapshot())::xid::text"
_ROWS = """
SELECT count(*)::int8, coalesce(array_agg(ARRAY[id, relation, class::int8, object::int8])
    FILTER (WHERE age(written) <= age($1)), '{{}}') FROM ({rows}) changing (id, relation, class, object, written)
"""
_OF_RELATIONS = re.compile(r"\b(FROM|JOIN) relations r\b")
_WANTED = ",\nwanted AS NOT MATERIALIZED (SELECT * FROM relations WHERE oid = ANY ($1))\n"
# few relations are looked up by their indexes, and planning would take longer than that
_FOR_FEW = """SELECT set_config('enable_nestloop', 'on', true), set_config('enable_hashjoin', 'off', true),
    set_config('plan_cache_mode', 'force_generic_plan', true)"""
_FOR_MANY = """SELECT set_config('enable_nestloop', 'off', true), set_config('enable_hashjoin', 'on', true),
    set_config('plan_cache_mode', 'auto', true)"""

Row = list[int]
"""Number, relation, and class and oid of the object."""


class QuickReader:
    """One snapshot of a database; a context manager, because it ends with a transaction."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._known: Sequence[str] = ()
        self._major = 0
        self._with_age = False
        self.since = ""
        """Transactions before this one have ended; what a later one writes is not in this snapshot."""
        self.mark = ""
        """A text that differs where it is not known how far a change reaches."""
        self.mark_of_others = ""
        """A text that differs where something changed that texts of SELDOM are about."""

    def __enter__(self) -> Self:
        try:
            settings, since = self._conn.results([BEGIN, SETTINGS, _SINCE])[1:]
            *_, self._known, self._major, self._with_age = settings[0]
            self.since = since[0][0]
            marks = (_mark(dependencies.EVERYTHING), _mark(dependencies.OTHERS))
            mark = self._execute("marks", "", f"SELECT {', '.join(marks)}")
            ((self.mark, self.mark_of_others),) = self._conn.results([_FOR_MANY, mark])[1]
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if not self._conn.closed:
            self._conn.execute("ROLLBACK")

    def rows(self, kinds: Iterable[str], since: str) -> dict[str, tuple[int, list[Row]]]:
        """Return, by kind, how many rows there are and which were written since."""
        statements = [
            self._execute(f"changed {kind}", "xid", _ROWS.format(rows=dependencies.CHANGING[kind]), f"'{since}'")
            for kind in kinds
        ]
        found = self._conn.results(statements) if statements else []
        return {kind: (each[0][0], each[0][1]) for kind, each in zip(kinds, found, strict=True)}

    def names(self) -> dict[int, str]:
        """Return the name of each relation, by oid."""
        return dict(self._conn.results([dependencies.NAMES])[0])

    def reached(self, objects: Iterable[tuple[int, int]], relations: Iterable[int]) -> dict[int, str]:
        """Name, by oid, these relations and each whose texts name one of the objects; 0 stands for all else."""
        found = "\nUNION ".join(dependencies.REACHED.values())
        given = list(objects)
        classes, oids = _array(one for one, _ in given), _array(oid for _, oid in given)
        statement = self._execute(
            "reached", "oid[], oid[], oid[]", dependencies.REACH.format(found=found), classes, oids, _array(relations)
        )
        return dict(self._conn.results([_FOR_FEW, statement])[1])

    def texts(self, relations: Iterable[int], *, seldom: bool) -> dict[str, list[Text]]:
        """Read a fingerprint's rows by family: of PARTS those on these relations or on none, of the others all."""
        wanted = _array(relations)
        parts = [self._execute(f"part {kind}", "oid[]", self._part(kind), wanted) for kind in PARTS]
        census = self._conn.results([prepared(self._conn, "census", self._major, self._known)])[0]
        left_out = OFTEN_EMPTY - {family for (family,) in census} | {*PARTS}
        left_out |= (set() if self._with_age else {"age_graphs"}) | (set() if seldom else {*SELDOM})
        kinds = [kind for half in HALVES for kind in half if kind not in left_out]
        whole = [prepared(self._conn, kind, self._major, self._known) for kind in kinds]
        found = self._conn.results([_FOR_FEW, *parts, _FOR_MANY, *whole])
        return dict(zip(("", *PARTS, "", *kinds), found, strict=True)) | {"": []}

    def _part(self, kind: str) -> str:
        preamble = query("_with", self._major).replace(" AS (", " AS NOT MATERIALIZED (")
        return preamble + _WANTED + _OF_RELATIONS.sub(r"\1 wanted r", query(kind, self._major, whole=False))

    def _execute(self, what: str, types: str, sql: str, *values: str) -> str:
        name = "aegisdb_" + what.replace(" ", "_")
        if name not in self._known:
            self._conn.execute(f"PREPARE {name}{f' ({types})' if types else ''} AS {sql}")
        return f"EXECUTE {name}" + (f" ({', '.join(values)})" if values else "")


def _mark(texts: Mapping[str, str]) -> str:
    return "md5(concat_ws('|', " + ", ".join(f"coalesce(({text}), '')" for text in texts.values()) + "))"


def _array(numbers: Iterable[int]) -> str:
    return f"'{{{','.join(map(str, numbers))}}}'"
