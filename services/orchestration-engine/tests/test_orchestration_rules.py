"""Rules: which conditions hold for which facts."""

import pytest

from orchestration.rules import evaluate, status_of

SPACING = [
    {"field": "lease_line_ft", "operator": "ge", "value": 467},
    {"field": "nearest_well_ft", "operator": "ge", "value": 1200},
]


def test_a_filing_that_meets_every_condition_is_compliant() -> None:
    findings = evaluate(SPACING, {"lease_line_ft": 467, "nearest_well_ft": 1320})
    assert findings == ()
    assert status_of(findings) == "compliant"


def test_each_condition_that_fails_is_a_finding_with_its_value() -> None:
    findings = evaluate(SPACING, {"lease_line_ft": 330, "nearest_well_ft": 1320})
    assert [finding.as_json() for finding in findings] == [
        {"field": "lease_line_ft", "message": "lease_line_ft is 330, must be ge 467"}
    ]
    assert status_of(findings) == "violation"


def test_a_missing_fact_fails() -> None:
    assert evaluate(SPACING[:1], {})[0].message == "lease_line_ft is missing"


@pytest.mark.parametrize(
    ("operator", "wanted", "value", "holds"),
    [
        ("eq", "active", "active", True),
        ("ne", "active", "active", False),
        ("lt", 12, 12, False),
        ("le", 12, 12, True),
        ("gt", 0, 0, False),
        ("in", ["one-point"], "multipoint", False),
        ("in", "not a list of numbers", 3, False),
        ("present", True, "", False),
        ("present", False, None, True),
        ("ge", 467, "far", False),
    ],
)
def test_operators(operator: str, wanted: object, value: object, *, holds: bool) -> None:
    assert (evaluate([{"field": "f", "operator": operator, "value": wanted}], {"f": value}) == ()) is holds


def test_an_unknown_operator_is_an_error_of_the_rule() -> None:
    with pytest.raises(ValueError, match="no operator 'about'"):
        evaluate([{"field": "f", "operator": "about", "value": 1}], {"f": 1})
