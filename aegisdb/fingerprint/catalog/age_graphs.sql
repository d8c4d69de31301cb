-- only where the extension age is installed; the number of a label is another kind of OID
SELECT 'graph ' || quote_ident(g.name::text), 'schema ' || g.namespace::text, '' FROM ag_catalog.ag_graph g
UNION ALL
SELECT 'label ' || quote_ident(g.name::text) || '.' || quote_ident(l.name::text),
    concat_ws('; ', CASE l.kind WHEN 'v' THEN 'vertex' ELSE 'edge' END, 'relation ' || l.relation::text, 'sequence ' || quote_ident(l.seq_name::text)),
    ''
FROM ag_catalog.ag_label l
JOIN ag_catalog.ag_graph g ON g.graphid = l.graph
