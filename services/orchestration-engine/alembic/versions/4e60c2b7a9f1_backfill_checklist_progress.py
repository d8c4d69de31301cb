"""backfill checklist progress

For checklists that were written before the trigger.

Revision ID: 4e60c2b7a9f1
Revises: 9a3d5ce7f410
Create Date: 2026-04-15 08:11:29.603745
"""

from alembic import op

revision = "4e60c2b7a9f1"
down_revision = "9a3d5ce7f410"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        UPDATE filing_checklists SET progress_percent = checklist_progress(items)
        WHERE progress_percent <> checklist_progress(items)
        """
    )


def downgrade() -> None:
    op.execute("UPDATE filing_checklists SET progress_percent = 0 WHERE progress_percent <> 0")
