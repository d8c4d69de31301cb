SELECT CASE p.prokind WHEN 'p' THEN 'procedure ' ELSE 'function ' END
        || s.name || '.' || quote_ident(p.proname) || '(' || pg_get_function_identity_arguments(p.oid) || ')',
    concat_ws('; ', 'owner ' || pg_get_userbyid(p.proowner)::text, pg_get_functiondef(p.oid)),
    ''
FROM pg_proc p
JOIN spaces s ON s.oid = p.pronamespace
WHERE p.prokind <> 'a' AND p.oid NOT IN (SELECT objid FROM members WHERE classid = 'pg_proc'::regclass)
    -- the constructors of a range type come with it
    AND NOT EXISTS (
        SELECT FROM pg_depend d
        WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'i')
UNION ALL
SELECT 'aggregate ' || s.name || '.' || quote_ident(p.proname) || '(' || pg_get_function_identity_arguments(p.oid) || ')',
    concat_ws('; ',
        'owner ' || pg_get_userbyid(p.proowner)::text,
        'arguments ' || pg_get_function_arguments(p.oid), 'returns ' || pg_get_function_result(p.oid),
        CASE a.aggkind WHEN 'o' THEN 'ordered-set' WHEN 'h' THEN 'hypothetical-set' END,
        'sfunc ' || nullif(a.aggtransfn, 0)::regprocedure::text, 'stype ' || format_type(a.aggtranstype, NULL),
        'sspace ' || nullif(a.aggtransspace, 0)::text, 'initcond ' || quote_literal(a.agginitval),
        'finalfunc ' || nullif(a.aggfinalfn, 0)::regprocedure::text, CASE WHEN a.aggfinalextra THEN 'finalfunc_extra' END,
        'finalfunc_modify ' || a.aggfinalmodify::text, 'combinefunc ' || nullif(a.aggcombinefn, 0)::regprocedure::text,
        'serialfunc ' || nullif(a.aggserialfn, 0)::regprocedure::text,
        'deserialfunc ' || nullif(a.aggdeserialfn, 0)::regprocedure::text,
        'msfunc ' || nullif(a.aggmtransfn, 0)::regprocedure::text, 'minvfunc ' || nullif(a.aggminvtransfn, 0)::regprocedure::text,
        'mstype ' || format_type(nullif(a.aggmtranstype, 0), NULL), 'msspace ' || nullif(a.aggmtransspace, 0)::text,
        'minitcond ' || quote_literal(a.aggminitval),
        'mfinalfunc ' || nullif(a.aggmfinalfn, 0)::regprocedure::text,
        CASE WHEN a.aggmfinalextra THEN 'mfinalfunc_extra' END, 'mfinalfunc_modify ' || a.aggmfinalmodify::text,
        'sortop ' || nullif(a.aggsortop, 0)::regoperator::text, 'parallel ' || p.proparallel::text),
    ''
FROM pg_proc p
JOIN pg_aggregate a ON a.aggfnoid = p.oid
JOIN spaces s ON s.oid = p.pronamespace
WHERE p.oid NOT IN (SELECT objid FROM members WHERE classid = 'pg_proc'::regclass)
