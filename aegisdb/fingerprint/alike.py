"""Fingerprints of many databases that have few schemas between them: what the catalogs say of one is put in words once.

In a new session it costs more to plan the queries of a fingerprint than to run them, and a fleet is as many new
sessions as it has members. `rows.sql` reads the same facts without joins, and not as a person would read them. Where
two databases on servers of one version say the same there, their fingerprints are the same, which tests look for after
each statement of the corpus. Where they do not, the fingerprints may be the same for all that: each is read.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from threading import Lock
from typing import TYPE_CHECKING

from aegisdb.errors import StatementFailed
from aegisdb.fingerprint.catalog_reader import BEGIN, DROPPED_MEANWHILE, SETTINGS, query, read

if TYPE_CHECKING:
    from aegisdb.fingerprint.facts import Fingerprint
    from aegisdb.postgres.connection import Connection

_LEFT = "left "
_MOST = 50
"""Fingerprints that are kept: some MB each where a schema is large, and a fleet may drift in as many ways as it has
members."""


class Alike:
    """The fingerprints of databases, from any thread; those that are alike get the same one."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._turns: defaultdict[str, Lock] = defaultdict(Lock)
        self._known: dict[str, Fingerprint] = {}
        self.whole = 0
        """How many were read in full."""

    def read(self, conn: Connection) -> Fingerprint:
        """Read the fingerprint of the database that `conn` is on; else as `fingerprint.read`."""
        digest = catalogs(conn)
        with self._lock:
            turn = self._turns[digest]
        with turn:  # members begin together, and the first one's fingerprint serves all of them
            found = self._known.get(digest)
            if found is None:
                found = read(conn)
                self.whole += 1
                if digest and digest == catalogs(conn):  # nobody changed it while it was read
                    self._keep(digest, found)
        return found

    def _keep(self, digest: str, found: Fingerprint) -> None:
        with self._lock:
            while len(self._known) >= _MOST:
                self._known.pop(next(iter(self._known)))
            self._known[digest] = found


def catalogs(conn: Connection) -> str:
    """A digest of what the catalogs say of the schema; empty where somebody dropped objects meanwhile.

    `conn` must not be in a transaction.
    """
    version = conn.identity().server_version
    try:
        try:
            settings, rows = conn.results([BEGIN, SETTINGS, query("rows", version // 10000, whole=False)])[1:]
            left = {row.removeprefix(_LEFT) for (row,) in rows if row.startswith(_LEFT)}
            left |= {"age_graphs"} if settings[0][-1] else set()
            queries = [f"SELECT * FROM (\n{query(kind, version // 10000)}\n) q" for kind in sorted(left)]  # noqa: S608
            more = conn.results([*queries, "COMMIT"])
        except BaseException:
            if not conn.closed:
                conn.execute("ROLLBACK")
            raise
    except StatementFailed as error:
        if error.sqlstate not in DROPPED_MEANWHILE:
            raise
        return ""
    # no order: rows come as they lie in the tables
    said = [version, sorted(row for (row,) in rows), [sorted(family) for family in more]]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()
