-- the index of a constraint is part of the constraint, as in pg_dump
SELECT 'constraint ' || r.id || '.' || quote_ident(k.conname),
    concat_ws('; ',
        pg_get_constraintdef(k.oid),
        CASE WHEN NOT k.conislocal THEN 'inherited' WHEN k.coninhcount > 0 AND k.contype <> 'f' THEN 'also inherited' END,
        CASE WHEN i.indisclustered THEN 'clustered' END,
        CASE WHEN i.indisreplident THEN 'replica identity' END,
        CASE WHEN NOT i.indisvalid THEN 'invalid index' END,
        'index ' || CASE WHEN x.relname <> k.conname THEN quote_ident(x.relname) END,
        'with ' || CASE WHEN x.reloptions IS NOT NULL THEN (SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(x.reloptions) o) END,
        'tablespace ' || quote_ident(ts.spcname),
        'triggers ' || off.states),
    r.id
FROM relations r
JOIN pg_constraint k ON k.conrelid = r.oid
LEFT JOIN pg_index i ON i.indexrelid = k.conindid AND k.contype IN ('p', 'u', 'x')
LEFT JOIN pg_class x ON x.oid = i.indexrelid
LEFT JOIN pg_tablespace ts ON ts.oid = x.reltablespace
LEFT JOIN (
    -- DISABLE TRIGGER ALL and ENABLE ALWAYS reach the triggers that enforce a foreign key; pg_dump does not show it
    SELECT tgconstraint, string_agg(
        DISTINCT CASE tgenabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'replica' ELSE 'always' END, ', ') AS states
    FROM pg_trigger
    WHERE tgisinternal AND tgenabled <> 'O'
    GROUP BY tgconstraint
) off ON off.tgconstraint = k.oid
WHERE k.contype IN ('c', 'f', 'p', 'u', 'x')
    -- the copies that a foreign key makes for partitions follow from the one that was declared
    AND NOT (k.contype = 'f' AND k.conparentid <> 0)
