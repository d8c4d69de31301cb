"""The order of revisions where that of services is not enough."""

from __future__ import annotations

from pathlib import Path

import pytest

from aegisdb.errors import BadInput
from aegisdb.registry import load
from aegisdb.revisions.load import good_histories
from aegisdb.revisions.order import service_order, waits
from aegisdb.revisions.sequence import sequence
from tests.monorepo import Rev, Svc, build_monorepo, table

KEY = 'op.create_foreign_key("fk_{0}", "{0}", "{1}", ["x"], ["id"])'


def listed(root: Path, services: dict[str, Svc]) -> list[str]:
    """Ids in the order in which an empty database gets them."""
    registry = load(build_monorepo(root, services) / "services.yaml", {})
    histories = good_histories(registry)
    todo = [(histories[name], histories[name].ordered()) for name in service_order(registry, histories)]
    return [r.id for _, steps in sequence(todo, waits(registry, histories)) for r in steps]


def both_ways(root: Path, *, extra: tuple[Rev, ...] = (), **more: tuple[str, ...]) -> list[str]:
    """`a` and `b` with foreign keys both ways, the second one added later."""
    a = (Rev(id="a1", up=table("a_t", "x bigint")), Rev(id="a2", up=KEY.format("a_t", "b_t")), *extra)
    b = (Rev(id="b1", up=table("b_t", "x bigint REFERENCES a_t")), Rev(id="b2"))
    return listed(root, {"a": Svc(revisions=a, after=more.get("a", ())), "b": Svc(revisions=b)})


def test_foreign_keys_both_ways_have_an_order(tmp_path: Path) -> None:
    assert both_ways(tmp_path) == ["a1", "b1", "b2", "a2"]
    assert both_ways(tmp_path / "declared", a=("b",)) == ["a1", "b1", "b2", "a2"]


def test_a_table_that_a_downgrade_makes_is_made_by_who_made_it_first(tmp_path: Path) -> None:
    drop = Rev(id="a3", up='op.drop_table("a_t")', down=table("a_t", "x bigint"))
    assert both_ways(tmp_path, extra=(drop,)) == ["a1", "b1", "b2", "a2", "a3"]


def test_a_revision_waits_for_what_it_requires(tmp_path: Path) -> None:
    a = (Rev(id="a1"), Rev(id="a2", head='requires = ["b@b2"]'), Rev(id="a3"))
    b = (Rev(id="b1"), Rev(id="b2"), Rev(id="b3", head='requires = "a@a2"'), Rev(id="b4"))
    found = listed(tmp_path, {"a": Svc(revisions=a), "b": Svc(revisions=b)})
    assert found == ["b1", "b2", "a1", "a2", "b3", "b4", "a3"]


def test_what_is_required_goes_first_where_nothing_else_says_so(tmp_path: Path) -> None:
    a = (Rev(id="a1", head='requires = ["b@b1"]'),)
    assert listed(tmp_path, {"a": Svc(revisions=a), "b": Svc(revisions=(Rev(id="b1"), Rev(id="b2")))}) == [
        "b1",
        "b2",
        "a1",
    ]


def test_a_circle_of_revisions_is_told(tmp_path: Path) -> None:
    a = (Rev(id="a1", head='requires = ["b@b1"]'),)
    b = (Rev(id="b1", head='requires = ["a@a1"]'),)
    with pytest.raises(BadInput, match="a -> b -> a") as caught:
        listed(tmp_path, {"a": Svc(revisions=a), "b": Svc(revisions=b)})
    assert caught.value.code == "service_cycle"
    assert "a1 requires b@b1" in caught.value.hint


@pytest.mark.parametrize("word", ["b@nothing", "c@b1", "a@a1", "b", "b@head"])
def test_what_names_no_revision_of_another_service_is_told(tmp_path: Path, word: str) -> None:
    a = (Rev(id="a1", head=f"requires = [{word!r}]"),)
    with pytest.raises(BadInput) as caught:
        listed(tmp_path, {"a": Svc(revisions=a), "b": Svc(revisions=(Rev(id="b1"),))})
    assert caught.value.code == "requires"
    assert "a1.py:" in caught.value.where
