"""Seed checklist templates for Railroad Commission forms: `python -m orchestration.seed_checklists`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestration.models import ChecklistTemplate
from orchestration.seeding import Row, run_seed, upsert

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection


def _item(key: str, label: str, rule_code: str = "", *, required: bool = True) -> dict[str, Any]:
    return {"key": key, "label": label, "required": required, "rule_code": rule_code or None}


TEMPLATES = (
    {
        "code": "w1-new-drill",
        "form_code": "W-1",
        "name": "Drilling permit, new well",
        "description": "Before a W-1 is submitted.",
        "items": [
            _item("p5_active", "Operator's P-5 is active with financial assurance", "SWR-1"),
            _item("plat", "Certified plat with distances to lease lines and nearest wells", "SWR-5"),
            _item("spacing", "Distances meet field rules, or a Rule 37 exception is requested", "SWR-37"),
            _item("density", "Acreage meets field rules, or a Rule 38 exception is requested", "SWR-38"),
            _item("groundwater", "Groundwater protection determination (GW-1) received", "SWR-13"),
            _item("h2s", "H-9 certificate where the field has hydrogen sulfide", "SWR-36", required=False),
            _item("fee", "Fee by total depth paid", "SWR-78"),
        ],
    },
    {
        "code": "w1-horizontal",
        "form_code": "W-1",
        "name": "Drilling permit, horizontal well",
        "description": "W-1 with the W-1H supplement.",
        "items": [
            _item("p5_active", "Operator's P-5 is active with financial assurance", "SWR-1"),
            _item("plat", "Plat with penetration point, first and last take point, terminus", "SWR-86"),
            _item("w1h", "W-1H horizontal well supplement", "SWR-86"),
            _item("spacing", "Take points meet lease-line spacing", "SWR-37"),
            _item("density", "Proration acreage for the drainhole", "SWR-38"),
            _item("groundwater", "Groundwater protection determination (GW-1) received", "SWR-13"),
            _item("fee", "Fee by total depth paid", "SWR-78"),
        ],
    },
    {
        "code": "w2-completion",
        "form_code": "W-2",
        "name": "Oil well completion packet",
        "description": "Due within 90 days of completion.",
        "items": [
            _item("w2", "W-2 with the 24-hour potential test", "SWR-16"),
            _item("w15", "W-15 cementing reports of each string", "SWR-13"),
            _item("l1", "L-1 electric log status and the log itself", "SWR-16"),
            _item("w12", "W-12 inclination report or a directional survey", "SWR-11"),
            _item("p16", "P-16 acreage designation", "SWR-40", required=False),
            _item("fracfocus", "Chemical disclosure registered", "SWR-29", required=False),
            _item("p4", "P-4 naming gatherer and purchaser", "SWR-58"),
        ],
    },
    {
        "code": "g1-completion",
        "form_code": "G-1",
        "name": "Gas well completion packet",
        "description": "Due within 90 days of completion.",
        "items": [
            _item("g1", "G-1 with back pressure test", "SWR-28"),
            _item("g5", "G-5 gas well classification", "SWR-16"),
            _item("w15", "W-15 cementing reports of each string", "SWR-13"),
            _item("l1", "L-1 electric log status and the log itself", "SWR-16"),
            _item("p4", "P-4 naming gatherer and purchaser", "SWR-58"),
        ],
    },
    {
        "code": "p4-operator-change",
        "form_code": "P-4",
        "name": "Change of operator",
        "description": "Takes effect when the Commission approves it.",
        "items": [
            _item("both_p5", "P-5 of both operators active", "SWR-1"),
            _item("signatures", "Signed by the previous and the new operator", "SWR-58"),
            _item("assurance", "New operator's financial assurance covers the wells", "SWR-78"),
            _item("inactive", "Inactive wells comply with Rule 15", "SWR-15"),
        ],
    },
    {
        "code": "pr-monthly",
        "form_code": "PR",
        "name": "Monthly production report",
        "description": "Due on the last day of the following month.",
        "items": [
            _item("volumes", "Oil, gas, condensate and casinghead gas of every lease", "SWR-54"),
            _item("disposition", "Disposition equals production less the change of stock", "SWR-54"),
            _item("stock", "Opening stock equals last month's closing stock", "SWR-54"),
            _item("flaring", "Flared volumes have an exception", "SWR-32"),
        ],
    },
)


async def seed(connection: AsyncConnection) -> str:
    """Templates by code and version."""
    rows: list[Row] = [{"version": 1, **template} for template in TEMPLATES]
    written = await upsert(connection, ChecklistTemplate, rows, key=["code", "version"])
    items = sum(len(row["items"]) for row in rows)
    return f"seed_checklists: {len(rows)} templates with {items} items, {written} rows written"


if __name__ == "__main__":
    run_seed(seed)
