-- as grants.sql, of what is no relation: privileges that differ from what the object would have without any GRANT or REVOKE
SELECT 'grants on ' || g.object, coalesce(acl.items, 'none'), g.relation
FROM (
    SELECT 'schema ' || s.name AS object, n.nspacl AS given,
        coalesce(p.initprivs, acldefault('n', n.nspowner)) AS usual, '' AS relation
    FROM spaces s
    JOIN pg_namespace n ON n.oid = s.oid
    LEFT JOIN pg_init_privs p ON p.classoid = 'pg_namespace'::regclass AND p.objoid = n.oid
    WHERE n.nspacl IS NOT NULL
    UNION ALL
    SELECT CASE p.prokind WHEN 'p' THEN 'procedure ' WHEN 'a' THEN 'aggregate ' ELSE 'function ' END
            || s.name || '.' || quote_ident(p.proname) || '(' || pg_get_function_identity_arguments(p.oid) || ')',
        p.proacl, acldefault('f', p.proowner), ''
    FROM pg_proc p
    JOIN spaces s ON s.oid = p.pronamespace
    WHERE p.proacl IS NOT NULL AND p.oid NOT IN (SELECT objid FROM members WHERE classid = 'pg_proc'::regclass)
    UNION ALL
    SELECT CASE t.typtype WHEN 'd' THEN 'domain ' ELSE 'type ' END || s.name || '.' || quote_ident(t.typname),
        t.typacl, acldefault('T', t.typowner), ''
    FROM pg_type t
    JOIN spaces s ON s.oid = t.typnamespace
    WHERE t.typacl IS NOT NULL AND t.oid NOT IN (SELECT objid FROM members WHERE classid = 'pg_type'::regclass)
    UNION ALL
    SELECT 'language ' || quote_ident(l.lanname), l.lanacl, coalesce(p.initprivs, acldefault('l', l.lanowner)), ''
    FROM pg_language l
    LEFT JOIN pg_init_privs p ON p.classoid = 'pg_language'::regclass AND p.objoid = l.oid
    WHERE l.lanacl IS NOT NULL
    UNION ALL
    SELECT 'foreign data wrapper ' || quote_ident(w.fdwname), w.fdwacl, acldefault('F', w.fdwowner), ''
    FROM pg_foreign_data_wrapper w
    WHERE w.fdwacl IS NOT NULL
    UNION ALL
    SELECT 'server ' || quote_ident(v.srvname), v.srvacl, acldefault('S', v.srvowner), ''
    FROM pg_foreign_server v
    WHERE v.srvacl IS NOT NULL
    UNION ALL
    -- the system's own objects and those of extensions, where somebody changed what they came with
    SELECT 'relation ' || c.oid::regclass::text, c.relacl, p.initprivs, ''
    FROM pg_class c
    LEFT JOIN pg_init_privs p ON p.classoid = 'pg_class'::regclass AND p.objoid = c.oid AND p.objsubid = 0
    WHERE c.relacl IS NOT NULL
        AND c.relacl IS DISTINCT FROM p.initprivs
        AND (c.relnamespace = 'pg_catalog'::regnamespace OR c.oid IN (SELECT objid FROM members WHERE classid = 'pg_class'::regclass))
    UNION ALL
    SELECT 'function ' || f.oid::regprocedure::text, f.proacl, p.initprivs, ''
    FROM pg_proc f
    LEFT JOIN pg_init_privs p ON p.classoid = 'pg_proc'::regclass AND p.objoid = f.oid
    WHERE f.proacl IS NOT NULL AND f.proacl IS DISTINCT FROM p.initprivs
        AND (f.pronamespace = 'pg_catalog'::regnamespace OR f.oid IN (SELECT objid FROM members WHERE classid = 'pg_proc'::regclass))
) g
LEFT JOIN LATERAL (
    SELECT string_agg(item::text, ', ' ORDER BY item::text) AS items FROM unnest(g.given) item
) acl ON true
WHERE NOT (g.given @> g.usual AND g.usual @> g.given) OR g.usual IS NULL
