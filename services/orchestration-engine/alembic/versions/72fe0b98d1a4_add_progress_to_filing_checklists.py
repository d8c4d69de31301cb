"""add progress to filing checklists

Revision ID: 72fe0b98d1a4
Revises: d4816f2ab05c
Create Date: 2026-04-14 16:25:37.048291
"""

import sqlalchemy as sa
from alembic import op

# aegisdb: ignore[unsafe-ddl] the new column has its default in every row, and the table is small
revision = "72fe0b98d1a4"
down_revision = "d4816f2ab05c"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "filing_checklists",
        sa.Column(
            "progress_percent",
            sa.SmallInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Done part of the required items, kept by a trigger.",
        ),
    )
    op.create_check_constraint(
        op.f("ck_filing_checklists_progress_percent"), "filing_checklists", "progress_percent BETWEEN 0 AND 100"
    )


def downgrade() -> None:
    op.drop_constraint(op.f("ck_filing_checklists_progress_percent"), "filing_checklists", type_="check")
    op.drop_column("filing_checklists", "progress_percent")
