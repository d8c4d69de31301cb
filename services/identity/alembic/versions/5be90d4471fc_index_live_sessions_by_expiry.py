"""index live sessions by expiry

Built CONCURRENTLY: user_sessions is written at every login.

Revision ID: 5be90d4471fc
Revises: 1a7c5f82d6e3
Create Date: 2026-05-20 13:33:09.274816
"""

import sqlalchemy as sa
from alembic import op

revision = "5be90d4471fc"
down_revision = "1a7c5f82d6e3"
branch_labels = None
depends_on = None

INDEX = "idx_user_sessions_expires_at_live"


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
            "user_sessions",
            ["expires_at"],
            postgresql_where=sa.text("revoked_at IS NULL"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(INDEX, "user_sessions", postgresql_concurrently=True, if_exists=True)
