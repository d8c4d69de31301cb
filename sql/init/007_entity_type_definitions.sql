-- What the knowledge graph may hold, and where the Texas Railroad Commission's (RRC) forms fill it.
-- Reference rows included. Can be run again on the same database; needs init.sql first.

SET search_path = public;

CREATE TABLE IF NOT EXISTS entity_type_definitions (
    id           uuid        NOT NULL DEFAULT uuid_generate_v4(),
    name         text        NOT NULL,
    label        text        NOT NULL,
    description  text        NOT NULL DEFAULT '',
    category     text        NOT NULL,
    key_field    text        NOT NULL,
    is_active    boolean     NOT NULL DEFAULT true,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_entity_type_definitions PRIMARY KEY (id),
    CONSTRAINT uq_entity_type_definitions_name UNIQUE (name),
    CONSTRAINT ck_entity_type_definitions_name CHECK (name ~ '^[A-Z][A-Za-z]+$'),
    CONSTRAINT ck_entity_type_definitions_category CHECK (category IN ('asset', 'party', 'place', 'document', 'event'))
);
COMMENT ON TABLE entity_type_definitions IS 'Vertex labels of the graph oilgas.';
COMMENT ON COLUMN entity_type_definitions.key_field IS 'The field that identifies an entity in RRC records.';

CREATE OR REPLACE TRIGGER entity_type_definitions_set_updated_at
    BEFORE UPDATE ON entity_type_definitions
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TABLE IF NOT EXISTS entity_field_definitions (
    id             uuid    NOT NULL DEFAULT uuid_generate_v4(),
    entity_type_id uuid    NOT NULL,
    name           text    NOT NULL,
    data_type      text    NOT NULL,
    is_required    boolean NOT NULL DEFAULT false,
    pattern        text,
    unit           text,
    description    text    NOT NULL DEFAULT '',
    position       integer NOT NULL DEFAULT 0,
    CONSTRAINT pk_entity_field_definitions PRIMARY KEY (id),
    CONSTRAINT fk_entity_field_definitions_entity_type_id
        FOREIGN KEY (entity_type_id) REFERENCES entity_type_definitions (id) ON DELETE CASCADE,
    CONSTRAINT uq_entity_field_definitions_entity_type_id_name UNIQUE (entity_type_id, name),
    CONSTRAINT ck_entity_field_definitions_name CHECK (name ~ '^[a-z][a-z0-9_]*$'),
    CONSTRAINT ck_entity_field_definitions_data_type
        CHECK (data_type IN ('text', 'integer', 'number', 'date', 'boolean', 'point'))
);
COMMENT ON TABLE entity_field_definitions IS 'Properties of each vertex label.';
COMMENT ON COLUMN entity_field_definitions.pattern IS 'Regular expression that a text value must match.';

CREATE TABLE IF NOT EXISTS entity_relationship_rules (
    id             uuid NOT NULL DEFAULT uuid_generate_v4(),
    name           text NOT NULL,
    source_type_id uuid NOT NULL,
    target_type_id uuid NOT NULL,
    cardinality    text NOT NULL DEFAULT 'many_to_many',
    description    text NOT NULL DEFAULT '',
    CONSTRAINT pk_entity_relationship_rules PRIMARY KEY (id),
    CONSTRAINT fk_entity_relationship_rules_source_type_id
        FOREIGN KEY (source_type_id) REFERENCES entity_type_definitions (id) ON DELETE CASCADE,
    CONSTRAINT fk_entity_relationship_rules_target_type_id
        FOREIGN KEY (target_type_id) REFERENCES entity_type_definitions (id) ON DELETE CASCADE,
    CONSTRAINT uq_entity_relationship_rules_edge UNIQUE (name, source_type_id, target_type_id),
    CONSTRAINT ck_entity_relationship_rules_name CHECK (name ~ '^[A-Z][A-Z_]+$'),
    CONSTRAINT ck_entity_relationship_rules_cardinality
        CHECK (cardinality IN ('one_to_one', 'one_to_many', 'many_to_one', 'many_to_many'))
);
CREATE INDEX IF NOT EXISTS idx_entity_relationship_rules_target_type_id ON entity_relationship_rules (target_type_id);
COMMENT ON TABLE entity_relationship_rules IS 'Edge labels of the graph and what they may join.';

CREATE TABLE IF NOT EXISTS rrc_form_mappings (
    id             uuid NOT NULL DEFAULT uuid_generate_v4(),
    form_code      text NOT NULL,
    form_title     text NOT NULL,
    form_field     text NOT NULL,
    entity_type_id uuid NOT NULL,
    entity_field   text NOT NULL,
    citation       text NOT NULL,
    notes          text NOT NULL DEFAULT '',
    CONSTRAINT pk_rrc_form_mappings PRIMARY KEY (id),
    CONSTRAINT fk_rrc_form_mappings_entity_type_id
        FOREIGN KEY (entity_type_id) REFERENCES entity_type_definitions (id) ON DELETE RESTRICT,
    -- a mapping can only name a field that is defined
    CONSTRAINT fk_rrc_form_mappings_entity_field FOREIGN KEY (entity_type_id, entity_field)
        REFERENCES entity_field_definitions (entity_type_id, name) ON UPDATE CASCADE,
    CONSTRAINT uq_rrc_form_mappings_form_code_form_field UNIQUE (form_code, form_field),
    CONSTRAINT ck_rrc_form_mappings_form_code CHECK (form_code ~ '^[A-Z]+(-[0-9]+[A-Z]?)?$')
);
CREATE INDEX IF NOT EXISTS idx_rrc_form_mappings_entity ON rrc_form_mappings (entity_type_id, entity_field);
COMMENT ON TABLE rrc_form_mappings IS 'Which field of which RRC form fills which field of which entity.';
COMMENT ON COLUMN rrc_form_mappings.citation IS 'The statewide rule that asks for the form.';

INSERT INTO entity_type_definitions (name, label, description, category, key_field) VALUES
    ('Operator',   'Operator',   'Organization with an active P-5 that answers for wells and leases.', 'party',    'operator_number'),
    ('Well',       'Well',       'A wellbore with its API number.',                                     'asset',    'api_number'),
    ('Lease',      'Lease',      'Oil lease or gas well identification under which production is reported.', 'asset', 'lease_number'),
    ('Field',      'Field',      'Reservoir designation of the RRC with its special field rules.',      'place',    'field_number'),
    ('District',   'District',   'Oil and gas district of the RRC.',                                    'place',    'district_code'),
    ('County',     'County',     'Texas county.',                                                       'place',    'county_code'),
    ('Permit',     'Permit',     'Drilling permit.',                                                    'document', 'permit_number'),
    ('Completion', 'Completion', 'Completion or recompletion of a well in one field.',                  'event',    'tracking_number'),
    ('Gatherer',   'Gatherer',   'Purchaser or gatherer named on a certificate of compliance.',         'party',    'p5_number'),
    ('Filing',     'Filing',     'A form as it was submitted to the RRC.',                              'document', 'filing_reference')
ON CONFLICT (name) DO NOTHING;

INSERT INTO entity_field_definitions (entity_type_id, name, data_type, is_required, pattern, unit, description, position)
SELECT t.id, f.name, f.data_type, f.is_required, f.pattern, f.unit, f.description, f.position
FROM (VALUES
    ('Operator', 'operator_number', 'text', true, '^[0-9]{6}$', NULL, 'Six digits, from the P-5.', 1),
    ('Operator', 'name', 'text', true, NULL, NULL, 'Organization name as on the P-5.', 2),
    ('Operator', 'address', 'text', false, NULL, NULL, 'Mailing address.', 3),
    ('Well', 'api_number', 'text', true, '^42-[0-9]{3}-[0-9]{5}$', NULL, 'State 42, county, unique number.', 1),
    ('Well', 'well_number', 'text', true, NULL, NULL, 'Number on the lease, such as 1H.', 2),
    ('Well', 'well_type', 'text', true, '^(oil|gas|injection|disposal)$', NULL, 'Purpose of the well.', 3),
    ('Well', 'total_depth', 'integer', false, NULL, 'ft', 'Proposed or actual total depth.', 4),
    ('Well', 'surface_location', 'point', false, NULL, 'NAD27', 'Latitude and longitude at the surface.', 5),
    ('Well', 'wellbore_profile', 'text', false, '^(vertical|horizontal|directional)$', NULL, 'Profile of the bore.', 6),
    ('Lease', 'lease_number', 'text', true, '^[0-9]{5,6}$', NULL, 'Five digits for oil, six for a gas well.', 1),
    ('Lease', 'name', 'text', true, NULL, NULL, 'Lease name.', 2),
    ('Lease', 'acres', 'number', false, NULL, 'acre', 'Contiguous acres.', 3),
    ('Field', 'field_number', 'text', true, '^[0-9]{8}$', NULL, 'Eight digits.', 1),
    ('Field', 'name', 'text', true, NULL, NULL, 'Such as SPRABERRY (TREND AREA).', 2),
    ('District', 'district_code', 'text', true, '^(0[1-6]|6E|7B|7C|08|8A|09|10)$', NULL, 'Oil and gas district.', 1),
    ('County', 'county_code', 'text', true, '^[0-9]{3}$', NULL, 'County part of the API number.', 1),
    ('County', 'name', 'text', true, NULL, NULL, 'County name.', 2),
    ('Permit', 'permit_number', 'text', true, '^[0-9]{6,7}$', NULL, 'Drilling permit number.', 1),
    ('Permit', 'purpose', 'text', true, NULL, NULL, 'New drill, recompletion, reenter, sidetrack.', 2),
    ('Permit', 'approved_on', 'date', false, NULL, NULL, 'Date of approval.', 3),
    ('Completion', 'tracking_number', 'text', true, '^[0-9]+$', NULL, 'Tracking number of the packet.', 1),
    ('Completion', 'completed_on', 'date', true, NULL, NULL, 'Date of completion.', 2),
    ('Completion', 'oil_rate', 'number', false, NULL, 'bbl/d', 'Oil produced during the 24-hour test.', 3),
    ('Completion', 'gas_rate', 'number', false, NULL, 'Mcf/d', 'Gas produced during the test.', 4),
    ('Completion', 'gas_oil_ratio', 'number', false, NULL, 'scf/bbl', 'Gas-oil ratio.', 5),
    ('Completion', 'shut_in_pressure', 'number', false, NULL, 'psia', 'Shut-in wellhead pressure.', 6),
    ('Gatherer', 'p5_number', 'text', true, '^[0-9]{6}$', NULL, 'Six digits, from the P-5.', 1),
    ('Gatherer', 'name', 'text', true, NULL, NULL, 'Organization name as on the P-5.', 2),
    ('Filing', 'filing_reference', 'text', true, NULL, NULL, 'Our reference.', 1),
    ('Filing', 'form_code', 'text', true, NULL, NULL, 'RRC form.', 2),
    ('Filing', 'reporting_month', 'date', false, NULL, NULL, 'First day of the month that a PR reports.', 3),
    ('Filing', 'oil_volume', 'number', false, NULL, 'bbl', 'Oil or condensate produced in the month.', 4),
    ('Filing', 'gas_volume', 'number', false, NULL, 'Mcf', 'Gas produced in the month.', 5)
) AS f (entity, name, data_type, is_required, pattern, unit, description, position)
JOIN entity_type_definitions t ON t.name = f.entity
ON CONFLICT (entity_type_id, name) DO NOTHING;

INSERT INTO entity_relationship_rules (name, source_type_id, target_type_id, cardinality, description)
SELECT r.name, s.id, t.id, r.cardinality, r.description
FROM (VALUES
    ('OPERATES',      'Operator',   'Lease',    'one_to_many',  'The operator of record, from the latest P-4.'),
    ('OPERATES',      'Operator',   'Well',     'one_to_many',  'The operator of record of the well.'),
    ('ON_LEASE',      'Well',       'Lease',    'many_to_one',  'A well produces under one lease.'),
    ('COMPLETED_IN',  'Completion', 'Field',    'many_to_one',  'A completion is in one field.'),
    ('COMPLETION_OF', 'Completion', 'Well',     'many_to_one',  'A well can be completed several times.'),
    ('PERMITTED_BY',  'Well',       'Permit',   'one_to_many',  'Permits of a well, amendments included.'),
    ('IN_FIELD',      'Lease',      'Field',    'many_to_many', 'Fields that a lease produces from.'),
    ('IN_COUNTY',     'Well',       'County',   'many_to_one',  'County of the surface location.'),
    ('IN_DISTRICT',   'County',     'District', 'many_to_one',  'District that holds the county.'),
    ('GATHERS_FROM',  'Gatherer',   'Lease',    'many_to_many', 'Gatherers and purchasers on the P-4.'),
    ('FILED_BY',      'Filing',     'Operator', 'many_to_one',  'Who filed.'),
    ('CONCERNS',      'Filing',     'Well',     'many_to_many', 'Wells that a filing names.')
) AS r (name, source, target, cardinality, description)
JOIN entity_type_definitions s ON s.name = r.source
JOIN entity_type_definitions t ON t.name = r.target
ON CONFLICT (name, source_type_id, target_type_id) DO NOTHING;

INSERT INTO rrc_form_mappings (form_code, form_title, form_field, entity_type_id, entity_field, citation, notes)
SELECT m.form_code, m.form_title, m.form_field, t.id, m.entity_field, m.citation, m.notes
FROM (VALUES
    ('W-1', 'Application for Permit to Drill, Recomplete, or Re-Enter', 'RRC Operator No.', 'Operator', 'operator_number', '16 TAC 3.5', ''),
    ('W-1', 'Application for Permit to Drill, Recomplete, or Re-Enter', 'API No.', 'Well', 'api_number', '16 TAC 3.5', 'Given by the RRC on approval of a new drill.'),
    ('W-1', 'Application for Permit to Drill, Recomplete, or Re-Enter', 'Well No.', 'Well', 'well_number', '16 TAC 3.5', ''),
    ('W-1', 'Application for Permit to Drill, Recomplete, or Re-Enter', 'Lease Name', 'Lease', 'name', '16 TAC 3.5', ''),
    ('W-1', 'Application for Permit to Drill, Recomplete, or Re-Enter', 'Total Depth', 'Well', 'total_depth', '16 TAC 3.5', ''),
    ('W-1', 'Application for Permit to Drill, Recomplete, or Re-Enter', 'Wellbore Profile', 'Well', 'wellbore_profile', '16 TAC 3.86', 'Horizontal wells add the drainhole survey.'),
    ('W-1', 'Application for Permit to Drill, Recomplete, or Re-Enter', 'Purpose of Filing', 'Permit', 'purpose', '16 TAC 3.5', ''),
    ('W-1', 'Application for Permit to Drill, Recomplete, or Re-Enter', 'Number of contiguous acres', 'Lease', 'acres', '16 TAC 3.38', 'Density of wells.'),
    ('W-2', 'Oil Well Potential Test, Completion or Recompletion Report, and Log', 'API No.', 'Well', 'api_number', '16 TAC 3.16', ''),
    ('W-2', 'Oil Well Potential Test, Completion or Recompletion Report, and Log', 'Completion or Recompletion Date', 'Completion', 'completed_on', '16 TAC 3.16', 'Due within 90 days of completion.'),
    ('W-2', 'Oil Well Potential Test, Completion or Recompletion Report, and Log', 'Oil Produced Prior to Test - 24 hours', 'Completion', 'oil_rate', '16 TAC 3.51', ''),
    ('W-2', 'Oil Well Potential Test, Completion or Recompletion Report, and Log', 'Gas - Oil Ratio', 'Completion', 'gas_oil_ratio', '16 TAC 3.49', ''),
    ('W-2', 'Oil Well Potential Test, Completion or Recompletion Report, and Log', 'RRC Lease No.', 'Lease', 'lease_number', '16 TAC 3.16', ''),
    ('G-1', 'Gas Well Back Pressure Test, Completion or Recompletion Report, and Log', 'API No.', 'Well', 'api_number', '16 TAC 3.16', ''),
    ('G-1', 'Gas Well Back Pressure Test, Completion or Recompletion Report, and Log', 'Completion or Recompletion Date', 'Completion', 'completed_on', '16 TAC 3.16', ''),
    ('G-1', 'Gas Well Back Pressure Test, Completion or Recompletion Report, and Log', 'Shut-in Wellhead Pressure', 'Completion', 'shut_in_pressure', '16 TAC 3.28', ''),
    ('G-1', 'Gas Well Back Pressure Test, Completion or Recompletion Report, and Log', 'Gas Production During Test', 'Completion', 'gas_rate', '16 TAC 3.28', ''),
    ('P-4', 'Certificate of Compliance and Transportation Authority', 'Operator P-5 No.', 'Operator', 'operator_number', '16 TAC 3.58', 'A change of operator is effective on approval.'),
    ('P-4', 'Certificate of Compliance and Transportation Authority', 'Lease or Gas ID No.', 'Lease', 'lease_number', '16 TAC 3.58', ''),
    ('P-4', 'Certificate of Compliance and Transportation Authority', 'Field Number', 'Field', 'field_number', '16 TAC 3.58', ''),
    ('P-4', 'Certificate of Compliance and Transportation Authority', 'Gatherer P-5 No.', 'Gatherer', 'p5_number', '16 TAC 3.58', ''),
    ('P-5', 'Organization Report', 'Organization Name', 'Operator', 'name', '16 TAC 3.1', 'Renewed every year.'),
    ('P-5', 'Organization Report', 'P-5 Organization No.', 'Operator', 'operator_number', '16 TAC 3.1', ''),
    ('P-5', 'Organization Report', 'Mailing Address', 'Operator', 'address', '16 TAC 3.1', ''),
    ('PR',  'Monthly Production Report', 'Operator No.', 'Operator', 'operator_number', '16 TAC 3.54', ''),
    ('PR',  'Monthly Production Report', 'RRC Identifier', 'Lease', 'lease_number', '16 TAC 3.54', ''),
    ('PR',  'Monthly Production Report', 'Month and Year', 'Filing', 'reporting_month', '16 TAC 3.54', 'Due on the last day of the next month.'),
    ('PR',  'Monthly Production Report', 'Oil Production', 'Filing', 'oil_volume', '16 TAC 3.54', ''),
    ('PR',  'Monthly Production Report', 'Gas Production', 'Filing', 'gas_volume', '16 TAC 3.54', ''),
    ('H-10', 'Annual Disposal/Injection Well Monitoring Report', 'API No.', 'Well', 'api_number', '16 TAC 3.46', ''),
    ('W-3', 'Plugging Record', 'API No.', 'Well', 'api_number', '16 TAC 3.14', 'Due within 30 days of plugging.'),
    ('W-3', 'Plugging Record', 'Total Depth', 'Well', 'total_depth', '16 TAC 3.14', '')
) AS m (form_code, form_title, form_field, entity, entity_field, citation, notes)
JOIN entity_type_definitions t ON t.name = m.entity
ON CONFLICT (form_code, form_field) DO NOTHING;

RESET search_path;
