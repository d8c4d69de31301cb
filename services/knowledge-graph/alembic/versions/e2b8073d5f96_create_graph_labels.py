"""create graph labels for wells, leases and operators

Revision ID: e2b8073d5f96
Revises: c15d90f3e7a4
Create Date: 2026-04-01 15:27:00
"""

from alembic import op

# aegisdb: ignore[unsafe-ddl] the labels are made in this very transaction, so nobody is kept waiting
revision = "e2b8073d5f96"
down_revision = "c15d90f3e7a4"
branch_labels = None
depends_on = None


VERTICES = {"Operator": "p5_number", "Lease": "rrc_lease_id", "Well": "api_number"}
EDGES = ("OPERATES", "LOCATED_ON")
# AGE's own functions find their operator classes only through search_path
WITH_AGE = "SELECT set_config('search_path', current_setting('search_path') || ', ag_catalog', true)"
WITHOUT_AGE = "SELECT set_config('search_path', replace(current_setting('search_path'), ', ag_catalog', ''), true)"


def upgrade() -> None:
    op.execute(WITH_AGE)
    for label, key in VERTICES.items():
        op.execute(f"SELECT ag_catalog.create_vlabel('oilgas', '{label}')")
        # Cypher's MERGE alone lets two sessions create the same vertex twice
        op.execute(
            f'CREATE UNIQUE INDEX IF NOT EXISTS "{label}_{key}_key" ON oilgas."{label}" '
            f"(ag_catalog.agtype_access_operator(properties, '\"{key}\"'::ag_catalog.agtype))"
        )
    for label in EDGES:
        op.execute(f"SELECT ag_catalog.create_elabel('oilgas', '{label}')")
    op.execute(WITHOUT_AGE)


def downgrade() -> None:
    op.execute(WITH_AGE)
    for label in (*reversed(EDGES), *reversed(VERTICES)):
        op.execute(f"SELECT ag_catalog.drop_label('oilgas', '{label}')")
    op.execute(WITHOUT_AGE)
