"""Evaluation of statewide rules against the facts of a filing."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "in": lambda value, allowed: value in allowed,
    "present": lambda value, wanted: (value not in (None, "")) is wanted,
}


@dataclass(frozen=True)
class Finding:
    """A condition that does not hold."""

    field: str
    message: str

    def as_json(self) -> dict[str, str]:
        """As `compliance_status.findings` keeps it."""
        return {"field": self.field, "message": self.message}


def evaluate(conditions: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]) -> tuple[Finding, ...]:
    """The conditions that do not hold for the facts; empty means compliant.

    A missing fact fails every condition but `present: false`; values of types that cannot be compared fail too.

    Raises:
        ValueError: a condition names an operator that does not exist.
    """
    return tuple(
        Finding(condition["field"], _explain(condition, facts))
        for condition in conditions
        if not _holds(condition, facts)
    )


def status_of(findings: Sequence[Finding]) -> str:
    """The word of `compliance_status.status` for these findings."""
    return "violation" if findings else "compliant"


def _holds(condition: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
    name = condition["operator"]
    if name not in _OPERATORS:
        raise ValueError(f"no operator {name!r}; there are {', '.join(_OPERATORS)}")
    value = facts.get(condition["field"])
    if value is None and name != "present":
        return False
    try:
        return _OPERATORS[name](value, condition["value"])
    except TypeError:
        return False


def _explain(condition: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    value = facts.get(condition["field"])
    if value is None:
        return f"{condition['field']} is missing"
    return f"{condition['field']} is {value}, must be {condition['operator']} {condition['value']}"
