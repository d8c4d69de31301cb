"""Each single edit of a model is told by the object's name, and what changes nothing in the database is not told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aegisdb.postgres.address import Address
from aegisdb.workflows.migrate.new import NewOptions, new_revision
from aegisdb.workspace import open_workspace
from tests.invoke import Ran, invoke
from tests.models.both_ways import assert_both_ways_are_one
from tests.models.edits import EDITS, EQUAL, GHOSTS, Edit
from tests.monorepo import Rev, Svc, build_monorepo, write

_GROUP = 25
_TOGETHER = 1 if os.environ.get("AEGIS_EACH_EDIT") == "1" else 3
"""Edits that one new revision follows: each has tables of its own."""
_MAKE = "import before\nbefore.Base.metadata.create_all(op.get_bind())"
_DROP = "import before\nbefore.Base.metadata.drop_all(op.get_bind())"
# the session's database takes some time, and each group makes two dozen of them
pytestmark = pytest.mark.timeout(600)


def groups(edits: tuple[Edit, ...], size: int = _GROUP) -> list[tuple[Edit, ...]]:
    return [edits[place : place + size] for place in range(0, len(edits), size)]


_MODULES = """\
import sys
import types


class All(list):
    def create_all(self, bind):
        for metadata in self:
            metadata.create_all(bind)

    def drop_all(self, bind):
        for metadata in self:
            metadata.drop_all(bind)


class Base:
    metadata = All()


for number, text in enumerate({texts!r}):
    module = sys.modules[f"{{__name__}}_{{number}}"] = types.ModuleType(f"{{__name__}}_{{number}}")
    exec(text, vars(module))
    Base.metadata.append(module.Base.metadata)
"""


def together(edits: tuple[Edit, ...]) -> Edit:
    """Several edits as one: modules of their own, whose MetaData env.py gives Alembic as a list."""
    if len(edits) == 1:
        return edits[0]

    def merged(texts: list[str]) -> str:
        return _MODULES.format(texts=[text.replace("T_", f"T_{number}_") for number, text in enumerate(texts)])

    before, after = merged([edit.before for edit in edits]), merged([edit.after for edit in edits])
    return Edit("; ".join(edit.name for edit in edits), before, after)


def prefixes(service: str, edit: Edit) -> list[str]:
    """How the tables of each edit begin."""
    count = edit.name.count("; ") + 1
    return [f"{service}_{number}_" for number in range(count)] if count > 1 else [f"{service}_"]


class Shop:
    """A monorepo with one service an edit: its history makes what its models said before."""

    def __init__(self, root: Path, database: Address, edits: tuple[Edit, ...]) -> None:
        self.root = root
        self.edits = {f"e{number}": edit for number, edit in enumerate(edits)}
        # Alembic loads a revision from its path, and `before` from the service's folder
        services = {name: Svc(revisions=(Rev(id=f"{name}1", up=_MAKE, down=_DROP),)) for name in self.edits}
        build_monorepo(root, services, url=database.url())
        for name, edit in self.edits.items():
            for module in ("before", "models"):
                self.write(name, module, edit.before)

    def write(self, service: str, module: str, text: str) -> None:
        write(self.root / "services" / service / f"{module}.py", self.told(service, text))

    def told(self, service: str, text: str) -> str:
        return text.replace("T_", f"{service}_")

    def names(self) -> dict[str, str]:
        """Each service with the name of its edit."""
        return {service: edit.name for service, edit in self.edits.items()}

    def edit(self) -> None:
        for name, edit in self.edits.items():
            self.write(name, "models", edit.after)

    def invoke(self, *words: str) -> Ran:
        return invoke(*words, "--format", "json", cwd=self.root, timeout=500)

    def messages(self) -> dict[str, list[str]]:
        """What `migrate.verify` tells of the models, by the edit's name."""
        ran = self.invoke("migrate.verify")
        told: dict[str, list[str]] = {edit.name: [] for edit in self.edits.values()}
        for error in ran.json["errors"]:
            service = error["message"].partition(":")[0]
            told[self.edits[service].name].append(f"{error['code']} {error['message']}")
        assert ran.code == (6 if any(told.values()) else 0), ran.err
        return told


@pytest.mark.parametrize("edits", groups(EDITS), ids=lambda edits: edits[0].name)
def test_each_edit_is_told(tmp_path: Path, database: Address, edits: tuple[Edit, ...]) -> None:
    shop = Shop(tmp_path, database, edits)
    assert shop.invoke("migrate.apply").code == 0
    assert {name: told for name, told in shop.messages().items() if told} == {}
    shop.edit()
    told = shop.messages()
    assert_both_ways_are_one(shop.root)
    for service, edit in shop.edits.items():
        named = shop.told(service, edit.names)
        assert any(line.startswith("models ") and named in line for line in told[edit.name]), (edit.name, told)


@pytest.mark.parametrize("edits", groups(EQUAL), ids=lambda edits: edits[0].name)
def test_what_changes_nothing_is_not_told(tmp_path: Path, database: Address, edits: tuple[Edit, ...]) -> None:
    shop = Shop(tmp_path, database, edits)
    assert shop.invoke("migrate.apply").code == 0
    shop.edit()
    assert {name: told for name, told in shop.messages().items() if told} == {}
    assert_both_ways_are_one(shop.root)


@pytest.mark.slow
@pytest.mark.parametrize("edits", groups(EDITS, 8 * _TOGETHER), ids=lambda edits: edits[0].name)
def test_new_follows_each_edit_and_its_proof_accepts_it(
    tmp_path: Path, database: Address, edits: tuple[Edit, ...]
) -> None:
    shop = Shop(tmp_path, database, tuple(together(some) for some in groups(edits, _TOGETHER)))
    shop.edit()
    # in this process, which keeps a warm one: each revision makes another template
    ws = open_workspace(cwd=shop.root)
    rejected = {}
    for service, edit in shop.edits.items():
        made = new_revision(ws, service, "follow the models", NewOptions(allow_drop=True))
        if not made.proven:
            rejected[edit.name] = [*made.operations, made.why, *(problem.message for problem in made.problems)]
        unlike = [prefix for prefix in prefixes(service, edit) if prefix not in " ".join(made.operations)]
        assert unlike == [], (edit.name, made.operations)
    assert rejected == {}
    assert shop.invoke("migrate.apply").code == 0
    assert {name: told for name, told in shop.messages().items() if told} == {}


def test_new_writes_no_ghost_of_autogenerate(tmp_path: Path, database: Address) -> None:
    """It dropped and made such an index again each time, and its proof accepted that."""
    shop = Shop(tmp_path, database, GHOSTS)
    for service in shop.edits:
        env = shop.root / "services" / service / "alembic" / "env.py"
        text = env.read_text()
        assert "target_metadata=" in text
        write(env, text.replace("target_metadata=", "compare_server_default=True, target_metadata="))
    shop.edit()
    ws = open_workspace(cwd=shop.root)
    first = {name: new_revision(ws, service, "follow the models") for service, name in shop.names().items()}
    assert [name for name, made in first.items() if not made.proven] == []
    again = {name: new_revision(ws, service, "nothing") for service, name in shop.names().items()}
    assert {name: made.operations for name, made in again.items() if made.operations} == {}
    assert {made.why for made in again.values()} == {"models and history agree (1 table compared)"}
