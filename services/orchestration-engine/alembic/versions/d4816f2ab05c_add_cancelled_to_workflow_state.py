"""add cancelled to workflow state

Revision ID: d4816f2ab05c
Revises: 0c95a3de71b6
Create Date: 2026-03-16 09:47:12.350866
"""

from alembic import op

revision = "d4816f2ab05c"
down_revision = "0c95a3de71b6"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TYPE workflow_state ADD VALUE IF NOT EXISTS 'cancelled'")


def downgrade() -> None:
    # PostgreSQL cannot remove a value: the type is made anew, cancelled work becomes failed
    op.execute("ALTER TYPE workflow_state RENAME TO workflow_state_with_cancelled")
    op.execute("CREATE TYPE workflow_state AS ENUM ('queued', 'running', 'succeeded', 'failed')")
    for table in ("workflow_runs", "workflow_steps"):
        op.execute(f"UPDATE {table} SET state = 'failed' WHERE state = 'cancelled'")
        op.execute(
            f"""
            ALTER TABLE {table}
                ALTER COLUMN state DROP DEFAULT,
                ALTER COLUMN state TYPE workflow_state USING state::text::workflow_state,
                ALTER COLUMN state SET DEFAULT 'queued'
            """
        )
    op.execute("DROP TYPE IF EXISTS workflow_state_with_cancelled")
