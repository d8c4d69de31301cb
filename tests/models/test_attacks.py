"""Edits that attack `migrate.new`: each is followed by a revision that its proof accepts, and nothing is left over."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aegisdb.errors import AegisError
from aegisdb.postgres.address import Address
from aegisdb.workflows.migrate.new import NewOptions, new_revision
from aegisdb.workspace import open_workspace
from tests.models.attacks import ATTACKS
from tests.models.edits import Edit
from tests.models.test_table_of_edits import Shop, groups

_FAILED_BEFORE = {
    "enums: a value goes under a predicate",
    "enums: a value goes under a check",
    "enums: a value comes under a generated column",
    "computed: a type under what has a key",
    "computed: a type, and what is computed of it goes",
    "computed: a computed enum",
    "types: number to boolean, with a default",
    "types: scalar to list",
    "columns: an index and a key of its own",
    "columns: a column under a generated one goes",
    "enums: a value comes and a check wants it",
    "indexes: a predicate with signs",
    "tables: a sequence goes down",
    "tables: a domain's check goes",
    "tables: a table with everything goes",
}
_REFUSED = {"types: scalar to list": "by itself no revision follows that: {}: cannot cast type integer to integer[]"}
"""What is for a person to write: what becomes of the values that are there."""
_ALIKE = {"tables: a sequence goes"}
"""A sequence that no model has may be one that something else of the history needs."""
_ALL = os.environ.get("AEGIS_ALL_ATTACKS") == "1"
_TRIED = tuple(one for one in ATTACKS if _ALL or one.name in _FAILED_BEFORE)
pytestmark = pytest.mark.timeout(900)


@pytest.mark.parametrize("edits", groups(_TRIED, 10), ids=lambda edits: edits[0].name)
def test_new_follows_each(tmp_path: Path, database: Address, edits: tuple[Edit, ...]) -> None:
    shop = Shop(tmp_path, database, edits)
    shop.edit()
    ws = open_workspace(cwd=shop.root)
    rejected = {}
    options = NewOptions(allow_drop=True, discard=True)  # what is rejected is in no other's way
    for service, edit in shop.edits.items():
        try:
            made = new_revision(ws, service, "follow the models", options)
        except AegisError as error:  # the other edits are tried all the same
            rejected[edit.name] = [error.message]
            continue
        told = [*made.operations, made.untried, made.why, *(problem.message for problem in made.problems)]
        if edit.name in _REFUSED:
            good = made.exit_code != 0 and not made.path and _REFUSED[edit.name].format(service) in told[-1]
        elif edit.name in _ALIKE:
            good = made.exit_code == 0 and made.why.startswith("models and history agree")
        else:
            good = (made.proven, made.untried, made.problems) == (True, "", ())
        if not good:
            rejected[edit.name] = told
    assert rejected == {}
