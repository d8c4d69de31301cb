"""Seed statewide rules of the Railroad Commission: `python -m orchestration.seed_rules`."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from orchestration.models import RuleVersion
from orchestration.seeding import Row, run_seed, upsert

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection


def _when(field: str, operator: str, value: object) -> dict[str, Any]:
    return {"field": field, "operator": operator, "value": value}


# rule, version, title, body, conditions, severity, in force from, until; the citation is 16 TAC 3.<number>
_RULES: tuple[tuple[str, int, str, str, list[dict[str, Any]], str, date, date | None], ...] = (
    ("SWR-1", 1, "Organization report; financial security",
     "Nobody operates wells without an approved P-5 and financial security.",
     [_when("p5_status", "eq", "active")], "error", date(2004, 9, 1), None),
    ("SWR-5", 1, "Application to drill, deepen, reenter, or plug back",
     "Operations start only after the permit is granted; the application has a plat.",
     [_when("plat_attached", "eq", True)], "error", date(2004, 9, 1), None),
    ("SWR-11", 1, "Inclination and directional surveys",
     "Inclination surveys at most every 500 feet; a directional survey for deviated wells.",
     [_when("survey_attached", "eq", True)], "error", date(2004, 9, 1), None),
    ("SWR-13", 1, "Casing, cementing, drilling, well control, and completion",
     "Surface casing protects all usable-quality water.",
     [_when("surface_casing_depth_ft", "gt", 0)], "error", date(2004, 9, 1), date(2014, 1, 1)),
    ("SWR-13", 2, "Casing, cementing, drilling, well control, and completion",
     "Surface casing reaches below the depth of the groundwater determination; cement to surface.",
     [_when("surface_casing_margin_ft", "ge", 0), _when("gw1_received", "eq", True)], "error", date(2014, 1, 1), None),
    ("SWR-15", 1, "Inactive wells and plugging",
     "A well inactive for 12 months is plugged or has an approved extension.",
     [_when("inactive_months", "lt", 12)], "warning", date(2010, 9, 1), None),
    ("SWR-16", 1, "Log and completion or plugging report",
     "Completion reports are filed within 90 days of completion.",
     [_when("days_since_completion", "le", 90)], "error", date(2014, 7, 1), None),
    ("SWR-28", 1, "Potential and deliverability of gas wells",
     "A multipoint or one-point back pressure test supports the G-1.",
     [_when("back_pressure_test", "in", ["one-point", "multipoint"])], "error", date(2004, 9, 1), None),
    ("SWR-32", 1, "Gas well gas and casinghead gas: lawful uses",
     "Gas is not flared beyond the exceptions without a permit.",
     [_when("unpermitted_flaring_mcf", "eq", 0)], "error", date(2004, 9, 1), None),
    ("SWR-37", 1, "Statewide spacing",
     "467 feet to the lease line and 1,200 feet between wells, unless field rules say otherwise.",
     [_when("lease_line_ft", "ge", 467), _when("nearest_well_ft", "ge", 1200)], "error", date(2004, 9, 1), None),
    ("SWR-38", 1, "Well densities",
     "40 acres for each well, unless field rules say otherwise.",
     [_when("acres_per_well", "ge", 40)], "error", date(2004, 9, 1), None),
    ("SWR-54", 1, "Monthly production reports",
     "The PR is filed by the last day of the following month and balances.",
     [_when("disposition_difference_bbl", "eq", 0), _when("days_late", "le", 0)], "error", date(2005, 2, 1), None),
    ("SWR-58", 1, "Certificate of compliance and transportation authority",
     "No oil or gas leaves a lease before a P-4 is approved.",
     [_when("p4_approved", "eq", True)], "error", date(2004, 9, 1), None),
    ("SWR-86", 1, "Horizontal drainhole wells",
     "The first and last take point meet the lease-line distance of the field.",
     [_when("take_point_ft", "ge", 467)], "error", date(2008, 9, 1), None),
)  # fmt: skip


async def seed(connection: AsyncConnection) -> str:
    """Rule versions by rule and version."""
    rows: list[Row] = [
        {
            "rule_code": code,
            "version": version,
            "title": title,
            "citation": f"16 TAC 3.{code.removeprefix('SWR-')}",
            "body": body,
            "conditions": conditions,
            "severity": severity,
            "effective_from": effective_from,
            "effective_to": effective_to,
        }
        for code, version, title, body, conditions, severity, effective_from, effective_to in _RULES
    ]
    written = await upsert(connection, RuleVersion, rows, key=["rule_code", "version"])
    current = sum(row["effective_to"] is None for row in rows)
    return f"seed_rules: {len(rows)} rule versions, {current} in force, {written} rows written"


if __name__ == "__main__":
    run_seed(seed)
