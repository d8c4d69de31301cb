-- comments; those of an extension's members come with the extension, those of the system with the system
SELECT 'comment on ' || CASE WHEN d.objsubid = 0 THEN r.kind || r.id ELSE 'column ' || r.id || '.' || quote_ident(a.attname) END,
    quote_literal(d.description), r.id
FROM relations r
JOIN pg_description d ON d.classoid = 'pg_class'::regclass AND d.objoid = r.oid
LEFT JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum = d.objsubid AND d.objsubid <> 0
UNION ALL
SELECT 'comment on index ' || r.space || '.' || quote_ident(x.relname), quote_literal(d.description), r.id
FROM relations r
JOIN pg_index i ON i.indrelid = r.oid
JOIN pg_class x ON x.oid = i.indexrelid
JOIN pg_description d ON d.classoid = 'pg_class'::regclass AND d.objoid = x.oid AND d.objsubid = 0
UNION ALL
SELECT 'comment on constraint ' || r.id || '.' || quote_ident(k.conname), quote_literal(d.description), r.id
FROM relations r
JOIN pg_constraint k ON k.conrelid = r.oid
JOIN pg_description d ON d.classoid = 'pg_constraint'::regclass AND d.objoid = k.oid
UNION ALL
SELECT 'comment on trigger ' || r.id || '.' || quote_ident(g.tgname), quote_literal(d.description), r.id
FROM relations r
JOIN pg_trigger g ON g.tgrelid = r.oid
JOIN pg_description d ON d.classoid = 'pg_trigger'::regclass AND d.objoid = g.oid
UNION ALL
SELECT 'comment on ' || o.type || ' ' || o.identity, quote_literal(d.description), ''
FROM (
    SELECT d.*
    FROM pg_description d
    LEFT JOIN pg_class c ON d.classoid = 'pg_class'::regclass AND c.oid = d.objoid
    LEFT JOIN pg_constraint k ON d.classoid = 'pg_constraint'::regclass AND k.oid = d.objoid
    WHERE (d.objoid >= 16384 OR d.classoid = 'pg_namespace'::regclass AND d.objoid <> 'pg_catalog'::regnamespace
            AND d.objoid <> 'pg_toast'::regnamespace)
        AND d.classoid NOT IN ('pg_trigger'::regclass, 'pg_largeobject'::regclass)
        AND coalesce(c.relkind, 'c') = 'c' AND coalesce(k.conrelid, 0) = 0
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
