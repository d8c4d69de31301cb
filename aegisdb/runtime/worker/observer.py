"""What a rehearsed step does: its statements with their time, the locks it takes, the rows it reads and writes."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from . import statements
from .fast.listening import listening

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .channel import Message

_HELD = """
    pid = pg_catalog.pg_backend_pid() AND locktype = 'relation' AND granted
    AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
"""
_LOCKS = f"SELECT relation::bigint, mode FROM pg_catalog.pg_locks WHERE {_HELD}"  # noqa: S608  our own words
_OURS = f"""
    ARRAY(SELECT DISTINCT relation FROM pg_catalog.pg_locks WHERE relation >= 16384 AND {_HELD})
"""  # noqa: S608  our own words
"""Relations that the transaction holds a lock on: each scan, write and change of the schema keeps one to the end."""
_AMONG = f"""oid = ANY (ARRAY(
    SELECT pg_catalog.unnest(l.ours) FROM (SELECT {_OURS}) l (ours) UNION ALL
    SELECT indexrelid FROM pg_catalog.pg_index WHERE indrelid = ANY ({_OURS})))
"""  # noqa: S608  our own words
_EVERY = "oid >= 16384"
_WORK = """
WITH worked AS MATERIALIZED (
    SELECT oid, relkind = 'i' AS is_index FROM pg_catalog.pg_class
    WHERE {among} AND CASE
        WHEN relkind = 'i' THEN pg_catalog.pg_stat_get_xact_numscans(oid) <> 0
        WHEN relkind IN ('r', 'p', 'm') THEN pg_catalog.pg_stat_get_xact_numscans(oid) <> 0
            OR pg_catalog.pg_stat_get_xact_tuples_returned(oid) <> 0
            OR pg_catalog.pg_stat_get_xact_tuples_inserted(oid) <> 0
            OR pg_catalog.pg_stat_get_xact_tuples_updated(oid) <> 0
            OR pg_catalog.pg_stat_get_xact_tuples_deleted(oid) <> 0
        ELSE false END
), found (oid, by_index) AS (
    SELECT oid, 0 FROM worked WHERE NOT is_index
    UNION ALL
    SELECT i.indrelid, pg_catalog.pg_stat_get_xact_numscans(i.indexrelid)
    FROM worked w JOIN pg_catalog.pg_index i ON i.indexrelid = w.oid WHERE w.is_index
)
SELECT oid::bigint, pg_catalog.pg_stat_get_xact_numscans(oid), pg_catalog.pg_stat_get_xact_tuples_returned(oid),
    pg_catalog.pg_stat_get_xact_tuples_inserted(oid), pg_catalog.pg_stat_get_xact_tuples_updated(oid),
    pg_catalog.pg_stat_get_xact_tuples_deleted(oid), by_index
FROM (SELECT oid, pg_catalog.sum(by_index)::bigint AS by_index FROM found GROUP BY oid) f
"""
"""What pg_stat_xact_all_tables has of tables in which something was done; of a thousand the view takes 3 ms."""
_FLUSH = "SELECT pg_catalog.pg_stat_force_next_flush()"
"""Lets the server take over all counters when the transaction ends, so that the next one begins at 0."""
_FLUSHES_SINCE = (15,)
_SCANS = (0, 5)
"""Places of its scans among the counters of a table."""
_CONSTRAINTS = f"""
SELECT oid::bigint, conrelid::bigint, '', convalidated FROM pg_catalog.pg_constraint
WHERE conrelid = ANY ({_OURS})
    AND pg_catalog.age(xmin) <= pg_catalog.age(pg_catalog.pg_current_xact_id_if_assigned()::xid)
UNION ALL
SELECT 0, attrelid::bigint, attname, true FROM pg_catalog.pg_attribute
WHERE pg_catalog.current_setting('server_version_num')::int < 180000
    AND attnotnull AND attnum > 0 AND NOT attisdropped AND attrelid = ANY ({_OURS})
    AND pg_catalog.age(xmin) <= pg_catalog.age(pg_catalog.pg_current_xact_id_if_assigned()::xid)
"""  # noqa: S608  our own words
"""Constraints that this transaction wrote; there are thousands of others. NOT NULL is a constraint since PostgreSQL 18;
before, it is a property of the column."""
_MAY_CHECK = re.compile(r"\bALTER\s+(?:FOREIGN\s+)?(?:TABLE|DOMAIN)\b", re.IGNORECASE)
"""Statements after which one looks which constraints came, and whether their table was scanned for them."""
_BACKFILL = "/* aegisdb: backfill of "
_ONLY_OUTSIDE = re.compile(
    r"\bCONCURRENTLY\b|^\s*(?:VACUUM|REINDEX|CLUSTER|CREATE\s+DATABASE|ALTER\s+SYSTEM)\b", re.IGNORECASE
)
"""Statements that PostgreSQL refuses in a transaction."""


class Observer:
    """Collects what one step does; the engine gives oids their names, for it knows those that are gone as well."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._flushes = connection.dialect.server_version_info >= _FLUSHES_SINCE
        self._began = 0.0
        self._outside = False
        self._statements: list[Message] = []
        self._locks: set[tuple[int, str]] = set()
        self._before: dict[int, tuple[int, ...]] = {}
        self._work: dict[int, list[int]] = {}
        self._constraints: set[tuple[Any, ...]] = set()
        self._checks: dict[tuple[int, int, str], bool] = {}

    @contextmanager
    def observing(self) -> Iterator[None]:
        """Listen to the statements of a revision, then look once more before its transaction ends."""
        self._before = self._counters(self._connection, everything=False)
        with listening(self._connection, before_cursor_execute=self._start, after_cursor_execute=self._end):
            yield
        self.look(self._connection)

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Within this, statements are outside of a transaction."""
        self._outside = True
        try:
            yield
        finally:
            self._outside = False

    def look(self, connection: Any) -> None:
        """Note the locks that are held and the work that was done since the last look; the transaction ends now."""
        self._locks.update((row[0], row[1]) for row in statements.rows(connection, _LOCKS))
        self._last(connection, everything=False)

    def _last(self, connection: Any, *, everything: bool) -> None:
        self._count(connection, everything=everything)
        if self._flushes:
            statements.rows(connection, _FLUSH)
            self._before = {}

    def _count(self, connection: Any, *, everything: bool = False) -> set[int]:
        """Add the work since the last look; the tables that were scanned."""
        scanned = set()
        now = self._counters(connection, everything=everything)
        for relation, counters in now.items():
            earlier = self._before.get(relation, (0,) * len(counters))
            total = self._work.setdefault(relation, [0] * len(counters))
            # the server adds to its statistics, and so begins at 0 again, when it likes
            gained = [new - old if new >= old else new for new, old in zip(counters, earlier)]  # noqa: B905  Python 3.9
            self._work[relation] = [a + b for a, b in zip(total, gained)]  # noqa: B905  Python 3.9 knows no `strict`
            if any(gained[place] for place in _SCANS):
                scanned.add(relation)
        self._before = now
        return scanned

    def report(self) -> Message:
        """Return what was seen, as data."""
        work = {relation: counters for relation, counters in self._work.items() if any(counters)}
        return {
            "statements": self._statements,
            "locks": sorted(self._locks),
            "work": sorted(work.items()),
            "checks": [(*constraint, scanned) for constraint, scanned in sorted(self._checks.items())],
        }

    def _start(self, connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if self._in_short_transaction(statement):
            statements.command(connection, "BEGIN")
        if _MAY_CHECK.search(statement):
            self._count(connection)
            self._constraints = self._constraints or set(map(tuple, statements.rows(connection, _CONSTRAINTS)))
        self._began = time.monotonic()

    def _end(self, connection: Any, _cursor: Any, statement: str, parameters: Any, _: Any, many: bool) -> None:  # noqa: FBT001  SQLAlchemy's own signature
        self._note(statement.strip(), time.monotonic() - self._began, len(parameters) if many else 1)
        if _MAY_CHECK.search(statement):
            scanned = self._count(connection)
            now = set(map(tuple, statements.rows(connection, _CONSTRAINTS)))
            for identifier, relation, column, _valid in now - self._constraints:
                self._checks[identifier, relation, column] = relation in scanned
            self._constraints = now
        if self._in_short_transaction(statement):
            self.look(connection)
            statements.command(connection, "COMMIT")
        elif self._outside:
            self._last(connection, everything=True)  # its locks are gone with it

    def _note(self, sql: str, seconds: float, times: int) -> None:
        """Add a statement; the batches of a backfill, of which there are thousands, are one."""
        last = self._statements[-1]["sql"] if self._statements else ""
        if sql.startswith(_BACKFILL) and last.startswith(sql.partition("*/")[0]):
            self._statements[-1]["seconds"] += seconds
            self._statements[-1]["times"] += times
            return
        self._statements.append({"sql": sql, "seconds": seconds, "times": times, "outside": self._outside})

    def _in_short_transaction(self, statement: str) -> bool:
        # locks of a statement outside of a transaction are gone with it, so here it gets one where it may have one
        return self._outside and not _ONLY_OUTSIDE.search(statement)

    def _counters(self, connection: Any, *, everything: bool) -> dict[int, tuple[int, ...]]:
        """The counters of tables that have some: of all, or of those that the transaction holds a lock on.

        Others may have some that were there before it, where a server keeps them longer than a transaction.
        """
        among = _AMONG if self._flushes and not everything else _EVERY
        return {row[0]: tuple(row[1:]) for row in statements.rows(connection, _WORK.format(among=among))}
