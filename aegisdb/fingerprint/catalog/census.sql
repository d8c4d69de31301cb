-- Families of which there are objects that belong to no extension; planning a query that finds nothing costs the most.
-- 16384 is the first oid that a user's object can have.
WITH made (family, class, object) AS MATERIALIZED ( -- else each part looks through all members of extensions by itself
    SELECT 'operators', 'pg_operator'::regclass, oid FROM pg_operator WHERE oid >= 16384
    UNION ALL SELECT 'operators', 'pg_opclass', oid FROM pg_opclass WHERE oid >= 16384
    UNION ALL SELECT 'operators', 'pg_opfamily', oid FROM pg_opfamily WHERE oid >= 16384
    UNION ALL SELECT 'operators', 'pg_cast', oid FROM pg_cast WHERE oid >= 16384
    UNION ALL SELECT 'operators', 'pg_am', oid FROM pg_am WHERE oid >= 16384
    UNION ALL SELECT 'operators', 'pg_language', oid FROM pg_language WHERE oid >= 16384
    UNION ALL SELECT 'operators', 'pg_transform', oid FROM pg_transform WHERE oid >= 16384
    UNION ALL SELECT 'text_search', 'pg_ts_config', oid FROM pg_ts_config WHERE oid >= 16384
    UNION ALL SELECT 'text_search', 'pg_ts_dict', oid FROM pg_ts_dict WHERE oid >= 16384
    UNION ALL SELECT 'text_search', 'pg_ts_parser', oid FROM pg_ts_parser WHERE oid >= 16384
    UNION ALL SELECT 'text_search', 'pg_ts_template', oid FROM pg_ts_template WHERE oid >= 16384
    UNION ALL SELECT 'text_search', 'pg_collation', oid FROM pg_collation WHERE oid >= 16384
    UNION ALL SELECT 'text_search', 'pg_conversion', oid FROM pg_conversion WHERE oid >= 16384
    UNION ALL SELECT 'routines', 'pg_proc', oid FROM pg_proc WHERE oid >= 16384
    -- types that come with a table, arrays and multiranges are told with what they come with
    UNION ALL SELECT 'types', 'pg_type', reltype FROM pg_class WHERE oid >= 16384 AND relkind = 'c'
    UNION ALL SELECT 'types', 'pg_type', oid FROM pg_type
    -- an array has none of itself, every other one of the base types has
    WHERE oid >= 16384 AND typtype NOT IN ('c', 'm') AND NOT (typtype = 'b' AND typelem <> 0 AND typarray = 0)
)
SELECT DISTINCT family
FROM made
WHERE (class, object) NOT IN (
    SELECT classid, objid FROM pg_depend WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e')
