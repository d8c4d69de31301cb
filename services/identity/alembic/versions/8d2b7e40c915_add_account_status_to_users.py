"""add account status to users

is_active cannot tell an invitation from a suspension.

Revision ID: 8d2b7e40c915
Revises: 3f6c1a9e2b47
Create Date: 2026-02-19 15:41:07.530912
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "8d2b7e40c915"
down_revision = "3f6c1a9e2b47"
branch_labels = None
depends_on = None

account_status = postgresql.ENUM("invited", "active", "suspended", name="account_status", create_type=False)


def upgrade() -> None:
    account_status.create(op.get_bind())
    op.add_column(
        "users",
        sa.Column(
            "status",
            account_status,
            server_default="active",
            nullable=False,
            comment="Says more than is_active, which older readers still use.",
        ),
    )


def downgrade() -> None:
    op.drop_column("users", "status")
    account_status.drop(op.get_bind())
