SELECT r.kind || r.id,
    concat_ws('; ',
        'owner ' || pg_get_userbyid(r.relowner)::text,
        CASE r.relpersistence WHEN 'u' THEN 'unlogged' END,
        CASE WHEN r.relam <> 0 AND am.amname <> 'heap' THEN 'using ' || quote_ident(am.amname) END,
        'of type ' || format_type(nullif(r.reloftype, 0), NULL),
        'partition by ' || CASE r.relkind WHEN 'p' THEN pg_get_partkeydef(r.oid) END,
        'inherits ' || parents.names,
        'partition ' || pg_get_expr(r.relpartbound, r.oid),
        'server ' || quote_ident(fs.srvname),
        'options ' || CASE WHEN ft.ftoptions IS NOT NULL THEN (SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(ft.ftoptions) o) END,
        'with ' || CASE WHEN r.reloptions IS NOT NULL THEN (SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(r.reloptions) o) END,
        'toast with ' || (
            SELECT string_agg(o, ', ' ORDER BY o) FROM pg_class toast, unnest(toast.reloptions) o
            WHERE r.reltoastrelid <> 0 AND toast.oid = r.reltoastrelid),
        'tablespace ' || quote_ident(ts.spcname),
        CASE WHEN r.relrowsecurity THEN 'row security enabled' END,
        CASE WHEN r.relforcerowsecurity THEN 'row security forced' END,
        CASE r.relreplident WHEN 'n' THEN 'replica identity nothing' WHEN 'f' THEN 'replica identity full' END,
        CASE WHEN r.relkind = 'm' AND NOT r.relispopulated THEN 'not populated' END,
        'as ' || CASE WHEN r.relkind IN ('v', 'm') THEN pg_get_viewdef(r.oid) END),
    r.id
FROM relations r
LEFT JOIN pg_am am ON am.oid = r.relam
LEFT JOIN pg_tablespace ts ON ts.oid = r.reltablespace
LEFT JOIN pg_foreign_table ft ON ft.ftrelid = r.oid
LEFT JOIN pg_foreign_server fs ON fs.oid = ft.ftserver
LEFT JOIN (
    SELECT i.inhrelid,
        string_agg(
            quote_ident(n.nspname) || '.' || quote_ident(p.relname)
                || CASE WHEN i.inhdetachpending THEN ' (detach pending)' ELSE '' END,
            ', ' ORDER BY i.inhseqno) AS names
    FROM pg_inherits i
    JOIN pg_class p ON p.oid = i.inhparent
    JOIN pg_namespace n ON n.oid = p.relnamespace
    WHERE p.relkind IN ('r', 'p', 'f')
    GROUP BY i.inhrelid
) parents ON parents.inhrelid = r.oid
WHERE r.relkind <> 'S'
UNION ALL
SELECT 'schema ' || s.name, 'owner ' || pg_get_userbyid(n.nspowner)::text, ''
FROM spaces s
JOIN pg_namespace n ON n.oid = s.oid
WHERE s.oid NOT IN (SELECT objid FROM members WHERE classid = 'pg_namespace'::regclass)
