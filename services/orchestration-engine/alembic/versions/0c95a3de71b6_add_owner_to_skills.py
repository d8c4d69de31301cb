"""add owner to skills

Points at identity's users: a skill stays when its owner goes.

Revision ID: 0c95a3de71b6
Revises: b7e24f19c3d8
Create Date: 2026-02-24 14:18:03.775510
"""

import sqlalchemy as sa
from alembic import op

# aegisdb: ignore[unsafe-ddl] skills has a few dozen rows
revision = "0c95a3de71b6"
down_revision = "b7e24f19c3d8"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("skills", sa.Column("owner_id", sa.Uuid(), comment="Who answers for the skill."))
    op.create_foreign_key(
        op.f("fk_skills_owner_id"), "skills", "users", ["owner_id"], ["id"], ondelete="SET NULL"
    )
    op.create_index(op.f("idx_skills_owner_id"), "skills", ["owner_id"])


def downgrade() -> None:
    op.drop_index(op.f("idx_skills_owner_id"), "skills")
    op.drop_constraint(op.f("fk_skills_owner_id"), "skills", type_="foreignkey")
    op.drop_column("skills", "owner_id")
