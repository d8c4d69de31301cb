"""Reports of parts of a plan, made so that what is joined of them is the report of the whole plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aegisdb.errors import BadInput
from aegisdb.proofs.rehearsal import Rehearsal, Touched
from aegisdb.workflows.migrate.plan_parts import hidden_dependency, put_together

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

PLAN = "migrate.plan"


def whole_plan(documents: Sequence[Mapping[str, Any]], hint: str) -> list[Mapping[str, Any]]:
    """The reports without what the whole plan does not have; the first has the revisions of all, in their order.

    Raises:
        BadInput: they were made of other pending revisions, or a revision of one part shows otherwise after another's.
    """
    results = [one["result"] for one in documents]
    try:
        order = results[0]["pending"]
        if any(one["pending"] != order for one in results):
            told = "the parts were made of other pending revisions: the files or the database changed meanwhile"
            raise BadInput(told, hint=hint, code="shards")
        revisions, failed = put_together(order, [(one["revisions"], one["failed"]) for one in results], _name)
        _require_independent(order, results, frozenset(map(_name, revisions)))
    except (KeyError, TypeError, ValueError) as error:
        told = f"a report of {PLAN} is of another aegisdb: {error}"
        raise BadInput(told, hint="run all parts with one version", code="shards") from None
    alike = [{**one, "revisions": [], "failed": "", "pending": [], "parts": []} for one in results]
    alike[0] |= {"revisions": revisions, "failed": failed, "pending": order}
    made = [{**one, "result": result} for one, result in zip(documents, alike, strict=True)]
    # as in one piece: what failed is told, and nothing of what would come after it
    return [
        {**one, "errors": one["errors"] if kept else [], "exit_code": one["exit_code"] if kept else 0}
        for one, kept in zip(made, [not failed or one["failed"] == failed for one in results], strict=True)
    ]


def _name(revision: Mapping[str, Any]) -> str:
    return f"{revision['service']} {revision['revision']}"


def _require_independent(order: Sequence[str], results: Sequence[Mapping[str, Any]], kept: Collection[str]) -> None:
    parts = [
        ({*part["own"], *part["first"]}, _told(one["revisions"], part["own"], kept))
        for one in results
        for part in one["parts"]
    ]
    if found := hidden_dependency(order, parts):
        told = f"{found}, of which their files say nothing: these parts are not the whole plan"
        raise BadInput(told, hint="invoke migrate.plan, or say `after` in services.yaml", code="shards")


def _told(revisions: Sequence[Mapping[str, Any]], services: Sequence[str], kept: Collection[str]) -> list[Rehearsal]:
    return [_rehearsal(one) for one in revisions if one["service"] in services and _name(one) in kept]


def _rehearsal(plain: Mapping[str, Any]) -> Rehearsal:
    return Rehearsal(**{**plain, "tables": tuple(Touched(**one) for one in plain["tables"])})
