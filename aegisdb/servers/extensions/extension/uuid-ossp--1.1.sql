/* uuid-ossp 1.1 with the names, arguments, volatility and results of PostgreSQL's own contrib module.

   One difference, which SQL cannot avoid: there is no access to a network card, so uuid_generate_v1 takes a node
   that is derived from the cluster's system identifier. As RFC 9562 section 6.10 asks for a node that is no
   MAC address, its multicast bit is set. The clock sequence is random in every call: SQL keeps no state that a
   parallel worker may write. Two calls of version 1 are equal only if they fall into the same tenth of a
   microsecond and draw the same of 16384 sequences; uuid_generate_v1mc draws a new 47-bit node as well. */

\echo Use "CREATE EXTENSION "uuid-ossp"" to load this file. \quit

CREATE FUNCTION uuid_nil() RETURNS uuid
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql
RETURN '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid;

CREATE FUNCTION uuid_ns_dns() RETURNS uuid
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql
RETURN '6ba7b810-9dad-11d1-80b4-00c04fd430c8'::pg_catalog.uuid;

CREATE FUNCTION uuid_ns_url() RETURNS uuid
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql
RETURN '6ba7b811-9dad-11d1-80b4-00c04fd430c8'::pg_catalog.uuid;

CREATE FUNCTION uuid_ns_oid() RETURNS uuid
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql
RETURN '6ba7b812-9dad-11d1-80b4-00c04fd430c8'::pg_catalog.uuid;

CREATE FUNCTION uuid_ns_x500() RETURNS uuid
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql
RETURN '6ba7b814-9dad-11d1-80b4-00c04fd430c8'::pg_catalog.uuid;

/* Ticks are tenths of a microsecond since 1582-10-15; 122192928000000000 of them precede 1970.
   The fourth group of a random version 4 UUID is the variant and 14 random bits: just what a clock sequence needs. */
CREATE FUNCTION uuid_generate_v1() RETURNS uuid
VOLATILE STRICT PARALLEL SAFE LANGUAGE sql
BEGIN ATOMIC
    SELECT (substr(t.hex, 9, 8) || substr(t.hex, 5, 4) || '1' || substr(t.hex, 2, 3)
            || substr(gen_random_uuid()::text, 20, 4) || encode(set_bit(n.octets, 0, 1), 'hex'))::uuid
    FROM (SELECT lpad(to_hex((extract(epoch FROM clock_timestamp()) * 10000000)::bigint
                             + 122192928000000000 + floor(random() * 10)::bigint), 16, '0') AS hex) AS t,
         (SELECT decode(left(md5('node ' || system_identifier), 12), 'hex') AS octets FROM pg_control_system()) AS n;
END;

CREATE FUNCTION uuid_generate_v1mc() RETURNS uuid
VOLATILE STRICT PARALLEL SAFE LANGUAGE sql
BEGIN ATOMIC
    SELECT (substr(t.hex, 9, 8) || substr(t.hex, 5, 4) || '1' || substr(t.hex, 2, 3)
            || substr(gen_random_uuid()::text, 20, 4) || encode(set_bit(n.octets, 0, 1), 'hex'))::uuid
    FROM (SELECT lpad(to_hex((extract(epoch FROM clock_timestamp()) * 10000000)::bigint
                             + 122192928000000000 + floor(random() * 10)::bigint), 16, '0') AS hex) AS t,
         (SELECT substr(uuid_send(gen_random_uuid()), 11, 6) AS octets) AS n;
END;

CREATE FUNCTION uuid_generate_v3(namespace uuid, name text) RETURNS uuid
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql
BEGIN ATOMIC
    SELECT (substr(h.hex, 1, 12) || '3' || substr(h.hex, 14, 3)
            || to_hex((get_byte(decode(h.hex, 'hex'), 8) & 63) | 128) || substr(h.hex, 19))::uuid
    FROM (SELECT md5(uuid_send(namespace) || convert_to(name, getdatabaseencoding())) AS hex) AS h;
END;

CREATE FUNCTION uuid_generate_v4() RETURNS uuid
VOLATILE STRICT PARALLEL SAFE LANGUAGE sql
RETURN pg_catalog.gen_random_uuid();

/* SHA-1 (FIPS 180-4, 6.1.2) is written out, since the server has no function for it; it is no secret that it guards. */
CREATE FUNCTION uuid_generate_v5(namespace uuid, name text) RETURNS uuid
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $sha1$
DECLARE
    low32 CONSTANT bigint := 4294967295;
    message bytea := uuid_send(namespace) || convert_to(name, getdatabaseencoding());
    bits bigint := octet_length(message) * 8::bigint;
    h0 bigint := 1732584193; h1 bigint := 4023233417; h2 bigint := 2562383102; h3 bigint := 271733878; h4 bigint := 3285377520;
    a bigint; b bigint; c bigint; d bigint; e bigint; f bigint; k bigint; x bigint;
    w bigint[];
    hex text;
BEGIN
    message := message || '\x80'::bytea;
    message := message || decode(repeat('00', (120 - octet_length(message) % 64) % 64), 'hex') || int8send(bits);
    FOR block IN 0 .. octet_length(message) / 64 - 1 LOOP
        FOR t IN 0 .. 79 LOOP
            IF t < 16 THEN
                x := ('x' || encode(substr(message, block * 64 + t * 4 + 1, 4), 'hex'))::bit(32)::bigint & low32;
                w[t] := x;
            ELSE
                x := w[t - 3] # w[t - 8] # w[t - 14] # w[t - 16];
                w[t] := ((x << 1) | (x >> 31)) & low32;
            END IF;
        END LOOP;
        a := h0; b := h1; c := h2; d := h3; e := h4;
        FOR t IN 0 .. 79 LOOP
            IF t < 20 THEN
                f := (b & c) | (~b & d); k := 1518500249;
            ELSIF t < 40 THEN
                f := b # c # d; k := 1859775393;
            ELSIF t < 60 THEN
                f := (b & c) | (b & d) | (c & d); k := 2400959708;
            ELSE
                f := b # c # d; k := 3395469782;
            END IF;
            x := (((a << 5) | (a >> 27)) + f + e + k + w[t]) & low32;
            e := d; d := c; c := ((b << 30) | (b >> 2)) & low32; b := a; a := x;
        END LOOP;
        h0 := (h0 + a) & low32; h1 := (h1 + b) & low32; h2 := (h2 + c) & low32; h3 := (h3 + d) & low32; h4 := (h4 + e) & low32;
    END LOOP;
    -- 16 of the 20 octets; version 5 and the variant go into octets 6 and 8
    hex := encode(int8send((h0 << 32) | h1) || int8send((h2 << 32) | h3), 'hex');
    RETURN (substr(hex, 1, 12) || '5' || substr(hex, 14, 3)
            || to_hex(((('x' || substr(hex, 17, 2))::bit(8)::int) & 63) | 128) || substr(hex, 19))::uuid;
END
$sha1$;
