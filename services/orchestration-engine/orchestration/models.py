"""Tables of orchestration-engine. All but the workflow tables come from the base schema."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Enum, ForeignKey, Index, SmallInteger, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from orchestration.base import EMPTY_ARRAY, EMPTY_OBJECT, NEW_ID, NOW, TRUE, Base, Json, JsonList

OWNED_TABLES = frozenset(
    {
        "agents",
        "skills",
        "approvals",
        "rule_versions",
        "checklist_templates",
        "filing_checklists",
        "compliance_status",
        "filing_rule_snapshots",
        "workflow_runs",
        "workflow_steps",
    }
)
"""What this service migrates. A table stays here when its model goes, so that its drop is proposed."""

WORKFLOW_STATE = Enum("queued", "running", "succeeded", "failed", "cancelled", name="workflow_state")


class Agent(Base):
    """A language model agent that works on filings."""

    __tablename__ = "agents"
    __table_args__ = (
        CheckConstraint("slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'", name="slug"),
        {"comment": "Language model agents that work on filings."},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=NEW_ID)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    purpose: Mapped[str]
    model: Mapped[str]
    system_prompt: Mapped[str] = mapped_column(server_default="")
    settings: Mapped[Json] = mapped_column(
        server_default=EMPTY_OBJECT, comment="Model parameters, such as temperature and tool limits."
    )
    is_enabled: Mapped[bool] = mapped_column(server_default=TRUE)
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    updated_at: Mapped[datetime] = mapped_column(server_default=NOW)


class Skill(Base):
    """What an agent can be asked to do."""

    __tablename__ = "skills"
    __table_args__ = (
        UniqueConstraint("agent_id", "slug"),
        CheckConstraint(
            "category IN ('drilling', 'production', 'compliance', 'research', 'reporting')", name="category"
        ),
        CheckConstraint("version > 0", name="version"),
        Index("idx_skills_category", "category", postgresql_where=text("is_enabled")),
        {"comment": "What an agent can be asked to do."},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=NEW_ID)
    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agents.id", ondelete="CASCADE"))
    slug: Mapped[str]
    name: Mapped[str]
    description: Mapped[str] = mapped_column(server_default="")
    category: Mapped[str]
    input_schema: Mapped[Json] = mapped_column(server_default=EMPTY_OBJECT, comment="JSON schema of the arguments.")
    version: Mapped[int] = mapped_column(server_default=text("1"))
    is_enabled: Mapped[bool] = mapped_column(server_default=TRUE)
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    updated_at: Mapped[datetime] = mapped_column(server_default=NOW)
    owner_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("users.id", ondelete="SET NULL"), index=True, comment="Who answers for the skill."
    )


class Approval(Base):
    """An action of an agent that waits for a person."""

    __tablename__ = "approvals"
    __table_args__ = (
        CheckConstraint("status IN ('pending', 'approved', 'rejected', 'expired')", name="status"),
        CheckConstraint("(status IN ('approved', 'rejected')) = (decided_at IS NOT NULL)", name="decision"),
        CheckConstraint("expires_at > requested_at", name="expires_at"),
        Index("idx_approvals_pending", "requested_at", postgresql_where=text("status = 'pending'")),
        {"comment": "Actions of agents that wait for a person, such as submitting a filing."},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=NEW_ID)
    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agents.id", ondelete="CASCADE"), index=True)
    action: Mapped[str]
    payload: Mapped[Json] = mapped_column(server_default=EMPTY_OBJECT)
    status: Mapped[str] = mapped_column(server_default="pending")
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    decided_at: Mapped[datetime | None]
    reason: Mapped[str | None]
    requested_at: Mapped[datetime] = mapped_column(server_default=NOW)
    expires_at: Mapped[datetime | None]


class RuleVersion(Base):
    """A statewide rule as it was in force."""

    __tablename__ = "rule_versions"
    __table_args__ = (
        UniqueConstraint("rule_code", "version"),
        CheckConstraint("version > 0", name="version"),
        CheckConstraint("severity IN ('error', 'warning', 'info')", name="severity"),
        CheckConstraint("effective_to > effective_from", name="effective"),
        CheckConstraint("jsonb_typeof(conditions) = 'array'", name="conditions"),
        Index("idx_rule_versions_current", "rule_code", unique=True, postgresql_where=text("effective_to IS NULL")),
        {"comment": "Statewide rules as they were in force; an amendment is a new version."},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=NEW_ID)
    rule_code: Mapped[str]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    title: Mapped[str]
    citation: Mapped[str] = mapped_column(comment="Texas Administrative Code, such as 16 TAC 3.5.")
    body: Mapped[str]
    conditions: Mapped[JsonList] = mapped_column(
        server_default=EMPTY_ARRAY, comment="List of {field, operator, value}; all must hold."
    )
    severity: Mapped[str] = mapped_column(server_default="error")
    effective_from: Mapped[date]
    effective_to: Mapped[date | None]
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)


class ChecklistTemplate(Base):
    """What has to be done before a form is filed."""

    __tablename__ = "checklist_templates"
    __table_args__ = (
        UniqueConstraint("code", "version"),
        CheckConstraint("jsonb_typeof(items) = 'array'", name="items"),
        CheckConstraint("version > 0", name="version"),
        Index("idx_checklist_templates_form_code", "form_code", postgresql_where=text("is_active")),
        {"comment": "What has to be done before a form is filed."},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=NEW_ID)
    code: Mapped[str]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    name: Mapped[str]
    form_code: Mapped[str]
    description: Mapped[str] = mapped_column(server_default="")
    items: Mapped[JsonList] = mapped_column(
        server_default=EMPTY_ARRAY, comment="List of {key, label, required, rule_code}."
    )
    is_active: Mapped[bool] = mapped_column(server_default=TRUE)
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    updated_at: Mapped[datetime] = mapped_column(server_default=NOW)


class FilingChecklist(Base):
    """The checklist of one filing."""

    __tablename__ = "filing_checklists"
    __table_args__ = (
        CheckConstraint("operator_number ~ '^[0-9]{6}$'", name="operator_number"),
        CheckConstraint("status IN ('open', 'ready', 'submitted', 'accepted', 'returned')", name="status"),
        CheckConstraint("jsonb_typeof(items) = 'array'", name="items"),
        CheckConstraint("status NOT IN ('submitted', 'accepted') OR submitted_at IS NOT NULL", name="submitted_at"),
        CheckConstraint("progress_percent BETWEEN 0 AND 100", name="progress_percent"),
        Index(
            "idx_filing_checklists_due_on_open",
            "due_on",
            postgresql_where=text("status IN ('open', 'ready', 'returned')"),
        ),
        {"comment": "The checklist of one filing."},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=NEW_ID)
    template_id: Mapped[UUID] = mapped_column(ForeignKey("checklist_templates.id", ondelete="RESTRICT"), index=True)
    filing_reference: Mapped[str] = mapped_column(unique=True)
    operator_number: Mapped[str] = mapped_column(index=True, comment="Six digits, from the operator's P-5.")
    status: Mapped[str] = mapped_column(server_default="open")
    items: Mapped[JsonList] = mapped_column(
        server_default=EMPTY_ARRAY, comment="Copy of the template's items with {done, done_at, note}."
    )
    due_on: Mapped[date | None]
    submitted_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    updated_at: Mapped[datetime] = mapped_column(server_default=NOW)
    progress_percent: Mapped[int] = mapped_column(
        SmallInteger, server_default=text("0"), comment="Done part of the required items, kept by a trigger."
    )


class ComplianceStatus(Base):
    """The latest result of a rule for a filing."""

    __tablename__ = "compliance_status"
    __table_args__ = (
        UniqueConstraint("filing_checklist_id", "rule_version_id"),
        CheckConstraint("status IN ('unknown', 'compliant', 'violation', 'waived')", name="status"),
        CheckConstraint("status <> 'waived' OR waived_by IS NOT NULL", name="waiver"),
        Index("idx_compliance_status_violations", "evaluated_at", postgresql_where=text("status = 'violation'")),
        {"comment": "Latest result of each rule for each filing; a waiver names who granted it."},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=NEW_ID)
    filing_checklist_id: Mapped[UUID] = mapped_column(ForeignKey("filing_checklists.id", ondelete="CASCADE"))
    rule_version_id: Mapped[UUID] = mapped_column(ForeignKey("rule_versions.id", ondelete="RESTRICT"))
    status: Mapped[str] = mapped_column(server_default="unknown")
    findings: Mapped[JsonList] = mapped_column(server_default=EMPTY_ARRAY)
    evaluated_at: Mapped[datetime] = mapped_column(server_default=NOW)
    waived_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))


class FilingRuleSnapshot(Base):
    """A rule as it stood when a filing was submitted."""

    __tablename__ = "filing_rule_snapshots"
    __table_args__ = (
        UniqueConstraint("filing_checklist_id", "rule_version_id"),
        {"comment": "The rule as it stood when the filing was submitted."},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=NEW_ID)
    filing_checklist_id: Mapped[UUID] = mapped_column(ForeignKey("filing_checklists.id", ondelete="CASCADE"))
    rule_version_id: Mapped[UUID] = mapped_column(ForeignKey("rule_versions.id", ondelete="RESTRICT"))
    rule_body: Mapped[str]
    conditions: Mapped[JsonList]
    captured_at: Mapped[datetime] = mapped_column(server_default=NOW)


class WorkflowRun(Base):
    """One piece of work of an agent."""

    __tablename__ = "workflow_runs"
    __table_args__ = (
        CheckConstraint("finished_at >= started_at", name="finished_at"),
        Index("idx_workflow_runs_unfinished", "created_at", postgresql_where=text("finished_at IS NULL")),
        {"comment": "Work of an agent, step by step."},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=NEW_ID)
    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agents.id", ondelete="RESTRICT"), index=True)
    filing_checklist_id: Mapped[UUID | None] = mapped_column(ForeignKey("filing_checklists.id", ondelete="SET NULL"))
    state: Mapped[str] = mapped_column(WORKFLOW_STATE, server_default="queued")
    input: Mapped[Json] = mapped_column(server_default=EMPTY_OBJECT)
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class WorkflowStep(Base):
    """One use of a skill within a run."""

    __tablename__ = "workflow_steps"
    __table_args__ = (
        UniqueConstraint("run_id", "position"),
        CheckConstraint("position > 0", name="position"),
        {"comment": "Uses of skills within a run, in order."},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=NEW_ID)
    run_id: Mapped[UUID] = mapped_column(ForeignKey("workflow_runs.id", ondelete="CASCADE"))
    position: Mapped[int]
    skill_id: Mapped[UUID] = mapped_column(ForeignKey("skills.id", ondelete="RESTRICT"), index=True)
    state: Mapped[str] = mapped_column(WORKFLOW_STATE, server_default="queued")
    output: Mapped[Json | None]
    error: Mapped[str | None]
