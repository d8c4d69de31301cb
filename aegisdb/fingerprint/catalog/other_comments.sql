-- other comments; those of an extension's members come with the extension, those of the system with the system
SELECT 'comment on ' || o.type || ' ' || o.identity, quote_literal(d.description), ''
FROM (
    SELECT d.*
    FROM pg_description d
    WHERE (d.objoid >= 16384 OR d.classoid = 'pg_namespace'::regclass AND d.objoid <> 'pg_catalog'::regnamespace
            AND d.objoid <> 'pg_toast'::regnamespace)
        AND d.classoid NOT IN ('pg_trigger'::regclass, 'pg_largeobject'::regclass)
        AND CASE d.classoid
            WHEN 'pg_class'::regclass THEN NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = d.objoid AND c.relkind <> 'c')
            WHEN 'pg_constraint'::regclass
                THEN NOT EXISTS (SELECT FROM pg_constraint k WHERE k.oid = d.objoid AND k.conrelid <> 0)
            ELSE true END
        AND (d.classoid, d.objoid) NOT IN (SELECT classid, objid FROM members)
    OFFSET 0 -- the costly function below only for what is left
) d
CROSS JOIN LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) o
WHERE o.schema IS DISTINCT FROM 'aegisdb' AND o.identity <> 'aegisdb'
UNION ALL
SELECT 'security label ' || l.provider || ' on ' || o.type || ' ' || o.identity, quote_literal(l.label), ''
FROM pg_seclabel l
CROSS JOIN LATERAL pg_identify_object(l.classoid, l.objoid, l.objsubid) o
WHERE l.classoid <> 'pg_largeobject'::regclass
