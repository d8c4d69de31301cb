"""backfill account status from is_active

Revision ID: c41f0a7d93be
Revises: 8d2b7e40c915
Create Date: 2026-02-19 16:02:55.004178
"""

from alembic import op

revision = "c41f0a7d93be"
down_revision = "8d2b7e40c915"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        UPDATE users
        SET status = CASE WHEN last_login_at IS NULL THEN 'invited'::account_status ELSE 'suspended' END
        WHERE NOT is_active AND status = 'active'
        """
    )


def downgrade() -> None:
    # suspensions made since then live on in is_active, the only column that the parent revision reads
    op.execute("UPDATE users SET is_active = false WHERE status <> 'active' AND is_active")
    op.execute("UPDATE users SET status = 'active' WHERE status <> 'active'")
