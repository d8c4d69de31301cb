-- What the other files select from. A common table expression that a query does not use costs nothing.
-- Every query gives rows of three columns: the object's key, its facts, and the relation that it hangs on ('' for none).
-- A line that ends in "-- from 15" or "-- before 18" is for those major versions of PostgreSQL only.
WITH spaces AS (
    SELECT oid, quote_ident(nspname) AS name
    FROM pg_namespace
    WHERE left(nspname, 3) <> 'pg_' AND nspname NOT IN ('information_schema', 'aegisdb')
),
members AS (
    SELECT classid, objid FROM pg_depend WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
),
relations AS (
    SELECT c.*, s.name || '.' || quote_ident(c.relname) AS id, s.name AS space,
        CASE c.relkind
            WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view ' WHEN 'S' THEN 'sequence '
            WHEN 'f' THEN 'foreign table ' ELSE 'table ' END AS kind
    FROM pg_class c
    JOIN spaces s ON s.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S')
        AND NOT EXISTS (SELECT FROM members m WHERE m.classid = 'pg_class'::regclass AND m.objid = c.oid)
)
