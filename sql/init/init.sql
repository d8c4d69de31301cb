-- Base schema of AEGIS: extensions, the graph, the audit trail, people, agents and their work.
-- Can be run again on the same database; needs 00-create-extension-age.sql first.

-- create_graph finds its operator classes by search_path only.
SET search_path = ag_catalog, public;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM ag_catalog.ag_graph WHERE name = 'oilgas') THEN
        PERFORM ag_catalog.create_graph('oilgas');
    END IF;
END
$$;

-- A role or database may keep ag_catalog first in its search_path; tables must not land there.
SET search_path = public;

CREATE EXTENSION IF NOT EXISTS "uuid-ossp";
CREATE EXTENSION IF NOT EXISTS vector;

CREATE OR REPLACE FUNCTION set_updated_at() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION set_updated_at() IS 'Row trigger: updated_at is the time of the last change.';

-- ---------------------------------------------------------------------------------------------
-- Audit trail
-- ---------------------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS audit_logs (
    id          bigint GENERATED ALWAYS AS IDENTITY,
    occurred_at timestamptz NOT NULL DEFAULT now(),
    actor_type  text        NOT NULL,
    actor_id    uuid,
    action      text        NOT NULL,
    entity_type text        NOT NULL,
    entity_id   text,
    request_id  uuid,
    client_ip   inet,
    details     jsonb       NOT NULL DEFAULT '{}'::jsonb,
    CONSTRAINT pk_audit_logs PRIMARY KEY (id),
    CONSTRAINT ck_audit_logs_actor_type CHECK (actor_type IN ('user', 'agent', 'service')),
    CONSTRAINT ck_audit_logs_action CHECK (action ~ '^[a-z_]+(\.[a-z_]+)+$'),
    CONSTRAINT ck_audit_logs_details CHECK (jsonb_typeof(details) = 'object')
);
CREATE INDEX IF NOT EXISTS idx_audit_logs_occurred_at ON audit_logs USING brin (occurred_at);
CREATE INDEX IF NOT EXISTS idx_audit_logs_entity ON audit_logs (entity_type, entity_id, occurred_at DESC);
CREATE INDEX IF NOT EXISTS idx_audit_logs_actor ON audit_logs (actor_id, occurred_at DESC) WHERE actor_id IS NOT NULL;
COMMENT ON TABLE audit_logs IS 'Append-only record of who did what; triggers refuse UPDATE, DELETE and TRUNCATE.';
COMMENT ON COLUMN audit_logs.actor_id IS 'No foreign key: the record outlives the user or agent.';
COMMENT ON COLUMN audit_logs.action IS 'Dotted verb, such as filing.submitted.';

CREATE OR REPLACE FUNCTION refuse_audit_change() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: the audit trail is append-only', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege',
              HINT = 'Correct a wrong entry by adding another one.';
END
$$;
COMMENT ON FUNCTION refuse_audit_change() IS 'Statement trigger of append-only tables.';

-- A statement trigger also fires when no row matches, and for INSERT ... ON CONFLICT DO UPDATE.
CREATE OR REPLACE TRIGGER audit_logs_refuse_change
    BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_logs
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
-- ALWAYS: session_replication_role = replica does not switch it off.
ALTER TABLE audit_logs ENABLE ALWAYS TRIGGER audit_logs_refuse_change;

-- ---------------------------------------------------------------------------------------------
-- Users; sql/deploy/001_users.sql makes the same table in older databases
-- ---------------------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS users (
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
CREATE UNIQUE INDEX IF NOT EXISTS idx_users_email_lower ON users (lower(email));
CREATE INDEX IF NOT EXISTS idx_users_role ON users (role) WHERE is_active;
COMMENT ON TABLE users IS 'People who log in.';
COMMENT ON COLUMN users.email IS 'As typed; unique without regard to case.';
COMMENT ON COLUMN users.password_hash IS 'scrypt with its parameters and salt; NULL for single sign-on.';

CREATE OR REPLACE TRIGGER users_set_updated_at
    BEFORE UPDATE ON users
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

-- ---------------------------------------------------------------------------------------------
-- Agents, their skills and what they ask permission for
-- ---------------------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS agents (
    id            uuid        NOT NULL DEFAULT uuid_generate_v4(),
    slug          text        NOT NULL,
    name          text        NOT NULL,
    purpose       text        NOT NULL,
    model         text        NOT NULL,
    system_prompt text        NOT NULL DEFAULT '',
    settings      jsonb       NOT NULL DEFAULT '{}'::jsonb,
    is_enabled    boolean     NOT NULL DEFAULT true,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_agents PRIMARY KEY (id),
    CONSTRAINT uq_agents_slug UNIQUE (slug),
    CONSTRAINT ck_agents_slug CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$')
);
COMMENT ON TABLE agents IS 'Language model agents that work on filings.';
COMMENT ON COLUMN agents.settings IS 'Model parameters, such as temperature and tool limits.';

CREATE OR REPLACE TRIGGER agents_set_updated_at
    BEFORE UPDATE ON agents
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TABLE IF NOT EXISTS skills (
    id           uuid        NOT NULL DEFAULT uuid_generate_v4(),
    agent_id     uuid        NOT NULL,
    slug         text        NOT NULL,
    name         text        NOT NULL,
    description  text        NOT NULL DEFAULT '',
    category     text        NOT NULL,
    input_schema jsonb       NOT NULL DEFAULT '{}'::jsonb,
    version      integer     NOT NULL DEFAULT 1,
    is_enabled   boolean     NOT NULL DEFAULT true,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_skills PRIMARY KEY (id),
    CONSTRAINT fk_skills_agent_id FOREIGN KEY (agent_id) REFERENCES agents (id) ON DELETE CASCADE,
    CONSTRAINT uq_skills_agent_id_slug UNIQUE (agent_id, slug),
    CONSTRAINT ck_skills_category CHECK (category IN ('drilling', 'production', 'compliance', 'research', 'reporting')),
    CONSTRAINT ck_skills_version CHECK (version > 0)
);
CREATE INDEX IF NOT EXISTS idx_skills_category ON skills (category) WHERE is_enabled;
COMMENT ON TABLE skills IS 'What an agent can be asked to do.';
COMMENT ON COLUMN skills.input_schema IS 'JSON schema of the arguments.';

CREATE OR REPLACE TRIGGER skills_set_updated_at
    BEFORE UPDATE ON skills
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TABLE IF NOT EXISTS approvals (
    id           uuid        NOT NULL DEFAULT uuid_generate_v4(),
    agent_id     uuid        NOT NULL,
    action       text        NOT NULL,
    payload      jsonb       NOT NULL DEFAULT '{}'::jsonb,
    status       text        NOT NULL DEFAULT 'pending',
    decided_by   uuid,
    decided_at   timestamptz,
    reason       text,
    requested_at timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz,
    CONSTRAINT pk_approvals PRIMARY KEY (id),
    CONSTRAINT fk_approvals_agent_id FOREIGN KEY (agent_id) REFERENCES agents (id) ON DELETE CASCADE,
    CONSTRAINT fk_approvals_decided_by FOREIGN KEY (decided_by) REFERENCES users (id) ON DELETE RESTRICT,
    CONSTRAINT ck_approvals_status CHECK (status IN ('pending', 'approved', 'rejected', 'expired')),
    CONSTRAINT ck_approvals_decision CHECK ((status IN ('approved', 'rejected')) = (decided_at IS NOT NULL)),
    CONSTRAINT ck_approvals_expires_at CHECK (expires_at > requested_at)
);
CREATE INDEX IF NOT EXISTS idx_approvals_pending ON approvals (requested_at) WHERE status = 'pending';
CREATE INDEX IF NOT EXISTS idx_approvals_agent_id ON approvals (agent_id);
COMMENT ON TABLE approvals IS 'Actions of agents that wait for a person, such as submitting a filing.';

-- ---------------------------------------------------------------------------------------------
-- Conversations and what agents remember
-- ---------------------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS conversations (
    id         uuid        NOT NULL DEFAULT uuid_generate_v4(),
    user_id    uuid        NOT NULL,
    agent_id   uuid,
    title      text        NOT NULL DEFAULT '',
    started_at timestamptz NOT NULL DEFAULT now(),
    ended_at   timestamptz,
    CONSTRAINT pk_conversations PRIMARY KEY (id),
    CONSTRAINT fk_conversations_user_id FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT fk_conversations_agent_id FOREIGN KEY (agent_id) REFERENCES agents (id) ON DELETE SET NULL,
    CONSTRAINT ck_conversations_ended_at CHECK (ended_at >= started_at)
);
CREATE INDEX IF NOT EXISTS idx_conversations_user_id ON conversations (user_id, started_at DESC);
COMMENT ON TABLE conversations IS 'A thread between a person and an agent.';

CREATE TABLE IF NOT EXISTS messages (
    id              uuid        NOT NULL DEFAULT uuid_generate_v4(),
    conversation_id uuid        NOT NULL,
    position        integer     NOT NULL,
    role            text        NOT NULL,
    content         text        NOT NULL,
    tool_calls      jsonb       NOT NULL DEFAULT '[]'::jsonb,
    token_count     integer,
    created_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_messages PRIMARY KEY (id),
    CONSTRAINT fk_messages_conversation_id FOREIGN KEY (conversation_id) REFERENCES conversations (id) ON DELETE CASCADE,
    CONSTRAINT uq_messages_conversation_id_position UNIQUE (conversation_id, position),
    CONSTRAINT ck_messages_role CHECK (role IN ('system', 'user', 'assistant', 'tool')),
    CONSTRAINT ck_messages_token_count CHECK (token_count >= 0)
);
COMMENT ON TABLE messages IS 'Messages of a conversation in order.';

CREATE TABLE IF NOT EXISTS episodic_memories (
    id              uuid             NOT NULL DEFAULT uuid_generate_v4(),
    agent_id        uuid             NOT NULL,
    conversation_id uuid,
    summary         text             NOT NULL,
    embedding       vector(384),
    importance      double precision NOT NULL DEFAULT 0.5,
    occurred_at     timestamptz      NOT NULL DEFAULT now(),
    expires_at      timestamptz,
    CONSTRAINT pk_episodic_memories PRIMARY KEY (id),
    CONSTRAINT fk_episodic_memories_agent_id FOREIGN KEY (agent_id) REFERENCES agents (id) ON DELETE CASCADE,
    CONSTRAINT fk_episodic_memories_conversation_id
        FOREIGN KEY (conversation_id) REFERENCES conversations (id) ON DELETE SET NULL,
    CONSTRAINT ck_episodic_memories_importance CHECK (importance BETWEEN 0 AND 1)
);
CREATE INDEX IF NOT EXISTS idx_episodic_memories_agent_id ON episodic_memories (agent_id, occurred_at DESC);
COMMENT ON TABLE episodic_memories IS 'What an agent remembers of past work, found again by embedding.';
COMMENT ON COLUMN episodic_memories.embedding IS 'Unit vector of the summary, 384 dimensions.';

-- ---------------------------------------------------------------------------------------------
-- Budgets and usage
-- ---------------------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS budgets (
    id         uuid           NOT NULL DEFAULT uuid_generate_v4(),
    agent_id   uuid,
    period     text           NOT NULL DEFAULT 'month',
    starts_on  date           NOT NULL,
    limit_usd  numeric(12, 4) NOT NULL,
    created_at timestamptz    NOT NULL DEFAULT now(),
    CONSTRAINT pk_budgets PRIMARY KEY (id),
    CONSTRAINT fk_budgets_agent_id FOREIGN KEY (agent_id) REFERENCES agents (id) ON DELETE CASCADE,
    CONSTRAINT ck_budgets_period CHECK (period IN ('day', 'week', 'month', 'year')),
    CONSTRAINT ck_budgets_limit_usd CHECK (limit_usd >= 0)
);
-- NULLS NOT DISTINCT needs PostgreSQL 15; the expression says the same on 14.
CREATE UNIQUE INDEX IF NOT EXISTS idx_budgets_agent_period
    ON budgets (coalesce(agent_id, '00000000-0000-0000-0000-000000000000'::uuid), period, starts_on);
COMMENT ON TABLE budgets IS 'Spending limits; agent_id NULL is the limit of all agents together.';

CREATE TABLE IF NOT EXISTS usage_records (
    id            bigint GENERATED ALWAYS AS IDENTITY,
    agent_id      uuid,
    message_id    uuid,
    model         text           NOT NULL,
    input_tokens  integer        NOT NULL,
    output_tokens integer        NOT NULL,
    total_tokens  integer        GENERATED ALWAYS AS (input_tokens + output_tokens) STORED,
    cost_usd      numeric(12, 6) NOT NULL,
    recorded_at   timestamptz    NOT NULL DEFAULT now(),
    CONSTRAINT pk_usage_records PRIMARY KEY (id),
    CONSTRAINT fk_usage_records_agent_id FOREIGN KEY (agent_id) REFERENCES agents (id) ON DELETE SET NULL,
    CONSTRAINT fk_usage_records_message_id FOREIGN KEY (message_id) REFERENCES messages (id) ON DELETE SET NULL,
    CONSTRAINT ck_usage_records_tokens CHECK (input_tokens >= 0 AND output_tokens >= 0),
    CONSTRAINT ck_usage_records_cost_usd CHECK (cost_usd >= 0)
);
CREATE INDEX IF NOT EXISTS idx_usage_records_agent_id ON usage_records (agent_id, recorded_at);
COMMENT ON TABLE usage_records IS 'Tokens and cost of each model call.';

RESET search_path;
