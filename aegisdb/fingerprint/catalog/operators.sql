SELECT 'operator ' || s.name || '.' || o.oprname::text || '(' ||
        CASE WHEN o.oprleft = 0 THEN 'none' ELSE format_type(o.oprleft, NULL) END || ', '
        || CASE WHEN o.oprright = 0 THEN 'none' ELSE format_type(o.oprright, NULL) END || ')',
    concat_ws('; ',
        'owner ' || pg_get_userbyid(o.oprowner)::text, 'function ' || nullif(o.oprcode, 0)::regprocedure::text,
        'commutator ' || nullif(o.oprcom, 0)::regoperator::text, 'negator ' || nullif(o.oprnegate, 0)::regoperator::text,
        'restrict ' || nullif(o.oprrest, 0)::regprocedure::text, 'join ' || nullif(o.oprjoin, 0)::regprocedure::text,
        CASE WHEN o.oprcanhash THEN 'hashes' END, CASE WHEN o.oprcanmerge THEN 'merges' END),
    ''
FROM pg_operator o
JOIN spaces s ON s.oid = o.oprnamespace
WHERE o.oid NOT IN (SELECT objid FROM members WHERE classid = 'pg_operator'::regclass)
UNION ALL
SELECT 'operator class ' || s.name || '.' || quote_ident(o.opcname) || ' using ' || quote_ident(am.amname),
    concat_ws('; ',
        'owner ' || pg_get_userbyid(o.opcowner)::text, 'for type ' || format_type(o.opcintype, NULL),
        'family ' || quote_ident(fs.nspname) || '.' || quote_ident(f.opfname),
        CASE WHEN o.opcdefault THEN 'default' END, 'storage ' || format_type(nullif(o.opckeytype, 0), NULL),
        -- the members that belong to the class itself rather than to the family
        'members ' || (SELECT string_agg(pg_describe_object(d.classid, d.objid, 0), ', ' ORDER BY 1) FROM pg_depend d
            WHERE d.refclassid = 'pg_opclass'::regclass AND d.refobjid = o.oid AND d.deptype = 'i')),
    ''
FROM pg_opclass o
JOIN spaces s ON s.oid = o.opcnamespace
JOIN pg_am am ON am.oid = o.opcmethod
JOIN pg_opfamily f ON f.oid = o.opcfamily
JOIN pg_namespace fs ON fs.oid = f.opfnamespace
WHERE o.oid NOT IN (SELECT objid FROM members WHERE classid = 'pg_opclass'::regclass)
UNION ALL
SELECT 'operator family ' || s.name || '.' || quote_ident(f.opfname) || ' using ' || quote_ident(am.amname),
    concat_ws('; ',
        'owner ' || pg_get_userbyid(f.opfowner)::text,
        'operators ' || (
            SELECT string_agg(concat_ws(' ', m.amopstrategy, m.amopopr::regoperator,
                    'order by ' || (SELECT quote_ident(sort.opfname) FROM pg_opfamily sort WHERE sort.oid = m.amopsortfamily)),
                ', ' ORDER BY m.amopstrategy, m.amopopr::regoperator::text)
            FROM pg_amop m WHERE m.amopfamily = f.oid),
        'functions ' || (
            SELECT string_agg(concat_ws(' ', m.amprocnum, format_type(m.amproclefttype, NULL),
                    format_type(m.amprocrighttype, NULL), m.amproc::oid::regprocedure),
                ', ' ORDER BY m.amprocnum, m.amproc::oid::regprocedure::text, m.amproclefttype::regtype::text)
            FROM pg_amproc m WHERE m.amprocfamily = f.oid)),
    ''
FROM pg_opfamily f
JOIN spaces s ON s.oid = f.opfnamespace
JOIN pg_am am ON am.oid = f.opfmethod
WHERE f.oid NOT IN (SELECT objid FROM members WHERE classid = 'pg_opfamily'::regclass)
UNION ALL
SELECT 'cast (' || format_type(k.castsource, NULL) || ' as ' || format_type(k.casttarget, NULL) || ')',
    concat_ws('; ',
        CASE k.castmethod WHEN 'f' THEN 'function ' || k.castfunc::regprocedure::text WHEN 'i' THEN 'with inout' ELSE 'binary' END,
        CASE k.castcontext WHEN 'a' THEN 'as assignment' WHEN 'i' THEN 'implicit' ELSE 'explicit' END),
    ''
FROM pg_cast k
WHERE k.oid >= 16384 AND k.oid NOT IN (SELECT objid FROM members WHERE classid = 'pg_cast'::regclass)
    -- each range type has one to its multirange type, which is part of it
    AND NOT EXISTS (SELECT FROM pg_range r WHERE r.rngtypid = k.castsource AND r.rngmultitypid = k.casttarget)
UNION ALL
SELECT 'access method ' || quote_ident(m.amname),
    concat_ws('; ', CASE m.amtype WHEN 't' THEN 'table' ELSE 'index' END, 'handler ' || m.amhandler::text), ''
FROM pg_am m
WHERE m.oid >= 16384 AND m.oid NOT IN (SELECT objid FROM members WHERE classid = 'pg_am'::regclass)
UNION ALL
SELECT 'language ' || quote_ident(l.lanname),
    concat_ws('; ',
        'owner ' || pg_get_userbyid(l.lanowner)::text, CASE WHEN l.lanpltrusted THEN 'trusted' END,
        'handler ' || nullif(l.lanplcallfoid, 0)::regprocedure::text, 'inline ' || nullif(l.laninline, 0)::regprocedure::text,
        'validator ' || nullif(l.lanvalidator, 0)::regprocedure::text),
    ''
FROM pg_language l
WHERE l.lanispl AND l.oid NOT IN (SELECT objid FROM members WHERE classid = 'pg_language'::regclass)
UNION ALL
SELECT 'transform for ' || format_type(t.trftype, NULL) || ' language ' || quote_ident(l.lanname),
    concat_ws('; ', 'from sql ' || nullif(t.trffromsql, 0)::regprocedure::text, 'to sql ' || nullif(t.trftosql, 0)::regprocedure::text),
    ''
FROM pg_transform t
JOIN pg_language l ON l.oid = t.trflang
WHERE t.oid NOT IN (SELECT objid FROM members WHERE classid = 'pg_transform'::regclass)
