-- privileges that differ from what the object would have without any GRANT or REVOKE
SELECT 'grants on ' || g.object, coalesce(acl.items, 'none'), g.relation
FROM (
    SELECT r.kind || r.id AS object, r.relacl AS given,
        acldefault((CASE r.relkind WHEN 'S' THEN 's' ELSE 'r' END)::"char", r.relowner) AS usual, r.id AS relation
    FROM relations r
    WHERE r.relacl IS NOT NULL
    UNION ALL
    SELECT 'column ' || r.id || '.' || quote_ident(a.attname), a.attacl, '{}', r.id
    FROM relations r
    JOIN pg_attribute a ON a.attrelid = r.oid AND a.attacl IS NOT NULL AND NOT a.attisdropped
) g
LEFT JOIN LATERAL (
    SELECT string_agg(item::text, ', ' ORDER BY item::text) AS items FROM unnest(g.given) item
) acl ON true
WHERE NOT (g.given @> g.usual AND g.usual @> g.given) OR g.usual IS NULL
