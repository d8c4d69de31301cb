-- Everything that the other files make texts of, as it stands in the catalogs: one text a row, without joins, since in a
-- new session these cost more to plan than to run. What may be a user's is named, for its OID is another one in each
-- database; pg_get_*def and pg_get_expr name what they refer to. Whole families are only counted (see "left").
WITH spaces AS MATERIALIZED (
    SELECT array_agg(oid) AS oids FROM pg_namespace
    WHERE left(nspname, 3) <> 'pg_' AND nspname NOT IN ('information_schema', 'aegisdb')
),
relations AS MATERIALIZED (
    SELECT array_agg(oid) FILTER (WHERE relkind NOT IN ('i', 'I')) AS oids,
        array_agg(oid) FILTER (WHERE relkind IN ('i', 'I')) AS indexes,
        min(oid) AS least -- most rows of pg_attribute are the system's own, and looking for them in an array takes long
    FROM pg_class
    WHERE relnamespace = ANY ((SELECT oids FROM spaces)::oid[])
),
members AS MATERIALIZED (
    SELECT classid, objid FROM pg_depend WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
),
member_relations AS MATERIALIZED (SELECT objid FROM members WHERE classid = 'pg_class'::regclass),
member_types AS MATERIALIZED (SELECT objid FROM members WHERE classid = 'pg_type'::regclass),
member_routines AS MATERIALIZED (SELECT objid FROM members WHERE classid = 'pg_proc'::regclass),
member_spaces AS MATERIALIZED (SELECT objid FROM members WHERE classid = 'pg_namespace'::regclass)
SELECT ROW('schema', nspname, pg_get_userbyid(nspowner), nspacl, oid IN (SELECT objid FROM member_spaces))::text
FROM pg_namespace
WHERE oid = ANY ((SELECT oids FROM spaces)::oid[])
UNION ALL
SELECT ROW('relation', oid::regclass, relkind, relpersistence, pg_get_userbyid(relowner), relacl, reloptions,
    CASE WHEN relam >= 16384 THEN pg_describe_object('pg_am'::regclass, relam, 0) ELSE relam::text END,
    reloftype::regtype, relrowsecurity, relforcerowsecurity, relreplident, relispopulated,
    CASE WHEN relpartbound IS NOT NULL THEN pg_get_expr(relpartbound, oid) END,
    CASE WHEN relkind = 'p' THEN pg_get_partkeydef(oid) WHEN relkind IN ('v', 'm') THEN pg_get_viewdef(oid) END,
    CASE WHEN reltablespace <> 0 THEN pg_describe_object('pg_tablespace'::regclass, reltablespace, 0) END,
    CASE WHEN reltoastrelid <> 0 THEN (SELECT toast.reloptions FROM pg_class toast WHERE toast.oid = c.reltoastrelid) END,
    oid IN (SELECT objid FROM member_relations))::text
FROM pg_class c
WHERE relnamespace = ANY ((SELECT oids FROM spaces)::oid[])
UNION ALL
SELECT ROW('privileges', oid::regclass, relacl, oid IN (SELECT objid FROM member_relations))::text
FROM pg_class
WHERE relnamespace = 'pg_catalog'::regnamespace AND relacl IS NOT NULL
UNION ALL
SELECT ROW('foreign table', ftrelid::regclass, pg_describe_object('pg_foreign_server'::regclass, ftserver, 0), ftoptions)::text
FROM pg_foreign_table
UNION ALL
SELECT ROW('parent', inhrelid::regclass, inhparent::regclass, inhseqno, inhdetachpending)::text
FROM pg_inherits
UNION ALL
SELECT ROW('column', attrelid::regclass, attnum, attname, format_type(atttypid, atttypmod),
    nullif(attcollation, 100)::regcollation, attnotnull, attgenerated, attidentity, attstorage, attcompression,
    attstattarget, attoptions, attfdwoptions, attislocal, attinhcount, attacl)::text
FROM pg_attribute
WHERE attrelid >= (SELECT least FROM relations) AND attrelid = ANY ((SELECT oids FROM relations)::oid[]) AND NOT attisdropped AND (attnum > 0 OR attacl IS NOT NULL)
UNION ALL
SELECT ROW('statistics of an index', attrelid::regclass, attnum, attstattarget)::text
FROM pg_attribute
WHERE attstattarget >= 0 AND attrelid = ANY ((SELECT indexes FROM relations)::oid[])
UNION ALL
SELECT ROW('default', adrelid::regclass, adnum, pg_get_expr(adbin, adrelid))::text
FROM pg_attrdef
WHERE adrelid = ANY ((SELECT oids FROM relations)::oid[])
UNION ALL
SELECT ROW('constraint', conrelid::regclass, contypid::regtype, conname, contype, pg_get_constraintdef(oid), conkey,
    connoinherit, convalidated, conislocal, coninhcount, conparentid <> 0, conindid::regclass)::text
FROM pg_constraint
WHERE connamespace = ANY ((SELECT oids FROM spaces)::oid[])
UNION ALL
SELECT ROW('index', indexrelid::regclass, indrelid::regclass, indisvalid, indisclustered, indisreplident,
    indexprs IS NOT NULL, CASE WHEN indexrelid NOT IN (
        SELECT conindid FROM pg_constraint WHERE contype IN ('p', 'u', 'x')) THEN pg_get_indexdef(indexrelid) END)::text
FROM pg_index
WHERE indexrelid = ANY ((SELECT indexes FROM relations)::oid[])
UNION ALL
SELECT ROW('trigger', tgrelid::regclass, tgenabled, tgisinternal, tgparentid <> 0,
    CASE WHEN NOT tgisinternal OR tgparentid <> 0 THEN tgname END,
    CASE WHEN NOT tgisinternal THEN pg_get_triggerdef(oid) END,
    CASE WHEN tgisinternal AND tgconstraint <> 0 THEN pg_describe_object('pg_constraint'::regclass, tgconstraint, 0) END)::text
FROM pg_trigger t
WHERE tgrelid = ANY ((SELECT oids FROM relations)::oid[])
    AND (CASE WHEN tgparentid = 0 THEN NOT tgisinternal
            ELSE tgenabled <> (SELECT tgenabled FROM pg_trigger parent WHERE parent.oid = t.tgparentid) END
        OR tgisinternal AND tgenabled <> 'O')
UNION ALL
SELECT ROW('rule', ev_class::regclass, rulename, ev_enabled, pg_get_ruledef(oid))::text
FROM pg_rewrite
WHERE ev_type <> '1' AND ev_class = ANY ((SELECT oids FROM relations)::oid[])
UNION ALL
SELECT ROW('policy', polrelid::regclass, polname, polcmd, polpermissive,
    ARRAY(SELECT CASE role WHEN 0 THEN NULL ELSE pg_get_userbyid(role) END FROM unnest(polroles) role),
    pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))::text
FROM pg_policy
UNION ALL
SELECT ROW('sequence', seqrelid::regclass, format_type(seqtypid, NULL), seqstart, seqincrement, seqmin, seqmax, seqcache,
    seqcycle)::text
FROM pg_sequence
WHERE seqrelid = ANY ((SELECT oids FROM relations)::oid[])
UNION ALL
SELECT ROW('sequence of', objid::regclass, refobjid::regclass, refobjsubid, deptype)::text
FROM pg_depend
WHERE classid = 'pg_class'::regclass AND objsubid = 0 AND refclassid = 'pg_class'::regclass AND refobjsubid > 0
    AND deptype IN ('a', 'i') AND objid = ANY ((SELECT oids FROM relations)::oid[])
UNION ALL
SELECT ROW('statistics', stxnamespace::regnamespace, stxname, stxrelid::regclass, pg_get_userbyid(stxowner),
    pg_get_statisticsobjdef(oid), stxstattarget)::text
FROM pg_statistic_ext
UNION ALL
SELECT ROW('comment', CASE WHEN classoid = 'pg_class'::regclass THEN objoid::regclass::text
        ELSE pg_describe_object(classoid, objoid, 0) END, classoid::regclass, objsubid, description,
    (classoid, objoid) IN (SELECT classid, objid FROM members))::text
FROM pg_description
WHERE objoid >= 16384 OR classoid = 'pg_namespace'::regclass
    OR classoid = 'pg_class'::regclass AND objoid = ANY ((SELECT oids FROM relations)::oid[])
UNION ALL
SELECT ROW('type', oid::regtype, pg_get_userbyid(typowner), typacl, typtype, typlen, typbyval, typalign, typstorage,
    typcategory, typispreferred, typdelim, typnotnull, typcollation::regcollation, format_type(typbasetype, typtypmod),
    typelem::regtype, typinput::regprocedure, typoutput::regprocedure, typreceive::regprocedure, typsend::regprocedure,
    typmodin::regprocedure, typmodout::regprocedure, typanalyze::regprocedure, typsubscript::regprocedure, typdefault,
    pg_get_expr(typdefaultbin, 'pg_type'::regclass))::text
FROM pg_type
WHERE typnamespace = ANY ((SELECT oids FROM spaces)::oid[]) AND oid NOT IN (SELECT objid FROM member_types)
    -- what comes with a relation is told by it
    AND (typtype = 'c' AND typacl IS NOT NULL OR typrelid = 0 AND oid NOT IN (SELECT typarray FROM pg_type WHERE typrelid <> 0))
UNION ALL
SELECT ROW('value', enumtypid::regtype, enumlabel, rank() OVER (PARTITION BY enumtypid ORDER BY enumsortorder))::text
FROM pg_enum
UNION ALL
SELECT ROW('range', rngtypid::regtype, rngsubtype::regtype, rngmultitypid::regtype, rngcollation::regcollation,
    pg_describe_object('pg_opclass'::regclass, rngsubopc, 0), rngcanonical::regprocedure, rngsubdiff::regprocedure)::text
FROM pg_range
WHERE rngtypid >= 16384
UNION ALL
SELECT ROW('routine', oid::regprocedure, pg_get_userbyid(proowner), prokind, proacl, proparallel,
    pg_get_function_identity_arguments(oid), pg_get_function_arguments(oid), pg_get_function_result(oid),
    CASE WHEN prokind <> 'a' THEN pg_get_functiondef(oid) ELSE (
        SELECT ROW(aggkind, aggtransfn, format_type(aggtranstype, NULL), aggtransspace, agginitval, aggfinalfn, aggfinalextra,
            aggfinalmodify, aggcombinefn, aggserialfn, aggdeserialfn, aggmtransfn, aggminvtransfn,
            format_type(aggmtranstype, NULL), aggmtransspace, aggminitval, aggmfinalfn, aggmfinalextra, aggmfinalmodify,
            aggsortop::regoperator)::text
        FROM pg_aggregate WHERE aggfnoid = p.oid) END)::text
FROM pg_proc p
WHERE pronamespace = ANY ((SELECT oids FROM spaces)::oid[]) AND oid NOT IN (SELECT objid FROM member_routines)
UNION ALL
SELECT ROW('privileges', oid::regprocedure, proacl, oid IN (SELECT objid FROM member_routines))::text
FROM pg_proc
WHERE proacl IS NOT NULL
UNION ALL
SELECT ROW('privileges', 'language', lanname, pg_get_userbyid(lanowner), lanacl)::text
FROM pg_language
WHERE lanacl IS NOT NULL
UNION ALL
SELECT ROW('privileges at first', classoid::regclass, objsubid, initprivs,
    CASE WHEN objoid >= 16384 THEN pg_describe_object(classoid, objoid, 0) ELSE objoid::text END)::text
FROM pg_init_privs
UNION ALL
SELECT ROW('extension', extname, extnamespace::regnamespace)::text
FROM pg_extension
UNION ALL
-- families of which there are objects that no extension has: whoever reads this reads those files as well
SELECT 'left ' || family
FROM (VALUES
    ('operators', 'pg_operator'::regclass::oid, (SELECT count(*) FROM pg_operator WHERE oid >= 16384)),
    ('operators', 'pg_opclass'::regclass, (SELECT count(*) FROM pg_opclass WHERE oid >= 16384)),
    ('operators', 'pg_opfamily'::regclass, (SELECT count(*) FROM pg_opfamily WHERE oid >= 16384)),
    ('operators', 'pg_cast'::regclass, (SELECT count(*) FROM pg_cast WHERE oid >= 16384)),
    ('operators', 'pg_am'::regclass, (SELECT count(*) FROM pg_am WHERE oid >= 16384)),
    ('operators', 'pg_language'::regclass, (SELECT count(*) FROM pg_language WHERE oid >= 16384)),
    ('operators', 'pg_transform'::regclass, (SELECT count(*) FROM pg_transform WHERE oid >= 16384)),
    ('text_search', 'pg_ts_config'::regclass, (SELECT count(*) FROM pg_ts_config WHERE oid >= 16384)),
    ('text_search', 'pg_ts_dict'::regclass, (SELECT count(*) FROM pg_ts_dict WHERE oid >= 16384)),
    ('text_search', 'pg_ts_parser'::regclass, (SELECT count(*) FROM pg_ts_parser WHERE oid >= 16384)),
    ('text_search', 'pg_ts_template'::regclass, (SELECT count(*) FROM pg_ts_template WHERE oid >= 16384)),
    ('text_search', 'pg_collation'::regclass, (SELECT count(*) FROM pg_collation WHERE oid >= 16384)),
    ('text_search', 'pg_conversion'::regclass, (SELECT count(*) FROM pg_conversion WHERE oid >= 16384))
) made (family, class, number)
WHERE number <> (SELECT count(*) FROM members WHERE classid = class AND objid >= 16384)
UNION ALL
SELECT 'left database'
WHERE EXISTS (SELECT FROM pg_event_trigger) OR EXISTS (SELECT FROM pg_default_acl) OR EXISTS (SELECT FROM pg_publication)
    OR EXISTS (SELECT FROM pg_foreign_data_wrapper)
    OR EXISTS (SELECT FROM pg_subscription
        WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database()))
UNION ALL
SELECT 'left other_comments' WHERE EXISTS (SELECT FROM pg_seclabel)
UNION ALL
SELECT 'left other_grants' WHERE EXISTS (SELECT FROM pg_foreign_data_wrapper)
