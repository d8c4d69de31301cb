-- text search, collations and conversions
SELECT 'text search configuration ' || s.name || '.' || quote_ident(c.cfgname),
    concat_ws('; ',
        'owner ' || pg_get_userbyid(c.cfgowner)::text, 'parser ' || quote_ident(ps.nspname) || '.' || quote_ident(p.prsname),
        (SELECT string_agg(t.alias || ' with ' || m.dictionaries, '; ' ORDER BY t.alias)
            FROM (SELECT maptokentype, string_agg(mapdict::regdictionary::text, ', ' ORDER BY mapseqno) AS dictionaries
                FROM pg_ts_config_map WHERE mapcfg = c.oid GROUP BY maptokentype) m
            JOIN ts_token_type(c.cfgparser) t ON t.tokid = m.maptokentype)),
    ''
FROM pg_ts_config c
JOIN spaces s ON s.oid = c.cfgnamespace
JOIN pg_ts_parser p ON p.oid = c.cfgparser
JOIN pg_namespace ps ON ps.oid = p.prsnamespace
WHERE c.oid NOT IN (SELECT objid FROM members WHERE classid = 'pg_ts_config'::regclass)
UNION ALL
SELECT 'text search dictionary ' || s.name || '.' || quote_ident(d.dictname),
    concat_ws('; ',
        'owner ' || pg_get_userbyid(d.dictowner)::text, 'template ' || quote_ident(ts.nspname) || '.' || quote_ident(t.tmplname),
        d.dictinitoption),
    ''
FROM pg_ts_dict d
JOIN spaces s ON s.oid = d.dictnamespace
JOIN pg_ts_template t ON t.oid = d.dicttemplate
JOIN pg_namespace ts ON ts.oid = t.tmplnamespace
WHERE d.oid NOT IN (SELECT objid FROM members WHERE classid = 'pg_ts_dict'::regclass)
UNION ALL
SELECT 'text search parser ' || s.name || '.' || quote_ident(p.prsname),
    concat_ws('; ',
        'start ' || p.prsstart::oid::regprocedure::text, 'gettoken ' || p.prstoken::oid::regprocedure::text,
        'end ' || p.prsend::oid::regprocedure::text, 'lextypes ' || p.prslextype::oid::regprocedure::text,
        'headline ' || nullif(p.prsheadline::oid, 0)::regprocedure::text),
    ''
FROM pg_ts_parser p
JOIN spaces s ON s.oid = p.prsnamespace
WHERE p.oid NOT IN (SELECT objid FROM members WHERE classid = 'pg_ts_parser'::regclass)
UNION ALL
SELECT 'text search template ' || s.name || '.' || quote_ident(t.tmplname),
    concat_ws('; ', 'init ' || nullif(t.tmplinit::oid, 0)::regprocedure::text, 'lexize ' || t.tmpllexize::oid::regprocedure::text),
    ''
FROM pg_ts_template t
JOIN spaces s ON s.oid = t.tmplnamespace
WHERE t.oid NOT IN (SELECT objid FROM members WHERE classid = 'pg_ts_template'::regclass)
UNION ALL
-- the version of a collation is a fact of the machine, not of the schema
SELECT 'collation ' || s.name || '.' || quote_ident(c.collname),
    concat_ws('; ',
        'owner ' || pg_get_userbyid(c.collowner)::text, 'provider ' || c.collprovider::text,
        'encoding ' || nullif(c.collencoding, -1)::text,
        'collate ' || c.collcollate::text, 'ctype ' || c.collctype::text,
        'locale ' || c.colliculocale, -- from 15 -- before 17
        'locale ' || c.colllocale, -- from 17
        'rules ' || c.collicurules, -- from 16
        CASE WHEN NOT c.collisdeterministic THEN 'not deterministic' END),
    ''
FROM pg_collation c
JOIN spaces s ON s.oid = c.collnamespace
WHERE c.oid NOT IN (SELECT objid FROM members WHERE classid = 'pg_collation'::regclass)
UNION ALL
SELECT 'conversion ' || s.name || '.' || quote_ident(c.conname),
    concat_ws('; ',
        'owner ' || pg_get_userbyid(c.conowner)::text,
        'from ' || pg_encoding_to_char(c.conforencoding), 'to ' || pg_encoding_to_char(c.contoencoding),
        'function ' || c.conproc::oid::regprocedure::text, CASE WHEN c.condefault THEN 'default' END),
    ''
FROM pg_conversion c
JOIN spaces s ON s.oid = c.connamespace
WHERE c.oid NOT IN (SELECT objid FROM members WHERE classid = 'pg_conversion'::regclass)
