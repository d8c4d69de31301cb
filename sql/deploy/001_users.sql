-- The users table for databases that were made before sql/init/init.sql had it.
-- Does nothing where it exists already; its result equals the users table of init.sql.

SET search_path = public;

CREATE EXTENSION IF NOT EXISTS "uuid-ossp";

DO $$
BEGIN
    IF to_regprocedure('public.set_updated_at()') IS NULL THEN
        CREATE FUNCTION set_updated_at() RETURNS trigger
        LANGUAGE plpgsql
        AS $function$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$function$;
        COMMENT ON FUNCTION set_updated_at() IS 'Row trigger: updated_at is the time of the last change.';
    END IF;

    IF to_regclass('public.users') IS NOT NULL THEN
        RETURN;
    END IF;

    CREATE TABLE users (
        id            uuid        NOT NULL DEFAULT uuid_generate_v4(),
        email         text        NOT NULL,
        display_name  text        NOT NULL,
        password_hash text,
        role          text        NOT NULL DEFAULT 'analyst',
        is_active     boolean     NOT NULL DEFAULT true,
        last_login_at timestamptz,
        created_at    timestamptz NOT NULL DEFAULT now(),
        updated_at    timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_users PRIMARY KEY (id),
        CONSTRAINT ck_users_email CHECK (email ~ '^[^@\s]+@[^@\s]+\.[^@\s]+$' AND length(email) <= 320),
        CONSTRAINT ck_users_display_name CHECK (length(btrim(display_name)) > 0),
        CONSTRAINT ck_users_role CHECK (role IN ('admin', 'operator', 'analyst', 'reviewer', 'viewer'))
    );
    CREATE INDEX idx_users_role ON users (role) WHERE is_active;
    COMMENT ON TABLE users IS 'People who log in.';
    COMMENT ON COLUMN users.email IS 'As typed; unique without regard to case.';
    COMMENT ON COLUMN users.password_hash IS 'scrypt with its parameters and salt; NULL for single sign-on.';

    CREATE TRIGGER users_set_updated_at
        BEFORE UPDATE ON users
        FOR EACH ROW EXECUTE FUNCTION set_updated_at();
END
$$;

-- Outside the block: a users table that came by another way may lack it.
CREATE UNIQUE INDEX IF NOT EXISTS idx_users_email_lower ON users (lower(email));

RESET search_path;
