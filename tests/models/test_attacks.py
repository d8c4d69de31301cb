"""Edits that attack `migrate.new`: each is followed by a revision that its proof accepts, and nothing is left over."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aegisdb.postgres.address import Address
from aegisdb.workflows.migrate.new import NewOptions, new_revision
from aegisdb.workspace import open_workspace
from tests.models.attacks import ATTACKS
from tests.models.edits import Edit
from tests.models.test_table_of_edits import Shop

_FAILED_BEFORE = {"enums: a value goes under a predicate", "enums: a value goes under a check"}
_ALL = os.environ.get("AEGIS_ALL_ATTACKS") == "1"
pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize(
    "edit", [one for one in ATTACKS if _ALL or one.name in _FAILED_BEFORE], ids=lambda edit: edit.name
)
def test_new_follows_it(tmp_path: Path, database: Address, edit: Edit) -> None:
    shop = Shop(tmp_path, database, (edit,))
    shop.edit()
    made = new_revision(open_workspace(cwd=shop.root), "e0", "follow the models", NewOptions(allow_drop=True))
    assert (made.proven, made.untried, made.problems) == (True, "", ()), made.operations
