"""Seed an operator's work for demonstrations: `python -m orchestration.seed_demo_data`.

Needs the other three seeds. Ids are the same in every database; what people have changed since is left alone.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import column, func, select, table
from sqlalchemy.dialects.postgresql import insert

from orchestration.models import (
    Agent,
    Approval,
    ChecklistTemplate,
    ComplianceStatus,
    FilingChecklist,
    FilingRuleSnapshot,
    RuleVersion,
    Skill,
    WorkflowRun,
    WorkflowStep,
)
from orchestration.rules import evaluate, status_of
from orchestration.seeding import Row, ids_by, insert_missing, run_seed, seed_id

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

USERS = table("users", column("id"), column("email"), column("display_name"), column("role"))

PEOPLE = (
    ("dana.whitfield@llanoestacado.example", "Dana Whitfield", "operator"),
    ("marcus.ruiz@llanoestacado.example", "Marcus Ruiz", "reviewer"),
    ("priya.nair@aegis.example", "Priya Nair", "admin"),
)

# reference, template, operator, status, due, submitted, keys of the items that are done
FILINGS = (
    ("LLE-2026-0117", "w1-horizontal", "501234", "open", date(2026, 12, 15), None, ("p5_active", "plat", "w1h")),
    ("LLE-2026-0098", "w2-completion", "501234", "returned", date(2026, 11, 30), None, ("w2", "w15", "w12")),
    ("LLE-2026-0101", "pr-monthly", "501234", "submitted", date(2026, 10, 31),
     datetime(2026, 10, 28, 15, 4, tzinfo=UTC), ("volumes", "disposition", "stock", "flaring")),
    ("MSA-2026-0014", "p4-operator-change", "634120", "ready", date(2026, 12, 1), None,
     ("both_p5", "signatures", "assurance", "inactive")),
)  # fmt: skip

FACTS: dict[str, dict[str, Any]] = {
    "LLE-2026-0117": {"p5_status": "active", "take_point_ft": 480, "lease_line_ft": 330, "nearest_well_ft": 1320},
    "LLE-2026-0098": {"days_since_completion": 64, "survey_attached": True, "p4_approved": False},
    "LLE-2026-0101": {"disposition_difference_bbl": 0, "days_late": -3, "unpermitted_flaring_mcf": 0},
    "MSA-2026-0014": {"p5_status": "active", "inactive_months": 3, "p4_approved": True},
}
RULES = {
    "LLE-2026-0117": ("SWR-1", "SWR-86", "SWR-37"),
    "LLE-2026-0098": ("SWR-16", "SWR-11", "SWR-58"),
    "LLE-2026-0101": ("SWR-54", "SWR-32"),
    "MSA-2026-0014": ("SWR-1", "SWR-15", "SWR-58"),
}

# agent, filing, state, skills
RUNS = (
    ("permit-agent", "LLE-2026-0117", "running", ("draft-w1", "check-spacing", "check-density")),
    ("completion-agent", "LLE-2026-0098", "failed", ("draft-w2", "draft-p4")),
    ("production-agent", "LLE-2026-0101", "succeeded", ("file-pr", "explain-variance")),
)
_STARTED = datetime(2026, 10, 28, 14, 0, tzinfo=UTC)
_FINISHED = datetime(2026, 10, 28, 14, 20, tzinfo=UTC)


async def seed(connection: AsyncConnection) -> str:
    """People, filings with their checklists and rules, runs with their steps, one approval."""
    written = await _people(connection)
    written += await insert_missing(connection, FilingChecklist, await _filings(connection))
    statuses, snapshots = await _compliance(connection)
    written += await insert_missing(connection, ComplianceStatus, statuses)
    written += await insert_missing(connection, FilingRuleSnapshot, snapshots)
    runs, steps = await _runs(connection)
    written += await insert_missing(connection, WorkflowRun, runs)
    written += await insert_missing(connection, WorkflowStep, steps)
    written += await insert_missing(connection, Approval, await _approvals(connection))
    return (
        f"seed_demo_data: {len(PEOPLE)} users, {len(FILINGS)} filings, {len(statuses)} rule results, "
        f"{len(runs)} runs with {len(steps)} steps, {written} rows written"
    )


async def _people(connection: AsyncConnection) -> int:
    rows = [{"id": seed_id(email), "email": email, "display_name": name, "role": role} for email, name, role in PEOPLE]
    return (await connection.execute(insert(USERS).values(rows).on_conflict_do_nothing())).rowcount


async def _filings(connection: AsyncConnection) -> list[Row]:
    found = await connection.execute(
        select(ChecklistTemplate.code, ChecklistTemplate.id, ChecklistTemplate.items).where(ChecklistTemplate.is_active)
    )
    templates = {code: (template_id, items) for code, template_id, items in found}
    return [
        {
            "id": seed_id(reference),
            "template_id": templates[code][0],
            "filing_reference": reference,
            "operator_number": operator,
            "status": status,
            "items": [{**item, "done": item["key"] in done} for item in templates[code][1]],
            "due_on": due,
            "submitted_at": submitted,
        }
        for reference, code, operator, status, due, submitted, done in FILINGS
    ]


async def _compliance(connection: AsyncConnection) -> tuple[list[Row], list[Row]]:
    found = await connection.execute(
        select(RuleVersion.rule_code, RuleVersion.id, RuleVersion.body, RuleVersion.conditions).where(
            RuleVersion.effective_to.is_(None)
        )
    )
    rules = {code: (rule_id, body, conditions) for code, rule_id, body, conditions in found}
    filings = await ids_by(connection, select(FilingChecklist.filing_reference, FilingChecklist.id))
    submitted = {reference for reference, _, _, _, _, at, _ in FILINGS if at}
    statuses, snapshots = [], []
    for reference, codes in RULES.items():
        for code in codes:
            rule_id, body, conditions = rules[code]
            pair = {"filing_checklist_id": filings[reference], "rule_version_id": rule_id}
            findings = evaluate(conditions, FACTS[reference])
            notes = [finding.as_json() for finding in findings]
            statuses.append({**pair, "status": status_of(findings), "findings": notes})
            if reference in submitted:
                snapshots.append({**pair, "rule_body": body, "conditions": conditions})
    return statuses, snapshots


async def _runs(connection: AsyncConnection) -> tuple[list[Row], list[Row]]:
    agents = await ids_by(connection, select(Agent.slug, Agent.id))
    skills = await ids_by(connection, select(Skill.slug, Skill.id))
    filings = await ids_by(connection, select(FilingChecklist.filing_reference, FilingChecklist.id))
    runs, steps = [], []
    for agent, reference, state, used in RUNS:
        run_id = seed_id(f"run of {agent} for {reference}")
        runs.append(
            {
                "id": run_id,
                "agent_id": agents[agent],
                "filing_checklist_id": filings[reference],
                "state": state,
                "input": {"filing_reference": reference},
                "started_at": _STARTED,
                "finished_at": None if state == "running" else _FINISHED,
            }
        )
        for position, slug in enumerate(used, start=1):
            steps.append(
                {
                    "run_id": run_id,
                    "position": position,
                    "skill_id": skills[slug],
                    "state": "succeeded" if position < len(used) else state,
                }
            )
    return runs, steps


async def _approvals(connection: AsyncConnection) -> list[Row]:
    agents = await ids_by(connection, select(Agent.slug, Agent.id))
    # somebody may have signed up before the seed ran, with another id and their own capitals
    people = await ids_by(connection, select(func.lower(USERS.c.email), USERS.c.id))
    decided = {"decided_by": people[PEOPLE[1][0]], "decided_at": _FINISHED, "reason": "Volumes agree with the gauges."}
    undecided = dict.fromkeys(decided)
    return [
        {
            "id": seed_id(f"approval to submit {reference}"),
            "agent_id": agents[agent],
            "action": "filing.submit",
            "payload": {"filing_reference": reference},
            "status": status,
            "requested_at": _STARTED,
            **decision,
        }
        for agent, reference, status, decision in (
            ("production-agent", "LLE-2026-0101", "approved", decided),
            ("compliance-agent", "MSA-2026-0014", "pending", undecided),
        )
    ]


if __name__ == "__main__":
    run_seed(seed)
