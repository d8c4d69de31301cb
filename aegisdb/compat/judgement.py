"""Compares what old code did on the schema before with what it does on the one after."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from aegisdb.compat.advice import steps_for
from aegisdb.compat.results import Break, Unsettled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from aegisdb.fingerprint import Change
    from aegisdb.runtime.tried_statements import OldCodeTried, TableTried, Tried

_OF_TABLES = frozenset({"42P01", "42501", "3F000", "55000"})
"""SQLSTATEs of refusals whichever column is named: no such table or schema, no privilege, a view of others."""
_OF_CONSTRAINTS = frozenset({"23503", "23505", "23514", "23P01"})
"""SQLSTATEs of refusals of the whole row, whichever column is written."""
_NO_ROW = "NoRow"
"""What the trial says of a table without a row."""
_RULE = re.compile(r"(?:CHECK|UNIQUE|PRIMARY KEY|FOREIGN KEY|EXCLUDE|CREATE UNIQUE INDEX)\b")
_INDEX_NAME = re.compile(r'(?<=^CREATE UNIQUE INDEX )(?:"(?:[^"]|"")*"|\S+)')
_NOTHING = "no row"
"""What the trial says of a statement that does nothing to a row that is there."""
_NOT_DONE = "nothing fails, yet afterwards its row is not as the statement says"
_KINDS = ("reads", "inserts", "updates", "deletes")


class Judgement:
    """The judgement on one service: what breaks, and what could not be decided."""

    def __init__(
        self,
        service: str,
        place: Callable[[str], str],
        before: OldCodeTried,
        after: OldCodeTried,
        changes: Sequence[Change] = (),
    ) -> None:
        self._service = service
        self._rules = [*_new_rules(changes)]
        self._before = {table.table: table for table in before.tables}
        self._after = after.tables
        self._place = place

    @property
    def statements(self) -> int:
        """The number of statements that went well before and were tried again after."""
        return sum(1 for table in self._after for was, _ in self._pairs(table) if was.error is None)

    def breaks(self) -> tuple[Break, ...]:
        """Return one break for each table, column and cause."""
        found: dict[tuple[str, str, str], dict[str, str]] = defaultdict(dict)
        tables = {table.table: table for table in self._after}
        for table in self._after:
            for was, now in self._pairs(table):
                for column, why, sqlstate in self._broken(was, now):
                    found[table.table, column, sqlstate].setdefault(now.does, why)
        return tuple(self._break(tables[key[0]], *key[1:], does) for key, does in sorted(found.items()))

    def unsettled(self) -> Iterator[Unsettled]:
        """Yield what was refused only with values that the trial made up, and what could not be tried before either."""
        for table in self._after:
            yield from dict.fromkeys(self._restricted(table))
            yield from self._not_met(table)
        for table in self._before.values():
            yield from self._not_tried(table)
        after = {table.table: table for table in self._after}
        for name, table in after.items():
            if table.broke is not None and name in self._before and self._before[name].broke is None:
                why = f"the trial ended early after the new revisions: {table.broke['message']}"
                yield self._untold("not tried", table, "", why)
        for name in sorted(self._before.keys() ^ after.keys()):  # models that are made of the database as it is
            table = self._before.get(name) or after[name]
            yield self._untold("not tried", table, "", "its models do not have it both times")

    def _tried_before(self, table: TableTried) -> tuple[Tried, ...]:
        before = self._before.get(table.table)
        return before.tried if before is not None else ()

    def _pairs(self, table: TableTried) -> Iterator[tuple[Tried, Tried]]:
        known = {(one.does, one.column, one.what): one for one in self._tried_before(table)}
        for now in table.tried:
            if was := known.get((now.does, now.column, now.what)):
                yield was, now

    def _broken(self, was: Tried, now: Tried) -> Iterator[tuple[str, str, str]]:
        if was.error is not None:
            return
        if now.error is not None:
            if now.sure:
                state = now.error["sqlstate"] or now.error["error"]
                column = now.error["column"] if state in _OF_CONSTRAINTS else now.column or now.error["column"]
                column = "" if state in _OF_TABLES else column
                yield column, now.error["message"], state
        elif was.gave and now.gave and was.gave not in (now.gave, _NOTHING):
            if now.gave == _NOTHING:
                yield "", _NOT_DONE, "no row"
            elif now.does == "inserts":
                yield now.column, "its default is gone: NULL is stored instead of a value", "default"
            elif now.does == "updates":
                yield now.column, f"{now.what} of its type is stored as another value", "rounded"
            elif not set(now.gave.split(" or ")) <= set(was.gave.split(" or ")):
                yield now.column, f"reads {now.gave} where it was {was.gave}", "kind"

    def _break(self, table: TableTried, column: str, sqlstate: str, does: Mapping[str, str]) -> Break:
        known = column in table.columns
        where = table.columns.get(column) or (f"{table.file}:{table.line}" if table.file else "")
        return Break(
            service=self._service,
            table=table.table,
            column=column,
            does=tuple(sorted(does, key=_KINDS.index)),
            why=next(iter(does.values())),
            sqlstate=sqlstate,
            cls=table.cls,
            where=self._place(where),
            steps=steps_for(sqlstate, known=known or not table.cls, column=column),
        )

    def _restricted(self, table: TableTried) -> Iterator[Unsettled]:
        for was, now in self._pairs(table):
            if was.error is None and now.error is not None and not now.sure:
                name = f" ({now.error['constraint']})" if now.error["constraint"] else ""
                why = f"{now.does[:-1]} with {now.what or 'a row that was made up'} is refused now{name}"
                yield self._untold("restricted", table, now.column, f"{why}; whether it does so its models do not say")
        known = {(one.does, one.column, one.what) for one in self._tried_before(table)}
        for now in table.tried:
            if now.what.startswith("value ") and now.error and (now.does, now.column, now.what) not in known:
                why = f"cannot read the new {now.what}: {now.error['message']}"
                yield self._untold("new value", table, now.column, f"{why}; it meets it once new code writes it")

    def _not_met(self, table: TableTried) -> Iterator[Unsettled]:
        """New rules about columns of the model that no statement has met: other values might."""
        met = {one.error["constraint"] for one in table.tried if one.error}
        for relation, name, rule in self._rules:
            of = rule.partition(" REFERENCES ")[0].partition("(")[2]
            about = any(re.search(rf"(?<!\w){re.escape(column)}(?!\w)", of) for column in table.columns)
            if relation.replace('"', "") == table.table and about and name not in met:
                why = f"nothing that was tried meets the new rule {name} ({_INDEX_NAME.sub('...', rule)})"
                yield self._untold("restricted", table, "", f"{why}; what old code writes may, its models do not say")

    def _not_tried(self, table: TableTried) -> Iterator[Unsettled]:
        if table.broke is not None:
            yield self._untold("not tried", table, "", table.broke["message"])
        by: dict[tuple[str, str], list[Tried]] = defaultdict(list)
        for one in table.tried:
            if not one.what.startswith("value "):
                by[one.does, one.column].append(one)
        for (does, column), tried in by.items():
            if all(one.error is not None for one in tried) and not (does == "reads" and not column):
                yield self._untold("not tried", table, column, _failing(does, tried))

    def _untold(self, kind: str, table: TableTried, column: str, why: str) -> Unsettled:
        subject = f"{table.table}.{column}" if column else table.table
        where = table.columns.get(column) or (f"{table.file}:{table.line}" if table.file else "")
        return Unsettled(kind=kind, service=self._service, subject=subject, why=why, where=self._place(where))


def _failing(does: str, tried: Sequence[Tried]) -> str:
    why = next(one.error for one in tried if one.error)
    if why["error"] == _NO_ROW:
        return f"{why['message']}: what a row of it meets in an update or a delete was not seen"
    return f"{does[:-1]} fails before the new revisions, too: {why['message']}"


def _new_rules(changes: Sequence[Change]) -> Iterator[tuple[str, str, str]]:
    """Relation, name and definition of each rule for rows that was not there before, under whatever name."""
    gone = {(one.relation, _INDEX_NAME.sub("", one.before)) for one in changes if one.kind == "removed"}
    for one in changes:
        rule = one.after
        if one.kind == "removed" or not one.object.startswith(("constraint ", "index ")) or not _RULE.match(rule):
            continue
        if (one.relation, _INDEX_NAME.sub("", rule)) in gone or one.before == f"{rule} NOT VALID":
            continue
        kind, _, name = one.object.partition(" ")
        name = name.removeprefix(f"{one.relation}.") if kind == "constraint" else name.rpartition(".")[2]
        yield one.relation, name.strip('"'), rule
