-- comments on relations and what hangs on them
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
