"""create workflow runs and steps

Revision ID: b7e24f19c3d8
Revises:
Create Date: 2026-02-05 10:32:48.119204
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "b7e24f19c3d8"
down_revision = None
branch_labels = None
depends_on = None

workflow_state = postgresql.ENUM(
    "queued", "running", "succeeded", "failed", name="workflow_state", create_type=False
)


def upgrade() -> None:
    workflow_state.create(op.get_bind())
    op.create_table(
        "workflow_runs",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuid_generate_v4()"), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("filing_checklist_id", sa.Uuid()),
        sa.Column("state", workflow_state, server_default="queued", nullable=False),
        sa.Column("input", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("finished_at >= started_at", name=op.f("ck_workflow_runs_finished_at")),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["agents.id"], name=op.f("fk_workflow_runs_agent_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["filing_checklist_id"],
            ["filing_checklists.id"],
            name=op.f("fk_workflow_runs_filing_checklist_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workflow_runs")),
        comment="Work of an agent, step by step.",
    )
    op.create_index(op.f("idx_workflow_runs_agent_id"), "workflow_runs", ["agent_id"])
    op.create_index(
        "idx_workflow_runs_unfinished",
        "workflow_runs",
        ["created_at"],
        postgresql_where=sa.text("finished_at IS NULL"),
    )
    op.create_table(
        "workflow_steps",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuid_generate_v4()"), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("skill_id", sa.Uuid(), nullable=False),
        sa.Column("state", workflow_state, server_default="queued", nullable=False),
        sa.Column("output", postgresql.JSONB()),
        sa.Column("error", sa.Text()),
        sa.CheckConstraint("position > 0", name=op.f("ck_workflow_steps_position")),
        sa.ForeignKeyConstraint(
            ["run_id"], ["workflow_runs.id"], name=op.f("fk_workflow_steps_run_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["skill_id"], ["skills.id"], name=op.f("fk_workflow_steps_skill_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workflow_steps")),
        sa.UniqueConstraint("run_id", "position", name=op.f("uq_workflow_steps_run_id_position")),
        comment="Uses of skills within a run, in order.",
    )
    op.create_index(op.f("idx_workflow_steps_skill_id"), "workflow_steps", ["skill_id"])


def downgrade() -> None:
    op.drop_table("workflow_steps")
    op.drop_table("workflow_runs")
    workflow_state.drop(op.get_bind())
