-- what belongs to the database as a whole
-- the version of an extension is left out, as in a dump: it is a fact of the server, and init through two servers must agree
SELECT 'extension ' || quote_ident(e.extname), 'schema ' || quote_ident(n.nspname), ''
FROM pg_extension e
JOIN pg_namespace n ON n.oid = e.extnamespace
UNION ALL
SELECT 'event trigger ' || quote_ident(t.evtname),
    concat_ws('; ',
        'owner ' || pg_get_userbyid(t.evtowner)::text, 'on ' || t.evtevent::text,
        'tags ' || (SELECT string_agg(tag, ', ' ORDER BY tag) FROM unnest(t.evttags) tag),
        'function ' || t.evtfoid::regprocedure::text,
        CASE t.evtenabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'enabled replica' WHEN 'A' THEN 'enabled always' END),
    ''
FROM pg_event_trigger t
WHERE t.oid NOT IN (SELECT objid FROM members WHERE classid = 'pg_event_trigger'::regclass)
UNION ALL
SELECT 'default privileges of ' || pg_get_userbyid(a.defaclrole)::text
        || coalesce(' in schema ' || quote_ident(n.nspname), '') || ' on '
        || CASE a.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions'
            WHEN 'T' THEN 'types' WHEN 'n' THEN 'schemas' ELSE 'large objects' END,
    (SELECT coalesce(string_agg(item::text, ', ' ORDER BY item::text), '') FROM unnest(a.defaclacl) item), ''
FROM pg_default_acl a
LEFT JOIN pg_namespace n ON n.oid = a.defaclnamespace
UNION ALL
SELECT 'publication ' || quote_ident(p.pubname),
    concat_ws('; ',
        'owner ' || pg_get_userbyid(p.pubowner)::text, CASE WHEN p.puballtables THEN 'all tables' END,
        CASE WHEN p.pubinsert THEN 'insert' END, CASE WHEN p.pubupdate THEN 'update' END,
        CASE WHEN p.pubdelete THEN 'delete' END, CASE WHEN p.pubtruncate THEN 'truncate' END,
        CASE WHEN p.pubviaroot THEN 'via root' END,
        'generated columns ' || nullif(p.pubgencols::text, 'n'), -- from 18
        'schemas ' || (SELECT string_agg(quote_ident(n.nspname), ', ' ORDER BY n.nspname) -- from 15
            FROM pg_publication_namespace m JOIN pg_namespace n ON n.oid = m.pnnspid WHERE m.pnpubid = p.oid), -- from 15
        'tables ' || (
            SELECT string_agg(m.prrelid::regclass::text
                || coalesce(' (' || (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) -- from 15
                    FROM pg_attribute a WHERE a.attrelid = m.prrelid AND a.attnum = ANY (m.prattrs)) || ')', '') -- from 15
                || coalesce(' where ' || pg_get_expr(m.prqual, m.prrelid), '') -- from 15
                , ', ' ORDER BY m.prrelid::regclass::text)
            FROM pg_publication_rel m WHERE m.prpubid = p.oid)),
    ''
FROM pg_publication p
UNION ALL
-- where a subscription connects to holds a password and is not the schema's business
SELECT 'subscription ' || quote_ident(u.subname),
    concat_ws('; ',
        'owner ' || pg_get_userbyid(u.subowner)::text, CASE WHEN NOT u.subenabled THEN 'disabled' END,
        'slot ' || quote_ident(u.subslotname), 'synchronous_commit ' || u.subsynccommit,
        CASE WHEN u.subbinary THEN 'binary' END,
        'streaming ' || nullif(u.substream::text, 'false'), 'publications ' || array_to_string(u.subpublications, ', ')),
    ''
FROM pg_subscription u
WHERE u.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
UNION ALL
SELECT 'foreign data wrapper ' || quote_ident(w.fdwname),
    concat_ws('; ',
        'owner ' || pg_get_userbyid(w.fdwowner)::text, 'handler ' || nullif(w.fdwhandler, 0)::regprocedure::text,
        'validator ' || nullif(w.fdwvalidator, 0)::regprocedure::text,
        'options ' || (SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(w.fdwoptions) o WHERE o !~* '^[^=]*(pass|secret|token|credential|key)')),
    ''
FROM pg_foreign_data_wrapper w
WHERE w.oid NOT IN (SELECT objid FROM members WHERE classid = 'pg_foreign_data_wrapper'::regclass)
UNION ALL
SELECT 'server ' || quote_ident(v.srvname),
    concat_ws('; ',
        'owner ' || pg_get_userbyid(v.srvowner)::text, 'wrapper ' || quote_ident(w.fdwname),
        'type ' || quote_literal(v.srvtype), 'version ' || quote_literal(v.srvversion),
        'options ' || (SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(v.srvoptions) o WHERE o !~* '^[^=]*(pass|secret|token|credential|key)')),
    ''
FROM pg_foreign_server v
JOIN pg_foreign_data_wrapper w ON w.oid = v.srvfdw
WHERE v.oid NOT IN (SELECT objid FROM members WHERE classid = 'pg_foreign_server'::regclass)
UNION ALL
SELECT 'user mapping for ' || quote_ident(m.usename) || ' server ' || quote_ident(m.srvname),
    concat_ws('; ', 'options ' || (SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(m.umoptions) o WHERE o !~* '^[^=]*(pass|secret|token|credential|key)')), ''
FROM pg_user_mappings m
