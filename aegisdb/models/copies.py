"""Copies of the histories at head in which models are built one after the other, each build undone before the next.

A database of its own for every service costs as much as the whole schema, each time. What a build left in its copy, by
another connection or by ending its transaction, is looked for in the catalog; such a copy is given to nobody else.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from queue import Empty, SimpleQueue
from threading import Lock
from typing import TYPE_CHECKING

from aegisdb.errors import Failed
from aegisdb.postgres.connection import connect
from aegisdb.postgres.scratch import scratch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.postgres.address import Address
    from aegisdb.postgres.connection import Connection

_CATALOGS = (
    *("pg_class", "pg_attribute", "pg_attrdef", "pg_constraint", "pg_index", "pg_inherits", "pg_sequence", "pg_depend"),
    *("pg_type", "pg_enum", "pg_range", "pg_proc", "pg_aggregate", "pg_cast", "pg_collation", "pg_conversion"),
    *("pg_namespace", "pg_extension", "pg_description", "pg_seclabel", "pg_trigger", "pg_event_trigger", "pg_rewrite"),
    *("pg_policy", "pg_statistic_ext", "pg_default_acl", "pg_operator", "pg_opclass", "pg_opfamily", "pg_amop"),
    *("pg_amproc", "pg_am", "pg_language", "pg_transform", "pg_ts_config", "pg_ts_config_map", "pg_ts_dict"),
    *("pg_ts_parser", "pg_ts_template", "pg_foreign_data_wrapper", "pg_foreign_server", "pg_foreign_table"),
    *("pg_user_mapping", "pg_publication", "pg_publication_rel", "pg_init_privs"),
)
"""What a fingerprint is read from; statistics, which the server keeps by itself, are not."""


class Copies:
    """Copies of the database `template`, made when they are asked for."""

    def __init__(self, address: Address, template: str, label: str) -> None:
        self._address = address
        self._template = template
        self._label = label
        self._free: SimpleQueue[Copy] = SimpleQueue()
        self._all = ExitStack()
        self._making = Lock()

    def close(self) -> None:
        """Drop all of them."""
        self._all.close()

    @contextmanager
    def one(self) -> Iterator[Copy]:
        """A copy that nobody else has meanwhile; others get it afterwards, unless the block fails or calls it doubtful.

        Raises:
            Failed: it is not as it was before the block; nobody else gets it.
        """
        copy = self._taken()
        yield copy
        if copy.state() != copy.untouched:
            raise Failed(f"something was committed in {copy.address.database}", code="environment")
        if not copy.doubtful:
            self._free.put(copy)

    def _taken(self) -> Copy:
        try:
            return self._free.get_nowait()
        except Empty:
            with self._making:
                made = scratch(self._address, template=self._template, label=self._label, soon=True)
                address = self._all.enter_context(made)
                return Copy(address, self._all.enter_context(connect(address)))


class Copy:
    """A copy of a database, and a session that looks at it."""

    def __init__(self, address: Address, conn: Connection) -> None:
        self.address = address
        self.identity = conn.identity()
        self.doubtful = False
        """Whether something failed in it, so that somebody may still be at work there."""
        self._conn = conn
        self._began = conn.value("SELECT pg_current_xact_id()::text")
        self.untouched = self.state()

    def state(self) -> str:
        """The number of the catalog's rows, and of those that were made since this copy was."""
        since = f"(SELECT age('{self._began}'::xid8::xid))"  # asked once, not for each row
        counts = " UNION ALL ".join(
            f"SELECT count(*), count(*) FILTER (WHERE age(xmin) <= {since}) FROM {catalog}"  # noqa: S608  our own words
            for catalog in _CATALOGS
        )
        return str(self._conn.value(f"SELECT string_agg(a::text || '/' || b::text, ' ') FROM ({counts}) c (a, b)"))  # noqa: S608
