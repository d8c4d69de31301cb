"""Revisions that stand below an applied one and never ran here: a rebase or cherry-pick put them there.

The journal has the text of each revision as it ran, and with it the parents that it had then.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from aegisdb.errors import HistoryError, Problem
from aegisdb.revisions.summary import contents_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aegisdb.postgres.connection import Connection
    from aegisdb.revisions.history import History

_LAST = """SELECT DISTINCT ON (service, revision) service, revision, action, digest, id FROM aegisdb.journal
     WHERE service = ANY (%s::text[]) AND action IN ('upgrade', 'downgrade') AND outcome IN ('done', 'resolved')
     ORDER BY service, revision, id DESC"""
_COUNTS = f"""SELECT service, count(*),
    md5(pg_catalog.string_agg(revision || ' ' || digest, ',' ORDER BY revision COLLATE "C"))
      FROM ({_LAST}) AS last WHERE action = 'upgrade' GROUP BY service"""  # noqa: S608  ours
_STAMPED = "SELECT coalesce(max(id), 0) FROM aegisdb.journal WHERE service = %s AND action = 'stamp'"
_SOURCES = """SELECT DISTINCT ON (revision) revision, source FROM aegisdb.journal
     WHERE service = %s AND revision = ANY (%s::text[]) AND action = 'upgrade' AND outcome = 'done'
     ORDER BY revision, id DESC"""


@dataclass(frozen=True)
class OutOfOrder:
    """What never ran, and the applied revisions that had other parents when they ran."""

    missing: tuple[str, ...]
    moved: Mapping[str, tuple[str, ...]]
    """Revision id to the parents (`down_revision`) that it ran on."""


class Ran:
    """What the journal says of several services, asked for when it is needed."""

    def __init__(self, conn: Connection, services: Iterable[str]) -> None:
        self.conn = conn
        self._services = list(services)

    @cached_property
    def counts(self) -> dict[str, tuple[int, str]]:
        """By service: how many revisions ran and were not reverted since, and what `contents_of` says of them."""
        if self.conn.value("SELECT to_regclass('aegisdb.journal')") is None:
            return {}
        return {service: (count, contents) for service, count, contents in self.conn.rows(_COUNTS, (self._services,))}

    def may_lack(self, history: History, rows: tuple[str, ...]) -> bool:
        """Whether more counts as applied than ran; at head this does not look at the revisions."""
        ran, _ = self.counts.get(history.service, (0, ""))
        if not ran:
            return False
        at_head = set(history.heads) <= set(rows)
        return ran < (len(history.revisions) if at_head else len(history.ancestors(rows)))

    def edited(self, history: History, rows: tuple[str, ...]) -> tuple[str, ...]:
        """Applied revisions whose file does something else than what ran; comments and formatting do not count."""
        if history.service not in self.counts:
            return ()
        _, contents = self.counts[history.service]
        at_head = set(history.heads) <= set(rows)
        applied = () if at_head else history.ancestors(rows)
        here = (r for r in history.ordered() if r.id in applied)
        if contents == (history.summary.contents if at_head else contents_of(here)):
            return ()  # without a look at each of them
        ran = {row[1]: row[3] for row in self.conn.rows(_LAST, ([history.service],)) if row[2] == "upgrade" and row[3]}
        below = history.ancestors(rows)
        return tuple(r.id for r in history.ordered() if r.id in below and ran.get(r.id, r.digest) != r.digest)


def out_of_order(conn: Connection, history: History, rows: tuple[str, ...]) -> OutOfOrder | None:
    """What stands below these rows and never ran; None where nothing does, or where a person has stamped since."""
    stamped = int(conn.value(_STAMPED, (history.service,)))
    last = {row[1]: row[2:] for row in conn.rows(_LAST, ([history.service],))}
    applied = history.ancestors(rows)
    changed = [
        identifier
        for identifier, (action, digest, number) in last.items()
        if identifier in applied
        and action == "upgrade"
        and number > stamped
        and digest != history.revisions[identifier].digest
    ]
    moved = _moved(conn, history, changed)
    below = applied - as_it_ran(history, moved).ancestors(rows)
    missing = [i for i in history.revisions if i in below and last.get(i, ("",))[0] != "upgrade"]
    return OutOfOrder(tuple(missing), moved) if missing else None


def as_it_ran(history: History, moved: Mapping[str, tuple[str, ...]]) -> History:
    """The history with the parents that its revisions had when they ran."""
    was = {identifier: replace(history.revisions[identifier], down=down) for identifier, down in moved.items()}
    return replace(history, revisions={**history.revisions, **was}, known_heads=None, kept=None)


def problem(history: History, found: OutOfOrder) -> Problem:
    """The decision that it wants, with the way out."""
    top, was = next(iter(found.moved.items()))
    missing = ", ".join(found.missing)
    return Problem(
        code="never_ran",
        message=f"{history.service}: {missing} never ran here: it was put below {top}, which ran on"
        f" {', '.join(was) or 'nothing'}",
        where=str(history.revisions[found.missing[0]].path),
        hint=f"invoke migrate.rollback --service {history.service} --to {', '.join(was) or 'base'}, then invoke"
        f" migrate.apply; or take {missing} out from below {top}",
    )


def _moved(conn: Connection, history: History, changed: list[str]) -> dict[str, tuple[str, ...]]:
    from aegisdb.revisions.parse import scan_source

    found = {}
    for identifier, source in conn.rows(_SOURCES, (history.service, changed)) if changed else ():
        revision = history.revisions[identifier]
        try:
            ran = scan_source(source or "", revision.path)
        except HistoryError:
            continue  # the journal has no text of it
        if set(ran.parents) != set(revision.parents):
            found[identifier] = ran.down
    return found
