"""count the words of chunks

Revision ID: 5d9a41c6b8e0
Revises: e2b8073d5f96
Create Date: 2026-05-11 10:05:00
"""

import sqlalchemy as sa
from alembic import op

# aegisdb: ignore[unsafe-ddl] chunks is written by the seed only, and its few thousand rows are read in no time
revision = "5d9a41c6b8e0"
down_revision = "e2b8073d5f96"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("chunks", sa.Column("word_count", sa.Integer(), nullable=True))
    # the chunks that are already there get their count before the column becomes mandatory
    op.execute(r"UPDATE chunks SET word_count = cardinality(regexp_split_to_array(btrim(content), '\s+'))")
    op.alter_column("chunks", "word_count", nullable=False)


def downgrade() -> None:
    op.drop_column("chunks", "word_count")
