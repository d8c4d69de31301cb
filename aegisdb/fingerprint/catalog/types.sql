SELECT CASE t.typtype WHEN 'd' THEN 'domain ' ELSE 'type ' END || s.name || '.' || quote_ident(t.typname),
    concat_ws('; ',
        'owner ' || pg_get_userbyid(t.typowner)::text,
        CASE t.typtype
            WHEN 'e' THEN 'enum (' || coalesce((
                SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)
                FROM pg_enum e WHERE e.enumtypid = t.oid), '') || ')'
            WHEN 'c' THEN 'composite (' || coalesce((
                SELECT string_agg(
                    concat_ws(' ', quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
                        CASE WHEN a.attcollation <> at.typcollation THEN 'collate ' || a.attcollation::regcollation::text END),
                    ', ' ORDER BY a.attnum)
                FROM pg_attribute a JOIN pg_type at ON at.oid = a.atttypid
                WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped), '') || ')'
            WHEN 'd' THEN concat_ws('; ',
                format_type(t.typbasetype, t.typtypmod),
                CASE WHEN t.typcollation <> base.typcollation THEN 'collate ' || t.typcollation::regcollation::text END,
                CASE WHEN t.typnotnull THEN 'not null' END,
                'default ' || pg_get_expr(t.typdefaultbin, 'pg_type'::regclass))
            WHEN 'r' THEN (
                SELECT concat_ws('; ',
                    'range of ' || format_type(g.rngsubtype, NULL),
                    'operator class ' || quote_ident(ocn.nspname) || '.' || quote_ident(oc.opcname),
                    CASE WHEN g.rngcollation <> sub.typcollation THEN 'collate ' || g.rngcollation::regcollation::text END,
                    'canonical ' || nullif(g.rngcanonical, 0)::regproc::text,
                    'difference ' || nullif(g.rngsubdiff, 0)::regproc::text,
                    'multirange ' || format_type(g.rngmultitypid, NULL))
                FROM pg_range g
                JOIN pg_type sub ON sub.oid = g.rngsubtype
                JOIN pg_opclass oc ON oc.oid = g.rngsubopc
                JOIN pg_namespace ocn ON ocn.oid = oc.opcnamespace
                WHERE g.rngtypid = t.oid)
            WHEN 'p' THEN 'shell'
            WHEN 'b' THEN concat_ws('; ',
                'input ' || t.typinput::regproc::text, 'output ' || t.typoutput::regproc::text,
                'receive ' || nullif(t.typreceive, 0)::regproc::text, 'send ' || nullif(t.typsend, 0)::regproc::text,
                'typmod_in ' || nullif(t.typmodin, 0)::regproc::text, 'typmod_out ' || nullif(t.typmodout, 0)::regproc::text,
                'analyze ' || nullif(t.typanalyze, 0)::regproc::text,
                'subscript ' || nullif(t.typsubscript, 0)::regproc::text,
                'length ' || t.typlen::text, CASE WHEN t.typbyval THEN 'by value' END,
                'alignment ' || t.typalign::text, 'storage ' || t.typstorage::text,
                'category ' || t.typcategory::text || CASE WHEN t.typispreferred THEN ' preferred' ELSE '' END,
                'delimiter ' || t.typdelim::text, 'element ' || format_type(nullif(t.typelem, 0), NULL),
                CASE WHEN t.typcollation <> 0 THEN 'collatable' END, 'default ' || quote_literal(t.typdefault)) END),
    CASE WHEN t.typtype = 'd' THEN '' ELSE '' END
FROM pg_type t
JOIN spaces s ON s.oid = t.typnamespace
LEFT JOIN pg_class c ON c.oid = t.typrelid
LEFT JOIN pg_type base ON base.oid = t.typbasetype
WHERE t.typtype IN ('e', 'd', 'r', 'b', 'p', 'c')
    AND (t.typtype <> 'c' OR c.relkind = 'c')
    -- the array type of another type, and the multirange of a range, come with it
    AND NOT EXISTS (SELECT FROM pg_type elem WHERE elem.typarray = t.oid)
    AND t.oid NOT IN (SELECT objid FROM members WHERE classid = 'pg_type'::regclass)
UNION ALL
SELECT 'constraint ' || s.name || '.' || quote_ident(t.typname) || '.' || quote_ident(k.conname),
    concat_ws('; ', pg_get_constraintdef(k.oid)), s.name || '.' || quote_ident(t.typname)
FROM pg_constraint k
JOIN pg_type t ON t.oid = k.contypid
JOIN spaces s ON s.oid = t.typnamespace
WHERE k.contypid <> 0 AND k.contype = 'c'
    AND t.oid NOT IN (SELECT objid FROM members WHERE classid = 'pg_type'::regclass)
