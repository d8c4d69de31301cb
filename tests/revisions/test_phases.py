"""What comes before the contracts of all histories, and what waits."""

from __future__ import annotations

from pathlib import Path

from aegisdb.registry import load
from aegisdb.revisions.load import good_histories
from aegisdb.revisions.order import service_order
from aegisdb.revisions.phases import expanding
from tests.monorepo import Rev, Svc, build_monorepo, table

EXPAND, CONTRACT = 'phase = "expand"', 'phase = "contract"'


def parted(root: Path, **services: tuple[Rev, ...]) -> tuple[list[str], dict[str, str]]:
    """Ids that go ahead, and the reason of each that waits, in an empty database."""
    made = {name: Svc(revisions=revisions) for name, revisions in services.items()}
    registry = load(build_monorepo(root, made) / "services.yaml", {})
    histories = good_histories(registry)
    todo = [(histories[name], histories[name].ordered()) for name in service_order(registry, histories)]
    kept, waiting = expanding(registry, histories, todo)
    return [one.id for _, steps in kept for one in steps], {one.revision: one.why for one in waiting}


def test_each_history_stops_before_its_first_contract(tmp_path: Path) -> None:
    a = (Rev(id="a1", head=EXPAND), Rev(id="a2", head=CONTRACT), Rev(id="a3", head=EXPAND))
    b = (Rev(id="b1"), Rev(id="b2", head=EXPAND))
    c = (Rev(id="c1", head=CONTRACT), Rev(id="c2", head=CONTRACT))
    ahead, waiting = parted(tmp_path, a=a, b=b, c=c)
    assert ahead == ["a1", "b1", "b2"]
    assert waiting == {
        "a2": "it is a contract", "a3": "it comes after a2, which waits",
        "c1": "it is a contract", "c2": "it comes after c1, which waits",
    }  # fmt: skip


def test_without_a_contract_nothing_waits(tmp_path: Path) -> None:
    assert parted(tmp_path, a=(Rev(id="a1"), Rev(id="a2", head=EXPAND))) == (["a1", "a2"], {})


def test_who_requires_one_that_waits_waits_too_and_so_on(tmp_path: Path) -> None:
    a = (Rev(id="a1"), Rev(id="a2", head=CONTRACT), Rev(id="a3"))
    b = (Rev(id="b1"), Rev(id="b2", head=f'{EXPAND}\nrequires = ["a@a3"]'), Rev(id="b3"))
    c = (Rev(id="c1", head='requires = "a@a1"'), Rev(id="c2", head='requires = "b@b3"'))
    ahead, waiting = parted(tmp_path, c=c, b=b, a=a)
    assert sorted(ahead) == ["a1", "b1", "c1"]
    assert waiting["b2"] == "it needs a a3, which waits"
    assert waiting["b3"] == "it comes after b2, which waits"
    assert waiting["c2"] == "it needs b b3, which waits"


def test_a_foreign_key_to_a_table_that_waits_waits_too(tmp_path: Path) -> None:
    a = (Rev(id="a1"), Rev(id="a2", head=CONTRACT), Rev(id="a3", up=table("a_t")))
    b = (Rev(id="b1"), Rev(id="b2", up=table("b_t", "x bigint REFERENCES a_t")))
    ahead, waiting = parted(tmp_path, a=a, b=b)
    assert (ahead, waiting["b2"]) == (["a1", "b1"], "it needs a a3, which waits")


def test_a_parallel_branch_behind_the_contract_waits_with_it(tmp_path: Path) -> None:
    """The order of a history is one line: nothing goes past its first contract."""
    a = (Rev(id="a1"), Rev(id="a2", head=CONTRACT, parent="a1"), Rev(id="a3", parent="a1"))
    ahead, waiting = parted(tmp_path, a=a)
    assert "a2" in waiting
    assert {*ahead} | {*waiting} == {"a1", "a2", "a3"}
