"""create api keys

Revision ID: a20fd8c6b7e1
Revises: 5be90d4471fc
Create Date: 2026-07-08 11:05:18.840263
"""

import sqlalchemy as sa
from alembic import op

revision = "a20fd8c6b7e1"
down_revision = "5be90d4471fc"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuid_generate_v4()"), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False, comment="First characters, shown to tell keys apart."),
        sa.Column("key_digest", sa.LargeBinary(), nullable=False, comment="SHA-256 of the key."),
        sa.Column(
            "scopes", sa.ARRAY(sa.Text()), server_default=sa.text("'{filings:read}'::text[]"), nullable=False
        ),
        sa.Column("use_count", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True)),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("octet_length(key_digest) = 32", name=op.f("ck_api_keys_key_digest")),
        sa.CheckConstraint("cardinality(scopes) > 0", name=op.f("ck_api_keys_scopes")),
        sa.CheckConstraint("use_count >= 0", name=op.f("ck_api_keys_use_count")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_api_keys_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("key_digest", name=op.f("uq_api_keys_key_digest")),
        comment="Keys of programs that act for a user.",
    )
    op.create_index(op.f("idx_api_keys_user_id"), "api_keys", ["user_id"])


def downgrade() -> None:
    op.drop_table("api_keys")
