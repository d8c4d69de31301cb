"""create documents and chunks

Revision ID: 3f6c1d0a9b21
Revises:
Create Date: 2026-03-02 09:14:00
"""

import sqlalchemy as sa
from alembic import op

revision = "3f6c1d0a9b21"
down_revision = None
branch_labels = None
depends_on = None


KIND = sa.Enum("permit", "completion_report", "production_report", "rule", name="document_kind")


def upgrade() -> None:
    op.create_table(
        "documents",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("kind", KIND, nullable=False),
        sa.Column("api_number", sa.Text(), nullable=True),
        sa.Column("rrc_district", sa.Text(), nullable=True),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_documents"),
        sa.UniqueConstraint("external_id", name="uq_documents_external_id"),
        sa.CheckConstraint(r"api_number ~ '^42-\d{3}-\d{5}$'", name="ck_documents_api_number"),
    )
    op.create_index("idx_documents_api_number", "documents", ["api_number"])
    op.create_table(
        "chunks",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_chunks"),
        sa.ForeignKeyConstraint(
            ["document_id"], ["documents.id"], name="fk_chunks_document_id", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("document_id", "ordinal", name="uq_chunks_document_id_ordinal"),
        sa.CheckConstraint("ordinal >= 0", name="ck_chunks_ordinal"),
    )


def downgrade() -> None:
    op.drop_table("chunks")
    op.drop_table("documents")
    # create_table makes the type, drop_table does not take it away
    op.execute("DROP TYPE IF EXISTS document_kind")
