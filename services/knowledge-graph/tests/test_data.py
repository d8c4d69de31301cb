"""The data files: keys are unique, references hold, numbers have the Railroad Commission's shape."""

from __future__ import annotations

import re

from knowledge_graph.seed import read_csv, read_documents

DISTRICTS = {"01", "02", "03", "04", "05", "06", "6E", "7B", "7C", "08", "8A", "09", "10"}


def test_keys_are_unique_and_references_hold() -> None:
    operators = {row["p5_number"] for row in read_csv("operators.csv")}
    leases = {row["rrc_lease_id"]: row for row in read_csv("leases.csv")}
    wells = {row["api_number"]: row for row in read_csv("wells.csv")}
    assert len(operators) == len(read_csv("operators.csv"))
    assert len(leases) == len(read_csv("leases.csv"))
    assert len(wells) == len(read_csv("wells.csv"))
    assert {row["p5_number"] for row in leases.values()} <= operators
    assert {row["rrc_lease_id"] for row in wells.values()} == set(leases)
    assert {row["api_number"] for row in read_documents()} - {None} <= set(wells)


def test_numbers_have_the_right_shape() -> None:
    assert all(re.fullmatch(r"\d{6}", row["p5_number"]) for row in read_csv("operators.csv"))
    assert all(re.fullmatch(r"42-\d{3}-\d{5}", row["api_number"]) for row in read_csv("wells.csv"))
    assert {row["rrc_district"] for name in ("leases.csv", "wells.csv") for row in read_csv(name)} <= DISTRICTS


def test_a_county_has_one_code() -> None:
    codes: dict[str, set[str]] = {}
    for row in read_csv("wells.csv"):
        codes.setdefault(row["county"], set()).add(row["api_number"][3:6])
    assert all(len(found) == 1 for found in codes.values())
