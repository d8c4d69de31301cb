"""add locked to account status

For accounts with too many failed logins.

Revision ID: e95d63b18a20
Revises: c41f0a7d93be
Create Date: 2026-03-11 10:20:31.662047
"""

from alembic import op

revision = "e95d63b18a20"
down_revision = "c41f0a7d93be"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TYPE account_status ADD VALUE IF NOT EXISTS 'locked' AFTER 'suspended'")


def downgrade() -> None:
    # PostgreSQL cannot remove a value: the type is made anew, locked accounts become suspended
    op.execute("UPDATE users SET status = 'suspended' WHERE status = 'locked'")
    op.execute("ALTER TYPE account_status RENAME TO account_status_with_locked")
    op.execute("CREATE TYPE account_status AS ENUM ('invited', 'active', 'suspended')")
    op.execute(
        """
        ALTER TABLE users
            ALTER COLUMN status DROP DEFAULT,
            ALTER COLUMN status TYPE account_status USING status::text::account_status,
            ALTER COLUMN status SET DEFAULT 'active'
        """
    )
    op.execute("DROP TYPE IF EXISTS account_status_with_locked")
