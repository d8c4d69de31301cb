"""index open checklists by due date

Built CONCURRENTLY: the deadline page reads filing_checklists all day.

Revision ID: f83b1d0e5c27
Revises: 4e60c2b7a9f1
Create Date: 2026-06-01 12:54:16.481937
"""

import sqlalchemy as sa
from alembic import op

revision = "f83b1d0e5c27"
down_revision = "4e60c2b7a9f1"
branch_labels = None
depends_on = None

INDEX = "idx_filing_checklists_due_on_open"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        # IF NOT EXISTS alone would accept the INVALID index of an interrupted build
        op.execute(
            f"""
            DO $$
            BEGIN
                IF EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass('{INDEX}') AND NOT indisvalid) THEN
                    DROP INDEX {INDEX};
                END IF;
            END
            $$
            """
        )
        op.create_index(
            INDEX,
            "filing_checklists",
            ["due_on"],
            postgresql_where=sa.text("status IN ('open', 'ready', 'returned')"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(INDEX, "filing_checklists", postgresql_concurrently=True, if_exists=True)
