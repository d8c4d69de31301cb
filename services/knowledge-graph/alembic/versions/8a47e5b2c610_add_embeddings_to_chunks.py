"""add embeddings to chunks

Revision ID: 8a47e5b2c610
Revises: 3f6c1d0a9b21
Create Date: 2026-03-16 11:02:00
"""

import sqlalchemy as sa
from alembic import op
from pgvector.sqlalchemy import VECTOR

revision = "8a47e5b2c610"
down_revision = "3f6c1d0a9b21"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("chunks", sa.Column("embedding", VECTOR(256), nullable=True))
    op.add_column("chunks", sa.Column("embedding_model", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("chunks", "embedding_model")
    op.drop_column("chunks", "embedding")
