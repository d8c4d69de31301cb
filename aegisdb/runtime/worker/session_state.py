"""What of a session outlives a transaction, and so would reach the next revision: settings, role, temporary objects.

Plain `alembic upgrade` one by one has a session for each revision. Where a revision has changed its session, the next
one gets another.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from . import statements
from .schema_path import quoted

_SETTINGS = (
    "search_path", "role", "session_authorization", "session_replication_role", "row_security", "check_function_bodies",
    "default_tablespace", "temp_tablespaces", "default_table_access_method", "default_toast_compression",
    "default_transaction_isolation", "default_transaction_read_only", "default_transaction_deferrable",
    "lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout", "client_min_messages",
    "standard_conforming_strings", "backslash_quote", "escape_string_warning", "quote_all_identifiers", "xmloption",
    "TimeZone", "DateStyle", "IntervalStyle", "bytea_output", "extra_float_digits", "client_encoding", "array_nulls",
    "lc_messages", "lc_monetary", "lc_numeric", "lc_time", "default_text_search_config", "transform_null_equals",
    "zero_damaged_pages", "ignore_system_indexes", "allow_system_table_mods", "password_encryption",
    "createrole_self_grant", "event_triggers",
)  # fmt: skip
"""Settings that change what a statement makes or finds; a setting that this server does not have counts as empty."""
_UNSEEN = re.compile(
    r"\bLOAD\b|\bag_catalog\b|\bcypher\b|\bcreate_(?:graph|[ve]label)\b|advisory_lock|\bLISTEN\b|\bset_config\b"
    r"|\bSET\s+(?:SESSION\s+)?\w+\.\w+\s*(?:=|\bTO\b)",
    re.IGNORECASE,
)
"""What no catalog shows, by the words of the file: libraries, locks of the session, settings of an application."""
_PARTS = (
    "load", "ag_catalog", "cypher", "create_graph", "create_vlabel", "create_elabel", "advisory_lock", "listen", "set"
)  # fmt: skip
"""One of these is in each text that has one of those words: looking for them is thirty times as quick."""
STATE = "pg_catalog.md5(pg_catalog.concat_ws('|', {}, pg_catalog.pg_my_temp_schema(), {}, {}))".format(
    ", ".join(f"pg_catalog.current_setting('{name}', true)" for name in _SETTINGS),
    "(SELECT pg_catalog.count(*) FROM pg_catalog.pg_prepared_statements WHERE from_sql)",
    "(SELECT pg_catalog.count(*) FROM pg_catalog.pg_cursors WHERE is_holdable)",
)
"""SQL for the state of the session, as one text."""


_LEAVES = re.compile(
    r"""(?:\A|[;$'(]|\bBEGIN\b|\bTHEN\b|\bELSE\b|\bLOOP\b)\s*(?:
        SET\s+(?!LOCAL\b|CONSTRAINTS\b|TRANSACTION\b) | RESET\b | LOAD\b | LISTEN\b | PREPARE\s+(?!TRANSACTION\b)
        | CREATE\s+(?:GLOBAL\s+|LOCAL\s+)?TEMP(?:ORARY)?\b | DECLARE\b.*\bWITH\s+HOLD\b
    ) | \bset_config\s*\( | \bpg_(?:try_)?advisory_lock | \bINTO\s+TEMP""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
"""Texts that may leave something in their session; one too many costs a statement in a script."""


class Boundary:
    """The end of each revision in a script, where what it left in the session is taken away again."""

    def __init__(self, impl: Any, version_table: Any, schema: str) -> None:
        self._impl = impl
        self._table = version_table
        self._path = f"SET search_path TO {quoted(schema)}" if schema else ""
        self._leaves = self._over = False
        self._commit = impl.emit_commit
        impl.emit_commit = self._end

    def see(self, statement: Any) -> None:
        """Note a statement: the last of a revision moves the version table."""
        self._over = self._over or (self._table is not None and getattr(statement, "table", None) is self._table)

    def read(self, text: str) -> None:
        """Note what a statement says."""
        self._leaves = self._leaves or bool(_LEAVES.search(text))

    def _end(self) -> None:
        self._commit()
        if self._over and self._leaves:
            for text in ("DISCARD ALL", self._path):
                if text:
                    self._impl.static_output(text + self._impl.command_terminator)
            self._leaves = False
        self._over = False


@lru_cache(maxsize=8)  # a proof asks of each revision three times
def _leaves_unseen(source: str) -> bool:
    small = source.lower()
    return any(part in small for part in _PARTS) and bool(_UNSEEN.search(source))


class SessionState:
    """Compares the session of one run of env.py with what env.py made of it."""

    def __init__(self) -> None:
        self._given = ""
        self.changed = False
        """Whether a step left it otherwise."""

    def begin(self, context: Any) -> None:
        """Look at the session before its first step; env.py's own settings are its beginning."""
        self._given = self._given or statements.texts(context.connection, f"SELECT {STATE}")[0]

    def ends(self, state: str, source: str) -> None:
        """Note what the last statement of a step found; `source` is the text of the revision."""
        self.changed = self.changed or state != self._given or _leaves_unseen(source)

    def leave(self, context: Any) -> None:
        """Let the connection end when env.py closes it, instead of going back to a pool."""
        if self.changed:
            context.connection.detach()
