-- Checklists for filings with the Texas Railroad Commission (RRC), and the rules that they prove.
-- Can be run again on the same database; needs init.sql first.

SET search_path = public;

CREATE TABLE IF NOT EXISTS rule_versions (
    id             uuid        NOT NULL DEFAULT uuid_generate_v4(),
    rule_code      text        NOT NULL,
    version        integer     NOT NULL DEFAULT 1,
    title          text        NOT NULL,
    citation       text        NOT NULL,
    body           text        NOT NULL,
    conditions     jsonb       NOT NULL DEFAULT '[]'::jsonb,
    severity       text        NOT NULL DEFAULT 'error',
    effective_from date        NOT NULL,
    effective_to   date,
    created_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_rule_versions PRIMARY KEY (id),
    CONSTRAINT uq_rule_versions_rule_code_version UNIQUE (rule_code, version),
    CONSTRAINT ck_rule_versions_version CHECK (version > 0),
    CONSTRAINT ck_rule_versions_severity CHECK (severity IN ('error', 'warning', 'info')),
    CONSTRAINT ck_rule_versions_effective CHECK (effective_to > effective_from),
    CONSTRAINT ck_rule_versions_conditions CHECK (jsonb_typeof(conditions) = 'array')
);
CREATE UNIQUE INDEX IF NOT EXISTS idx_rule_versions_current ON rule_versions (rule_code) WHERE effective_to IS NULL;
COMMENT ON TABLE rule_versions IS 'Statewide rules as they were in force; an amendment is a new version.';
COMMENT ON COLUMN rule_versions.citation IS 'Texas Administrative Code, such as 16 TAC 3.5.';
COMMENT ON COLUMN rule_versions.conditions IS 'List of {field, operator, value}; all must hold.';

CREATE TABLE IF NOT EXISTS checklist_templates (
    id             uuid        NOT NULL DEFAULT uuid_generate_v4(),
    code           text        NOT NULL,
    version        integer     NOT NULL DEFAULT 1,
    name           text        NOT NULL,
    form_code      text        NOT NULL,
    description    text        NOT NULL DEFAULT '',
    items          jsonb       NOT NULL DEFAULT '[]'::jsonb,
    is_active      boolean     NOT NULL DEFAULT true,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_checklist_templates PRIMARY KEY (id),
    CONSTRAINT uq_checklist_templates_code_version UNIQUE (code, version),
    CONSTRAINT ck_checklist_templates_items CHECK (jsonb_typeof(items) = 'array'),
    CONSTRAINT ck_checklist_templates_version CHECK (version > 0)
);
CREATE INDEX IF NOT EXISTS idx_checklist_templates_form_code ON checklist_templates (form_code) WHERE is_active;
COMMENT ON TABLE checklist_templates IS 'What has to be done before a form is filed.';
COMMENT ON COLUMN checklist_templates.items IS 'List of {key, label, required, rule_code}.';

CREATE OR REPLACE TRIGGER checklist_templates_set_updated_at
    BEFORE UPDATE ON checklist_templates
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TABLE IF NOT EXISTS filing_checklists (
    id               uuid        NOT NULL DEFAULT uuid_generate_v4(),
    template_id      uuid        NOT NULL,
    filing_reference text        NOT NULL,
    operator_number  text        NOT NULL,
    status           text        NOT NULL DEFAULT 'open',
    items            jsonb       NOT NULL DEFAULT '[]'::jsonb,
    due_on           date,
    submitted_at     timestamptz,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_filing_checklists PRIMARY KEY (id),
    CONSTRAINT fk_filing_checklists_template_id
        FOREIGN KEY (template_id) REFERENCES checklist_templates (id) ON DELETE RESTRICT,
    CONSTRAINT uq_filing_checklists_filing_reference UNIQUE (filing_reference),
    CONSTRAINT ck_filing_checklists_operator_number CHECK (operator_number ~ '^[0-9]{6}$'),
    CONSTRAINT ck_filing_checklists_status CHECK (status IN ('open', 'ready', 'submitted', 'accepted', 'returned')),
    CONSTRAINT ck_filing_checklists_items CHECK (jsonb_typeof(items) = 'array'),
    CONSTRAINT ck_filing_checklists_submitted_at CHECK (status NOT IN ('submitted', 'accepted') OR submitted_at IS NOT NULL)
);
CREATE INDEX IF NOT EXISTS idx_filing_checklists_template_id ON filing_checklists (template_id);
CREATE INDEX IF NOT EXISTS idx_filing_checklists_operator_number ON filing_checklists (operator_number);
COMMENT ON TABLE filing_checklists IS 'The checklist of one filing.';
COMMENT ON COLUMN filing_checklists.operator_number IS 'Six digits, from the operator''s P-5.';
COMMENT ON COLUMN filing_checklists.items IS 'Copy of the template''s items with {done, done_at, note}.';

CREATE OR REPLACE TRIGGER filing_checklists_set_updated_at
    BEFORE UPDATE ON filing_checklists
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TABLE IF NOT EXISTS compliance_status (
    id                  uuid        NOT NULL DEFAULT uuid_generate_v4(),
    filing_checklist_id uuid        NOT NULL,
    rule_version_id     uuid        NOT NULL,
    status              text        NOT NULL DEFAULT 'unknown',
    findings            jsonb       NOT NULL DEFAULT '[]'::jsonb,
    evaluated_at        timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_compliance_status PRIMARY KEY (id),
    CONSTRAINT fk_compliance_status_filing_checklist_id
        FOREIGN KEY (filing_checklist_id) REFERENCES filing_checklists (id) ON DELETE CASCADE,
    CONSTRAINT fk_compliance_status_rule_version_id
        FOREIGN KEY (rule_version_id) REFERENCES rule_versions (id) ON DELETE RESTRICT,
    CONSTRAINT uq_compliance_status_filing_checklist_id_rule_version_id UNIQUE (filing_checklist_id, rule_version_id),
    CONSTRAINT ck_compliance_status_status CHECK (status IN ('unknown', 'compliant', 'violation', 'waived'))
);
CREATE INDEX IF NOT EXISTS idx_compliance_status_violations ON compliance_status (evaluated_at) WHERE status = 'violation';
COMMENT ON TABLE compliance_status IS 'Latest result of each rule for each filing.';

CREATE TABLE IF NOT EXISTS filing_rule_snapshots (
    id                  uuid        NOT NULL DEFAULT uuid_generate_v4(),
    filing_checklist_id uuid        NOT NULL,
    rule_version_id     uuid        NOT NULL,
    rule_body           text        NOT NULL,
    conditions          jsonb       NOT NULL,
    captured_at         timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_filing_rule_snapshots PRIMARY KEY (id),
    CONSTRAINT fk_filing_rule_snapshots_filing_checklist_id
        FOREIGN KEY (filing_checklist_id) REFERENCES filing_checklists (id) ON DELETE CASCADE,
    CONSTRAINT fk_filing_rule_snapshots_rule_version_id
        FOREIGN KEY (rule_version_id) REFERENCES rule_versions (id) ON DELETE RESTRICT,
    CONSTRAINT uq_filing_rule_snapshots_filing_checklist_id_rule_version_id
        UNIQUE (filing_checklist_id, rule_version_id)
);
COMMENT ON TABLE filing_rule_snapshots IS 'The rule as it stood when the filing was submitted.';

RESET search_path;
