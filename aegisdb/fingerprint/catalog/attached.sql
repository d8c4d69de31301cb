-- what hangs on a relation: triggers, rules, policies, sequences, statistics objects
SELECT 'trigger ' || r.id || '.' || quote_ident(g.tgname),
    concat_ws('; ', pg_get_triggerdef(g.oid),
        CASE g.tgenabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'enabled replica' WHEN 'A' THEN 'enabled always' END),
    r.id
FROM relations r
JOIN pg_trigger g ON g.tgrelid = r.oid
LEFT JOIN pg_trigger parent ON parent.oid = g.tgparentid
-- a partition's copy says nothing new unless it was switched on its own
WHERE CASE WHEN g.tgparentid <> 0 THEN g.tgenabled <> parent.tgenabled ELSE NOT g.tgisinternal END
UNION ALL
SELECT 'rule ' || r.id || '.' || quote_ident(w.rulename),
    concat_ws('; ', pg_get_ruledef(w.oid),
        CASE w.ev_enabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'enabled replica' WHEN 'A' THEN 'enabled always' END),
    r.id
FROM relations r
JOIN pg_rewrite w ON w.ev_class = r.oid
WHERE NOT (w.rulename = '_RETURN' AND r.relkind IN ('v', 'm'))
UNION ALL
SELECT 'policy ' || r.id || '.' || quote_ident(p.polname),
    concat_ws('; ',
        'for ' || CASE p.polcmd WHEN 'r' THEN 'select' WHEN 'a' THEN 'insert' WHEN 'w' THEN 'update'
            WHEN 'd' THEN 'delete' ELSE 'all' END,
        CASE WHEN NOT p.polpermissive THEN 'restrictive' END,
        'to ' || (SELECT string_agg(CASE role WHEN 0 THEN 'public' ELSE pg_get_userbyid(role)::text END, ', ' ORDER BY 1)
            FROM unnest(p.polroles) role),
        'using ' || pg_get_expr(p.polqual, p.polrelid),
        'with check ' || pg_get_expr(p.polwithcheck, p.polrelid)),
    r.id
FROM relations r
JOIN pg_policy p ON p.polrelid = r.oid
UNION ALL
SELECT 'sequence ' || r.id,
    concat_ws('; ',
        'owner ' || pg_get_userbyid(r.relowner)::text,
        CASE r.relpersistence WHEN 'u' THEN 'unlogged' END,
        format_type(q.seqtypid, NULL),
        'start ' || q.seqstart::text, 'increment ' || q.seqincrement::text, 'min ' || q.seqmin::text, 'max ' || q.seqmax::text,
        'cache ' || q.seqcache::text, CASE WHEN q.seqcycle THEN 'cycle' END,
        CASE d.deptype WHEN 'a' THEN 'owned by ' WHEN 'i' THEN 'identity of ' END || o.id || '.' || quote_ident(a.attname)),
    coalesce(o.id, '')
FROM relations r
JOIN pg_sequence q ON q.seqrelid = r.oid
LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = r.oid AND d.objsubid = 0
    AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
LEFT JOIN relations o ON o.oid = d.refobjid
LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
UNION ALL
SELECT 'statistics ' || s.name || '.' || quote_ident(x.stxname),
    concat_ws('; ', 'owner ' || pg_get_userbyid(x.stxowner)::text, pg_get_statisticsobjdef(x.oid),
        'target ' || CASE WHEN x.stxstattarget >= 0 THEN x.stxstattarget::text END),
    r.id
FROM pg_statistic_ext x
JOIN spaces s ON s.oid = x.stxnamespace
JOIN relations r ON r.oid = x.stxrelid
