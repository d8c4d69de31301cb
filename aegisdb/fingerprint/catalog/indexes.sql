SELECT 'index ' || r.space || '.' || quote_ident(x.relname),
    concat_ws('; ',
        pg_get_indexdef(x.oid),
        CASE WHEN NOT i.indisvalid THEN 'invalid' END,
        CASE WHEN i.indisclustered THEN 'clustered' END,
        CASE WHEN i.indisreplident THEN 'replica identity' END,
        'tablespace ' || quote_ident(ts.spcname),
        'attached to ' || quote_ident(pn.nspname) || '.' || quote_ident(p.relname),
        'statistics ' || (
            SELECT string_agg(a.attnum::text || '=' || a.attstattarget::text, ', ' ORDER BY a.attnum)
            FROM pg_attribute a WHERE i.indexprs IS NOT NULL AND a.attrelid = x.oid AND a.attstattarget >= 0)),
    r.id
FROM relations r
JOIN pg_index i ON i.indrelid = r.oid
JOIN pg_class x ON x.oid = i.indexrelid
LEFT JOIN pg_tablespace ts ON ts.oid = x.reltablespace
LEFT JOIN pg_inherits h ON h.inhrelid = x.oid
LEFT JOIN pg_class p ON p.oid = h.inhparent
LEFT JOIN pg_namespace pn ON pn.oid = p.relnamespace
WHERE NOT EXISTS (
    SELECT FROM pg_constraint k WHERE k.conrelid = r.oid AND k.conindid = x.oid AND k.contype IN ('p', 'u', 'x'))
