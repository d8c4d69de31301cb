"""say who uploaded a document

Revision ID: b7042fe81d3c
Revises: 5d9a41c6b8e0
Create Date: 2026-06-08 13:51:00
"""

import sqlalchemy as sa
from alembic import op

# aegisdb: ignore[unsafe-ddl] documents has a few hundred rows, and uploads can wait for the second that it takes
revision = "b7042fe81d3c"
down_revision = "5d9a41c6b8e0"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("documents", sa.Column("uploaded_by", sa.Uuid(), nullable=True))
    # users belongs to identity: we refer to it and never change it
    op.create_foreign_key(
        "fk_documents_uploaded_by", "documents", "users", ["uploaded_by"], ["id"], ondelete="SET NULL"
    )
    op.create_index("idx_documents_uploaded_by", "documents", ["uploaded_by"])


def downgrade() -> None:
    op.drop_index("idx_documents_uploaded_by", table_name="documents")
    op.drop_constraint("fk_documents_uploaded_by", "documents", type_="foreignkey")
    op.drop_column("documents", "uploaded_by")
