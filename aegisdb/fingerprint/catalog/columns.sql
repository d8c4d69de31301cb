SELECT 'column ' || r.id || '.' || quote_ident(a.attname),
    concat_ws('; ',
        format_type(a.atttypid, a.atttypmod),
        CASE WHEN a.attcollation <> t.typcollation THEN 'collate ' || a.attcollation::regcollation::text END,
        CASE WHEN a.attnotnull THEN 'not null' END, -- before 18
        CASE WHEN a.attnotnull THEN concat_ws(' ', 'not null', -- from 18
            'named ' || CASE WHEN nn.conname <> r.relname::text || '_' || a.attname::text || '_not_null' -- from 18
                THEN quote_ident(nn.conname) END, -- from 18
            CASE WHEN nn.connoinherit THEN 'no inherit' END, -- from 18
            CASE WHEN NOT nn.convalidated THEN 'not valid' END, -- from 18
            CASE WHEN NOT nn.conislocal THEN 'inherited' WHEN nn.coninhcount > 0 THEN 'also inherited' END) END, -- from 18
        CASE a.attgenerated WHEN 's' THEN 'generated stored ' WHEN 'v' THEN 'generated virtual ' ELSE 'default ' END
            || CASE WHEN a.atthasdef THEN pg_get_expr(d.adbin, d.adrelid) END,
        CASE a.attidentity WHEN 'a' THEN 'identity always' WHEN 'd' THEN 'identity by default' END,
        'storage ' || CASE WHEN a.attstorage <> t.typstorage THEN
            CASE a.attstorage WHEN 'p' THEN 'plain' WHEN 'e' THEN 'external' WHEN 'm' THEN 'main' ELSE 'extended' END END,
        'compression ' || CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END,
        'statistics ' || CASE WHEN a.attstattarget >= 0 THEN a.attstattarget::text END,
        'with ' || CASE WHEN a.attoptions IS NOT NULL THEN (SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(a.attoptions) o
            WHERE NOT starts_with(o, 'pg_attver=')) END, -- 17.12 stamps each column for itself; pg_dump leaves it out
        'options ' || CASE WHEN a.attfdwoptions IS NOT NULL THEN (SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(a.attfdwoptions) o) END,
        CASE WHEN NOT a.attislocal THEN 'inherited' WHEN a.attinhcount > 0 THEN 'also inherited' END),
    r.id
FROM relations r
JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_constraint nn ON nn.conrelid = a.attrelid AND nn.contype = 'n' AND nn.conkey[1] = a.attnum -- from 18
WHERE r.relkind IN ('r', 'p', 'f')
    -- the definition of a view says the rest
    OR r.relkind IN ('v', 'm') AND (a.atthasdef OR a.attstattarget >= 0
            OR EXISTS (SELECT FROM unnest(a.attoptions) o WHERE NOT starts_with(o, 'pg_attver='))
        OR a.attstorage <> t.typstorage OR a.attcompression <> '')
UNION ALL
SELECT 'column order ' || r.id, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum), r.id
FROM relations r
JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE r.relkind IN ('r', 'p', 'f')
GROUP BY r.id
