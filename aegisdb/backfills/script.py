"""A backfill in a script: a loop that the server runs, for psql outside of a transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aegisdb.backfills.wanted import BackfillStopped
from aegisdb.runtime.worker.statements import literal

if TYPE_CHECKING:
    from aegisdb.backfills.wanted import Wanted

_SIZE = 1000
_LOOP = """\
DO LANGUAGE plpgsql {body}"""
_BODY = """
-- aegisdb: backfill of {table}, {size} keys a transaction; it may be run again, for what is done does not match
DECLARE
    relation regclass := {name}; key text; bound text; reverse text; behind text; reached text; rest bigint;
BEGIN
    SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY k.place),
        pg_catalog.string_agg(pg_catalog.format('pg_catalog.quote_literal(CAST(%I AS text)) || %L', a.attname,
            '::' || pg_catalog.format_type(a.atttypid, a.atttypmod)), ' || '', '' || ' ORDER BY k.place),
        pg_catalog.string_agg(pg_catalog.quote_ident(a.attname) || ' DESC', ', ' ORDER BY k.place)
    INTO key, bound, reverse
    FROM pg_catalog.pg_index i CROSS JOIN LATERAL pg_catalog.unnest(i.indkey) WITH ORDINALITY AS k (attnum, place)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
    WHERE i.indrelid = relation AND i.indisprimary AND k.place <= i.indnkeyatts;
    IF key IS NULL THEN
        RAISE EXCEPTION '% has no primary key to go along', relation;
    END IF;
    LOOP
        EXECUTE pg_catalog.format(
            'SELECT %s FROM (SELECT %s FROM %s %s ORDER BY %s LIMIT {size}) AS batch ORDER BY %s LIMIT 1',
            bound, key, relation, behind, key, reverse) INTO reached;
        EXIT WHEN reached IS NULL;
        EXECUTE pg_catalog.format(
            'UPDATE %s SET %s WHERE (%s) <= (%s) AND (%s\n) %s', relation, {set}, key, reached, {where},
            'AND ' || pg_catalog.substr(behind, 7));
        COMMIT;
        behind := pg_catalog.format('WHERE (%s) > (%s)', key, reached);
    END LOOP;
    EXECUTE pg_catalog.format('SELECT count(*) FROM %s WHERE (%s\n)', relation, {where}) INTO rest;
    IF rest > 0 THEN
        RAISE EXCEPTION '%: % rows are left: run it again', relation, rest;
    END IF;
END
"""


def write(context: Any, wanted: Wanted) -> None:
    """Write the backfill into the script; the transaction before it is ended, and another one is begun behind it.

    Raises:
        BackfillStopped: it names a key of its own, which a script cannot look up.
    """
    if wanted.key:
        raise BackfillStopped(
            f"the backfill of {wanted.table} goes along {', '.join(wanted.key)}, which no script does",
            "run it with `invoke migrate.apply`",
        )
    body = _BODY.format(
        table=wanted.table,
        size=_SIZE,
        name=f"CAST({literal(wanted.table)} AS regclass)",
        set=literal(wanted.set),
        where=literal(wanted.where),
    )
    with context.autocommit_block():
        context.impl.static_output(_LOOP.format(body=_quoted(body)) + context.impl.command_terminator)


def _quoted(body: str) -> str:
    tag = "$backfill$"
    while tag in body:
        tag = f"{tag[:-1]}_$"
    return f"{tag}{body}{tag}"
