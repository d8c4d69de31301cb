"""require who waived a violation

Revision ID: 6d27e9f4b813
Revises: f83b1d0e5c27
Create Date: 2026-07-22 09:36:40.157082
"""

import sqlalchemy as sa
from alembic import op

# aegisdb: ignore[unsafe-ddl] a few thousand rows, checked while nobody files
revision = "6d27e9f4b813"
down_revision = "f83b1d0e5c27"
branch_labels = None
depends_on = None

OLD_COMMENT = "Latest result of each rule for each filing."
NEW_COMMENT = "Latest result of each rule for each filing; a waiver names who granted it."


def upgrade() -> None:
    op.add_column("compliance_status", sa.Column("waived_by", sa.Uuid()))
    op.create_foreign_key(
        op.f("fk_compliance_status_waived_by"),
        "compliance_status",
        "users",
        ["waived_by"],
        ["id"],
        ondelete="RESTRICT",
    )
    # older waivers name nobody: they go back to violations, to be waived again by somebody
    op.execute("UPDATE compliance_status SET status = 'violation' WHERE status = 'waived'")
    op.create_check_constraint(
        op.f("ck_compliance_status_waiver"), "compliance_status", "status <> 'waived' OR waived_by IS NOT NULL"
    )
    op.create_table_comment("compliance_status", NEW_COMMENT, existing_comment=OLD_COMMENT)


def downgrade() -> None:
    op.create_table_comment("compliance_status", OLD_COMMENT, existing_comment=NEW_COMMENT)
    op.drop_constraint(op.f("ck_compliance_status_waiver"), "compliance_status", type_="check")
    op.drop_constraint(op.f("fk_compliance_status_waived_by"), "compliance_status", type_="foreignkey")
    op.drop_column("compliance_status", "waived_by")
