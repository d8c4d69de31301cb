"""Seed agents and their skills: `python -m orchestration.seed_skills`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from orchestration.models import Agent, Skill
from orchestration.seeding import ids_by, run_seed, upsert

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

AGENTS = (
    {
        "slug": "permit-agent",
        "name": "Permit agent",
        "purpose": "Prepares and checks W-1 drilling permit applications.",
        "model": "general-large",
        "settings": {"temperature": 0.1, "max_tool_calls": 20},
    },
    {
        "slug": "completion-agent",
        "name": "Completion agent",
        "purpose": "Assembles completion packets: W-2 or G-1, logs and the P-4.",
        "model": "general-large",
        "settings": {"temperature": 0.1, "max_tool_calls": 30},
    },
    {
        "slug": "production-agent",
        "name": "Production agent",
        "purpose": "Files the monthly PR and explains variances.",
        "model": "general-small",
        "settings": {"temperature": 0.0, "max_tool_calls": 12},
    },
    {
        "slug": "compliance-agent",
        "name": "Compliance agent",
        "purpose": "Evaluates statewide rules and watches deadlines.",
        "model": "general-large",
        "settings": {"temperature": 0.0, "max_tool_calls": 40},
    },
)


def _arguments(**properties: str) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(properties),
        "properties": {name: {"type": kind} for name, kind in properties.items()},
    }


# agent, slug, name, category, description, arguments
_SKILLS = (
    ("permit-agent", "draft-w1", "Draft W-1", "drilling", "Fill a W-1 from well and lease data.",
     _arguments(api_number="string", lease_number="string")),
    ("permit-agent", "check-spacing", "Check spacing", "compliance",
     "Distances to lease lines and wells under Rule 37 and the field rules.", _arguments(api_number="string")),
    ("permit-agent", "check-density", "Check density", "compliance", "Acres per well under Rule 38.",
     _arguments(lease_number="string", acres="number")),
    ("completion-agent", "draft-w2", "Draft W-2", "drilling", "Oil well potential test and completion report.",
     _arguments(api_number="string", completed_on="string")),
    ("completion-agent", "draft-g1", "Draft G-1", "drilling", "Gas well back pressure test and completion report.",
     _arguments(api_number="string", completed_on="string")),
    ("completion-agent", "draft-p4", "Draft P-4", "reporting", "Certificate of compliance and transport authority.",
     _arguments(lease_number="string", operator_number="string")),
    ("production-agent", "file-pr", "File PR", "production", "Monthly production report of all leases of an operator.",
     _arguments(operator_number="string", month="string")),
    ("production-agent", "explain-variance", "Explain variance", "production",
     "Compare production and disposition with the previous months.", _arguments(lease_number="string", month="string")),
    ("compliance-agent", "evaluate-rules", "Evaluate rules", "compliance", "Evaluate current rules for a filing.",
     _arguments(filing_reference="string")),
    ("compliance-agent", "watch-deadlines", "Watch deadlines", "compliance", "List filings that fall due.",
     _arguments(days="integer")),
    ("compliance-agent", "find-precedent", "Find precedent", "research", "Search earlier filings and hearings.",
     _arguments(question="string")),
)  # fmt: skip


async def seed(connection: AsyncConnection) -> str:
    """Agents by slug, then skills by agent and slug."""
    written = await upsert(connection, Agent, AGENTS, key=["slug"])
    agents = await ids_by(connection, select(Agent.slug, Agent.id))
    skills = [
        {
            "agent_id": agents[agent],
            "slug": slug,
            "name": name,
            "category": category,
            "description": description,
            "input_schema": arguments,
        }
        for agent, slug, name, category, description, arguments in _SKILLS
    ]
    written += await upsert(connection, Skill, skills, key=["agent_id", "slug"])
    return f"seed_skills: {len(AGENTS)} agents, {len(skills)} skills, {written} rows written"


if __name__ == "__main__":
    run_seed(seed)
