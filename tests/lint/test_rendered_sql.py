"""Services rendered side by side, and revisions in one run of env.py, say what each alone says."""

from __future__ import annotations

from pathlib import Path

import pytest

from aegisdb.errors import Failed
from aegisdb.lint import Context, rendered_sql
from aegisdb.lint.rendered_sql import Rendered, Rendering, chains, parts
from aegisdb.revisions.parse import Revision
from tests.lint.judging import context_of
from tests.monorepo import Rev, Svc, build_monorepo

pytestmark = pytest.mark.child

BLOCK = 'with op.get_context().autocommit_block():\n    op.execute("SELECT 3")'
ENUM = 'op.create_table("shop_{0}", sa.Column("a", sa.Enum("x", name="shop_mood")))'
SHOP = Svc(
    revisions=(
        Rev(id="s1", up='op.create_table("shop_items", sa.Column("a", sa.Integer))'),
        Rev(id="s2", up=BLOCK),
        Rev(id="s3", up='op.create_index("i", "shop_items", ["a"])', message="index\n\n-- Running upgrade s1 -> s2"),
    )
)


@pytest.mark.parametrize("env", ["sync", "outer", "async"])
def test_at_once_or_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, env: str) -> None:
    build_monorepo(tmp_path, {"shop": Svc(revisions=SHOP.revisions, env=env)})
    at_once = _rendered(tmp_path)["shop"]
    monkeypatch.setattr(rendered_sql, "_at_once", lambda *_: None)
    alone = _rendered(tmp_path)["shop"]
    assert [_trimmed(script) for script in at_once.scripts.values()] == [_trimmed(s) for s in alone.scripts.values()]
    assert len(alone.scripts) == len(SHOP.revisions)


def test_a_type_that_two_revisions_create_stands_in_both(tmp_path: Path) -> None:
    two = (Rev(id="s1", up=ENUM.format(1)), Rev(id="s2", up=ENUM.format(2)))
    build_monorepo(tmp_path, {"shop": Svc(revisions=two)})
    assert ["CREATE TYPE" in s for s in _rendered(tmp_path)["shop"].scripts.values()] == [True, True]


def test_one_that_reads_data_leaves_the_others_alone(tmp_path: Path) -> None:
    reading = Rev(id="s2", up="op.get_bind().scalar(sa.text('SELECT 1')) + 1")
    build_monorepo(tmp_path, {"shop": Svc(revisions=(SHOP.revisions[0], reading, Rev(id="s3")))})
    found = _rendered(tmp_path)["shop"]
    assert [revision.id for revision in found.scripts] == ["s1", "s3"]
    assert [(revision.id, "reads the database" in why) for revision, why in found.refused.items()] == [("s2", True)]


def test_services_come_out_in_the_order_in_which_they_were_asked_for(tmp_path: Path) -> None:
    names = [f"svc{number}" for number in range(5)]
    build_monorepo(tmp_path, {name: Svc(revisions=(Rev(id=f"{name}a", up=BLOCK),)) for name in names})
    found = _rendered(tmp_path)
    assert [[r.id for r in found[name].scripts] for name in names] == [[f"{name}a"] for name in names]


def test_a_worker_that_does_not_start_fails_as_it_does_alone(tmp_path: Path) -> None:
    build_monorepo(tmp_path, {"shop": SHOP, "crm": Svc(more={"runner": ["no-such-program"]})})
    with pytest.raises(Failed, match="no-such-program"):
        _rendered(tmp_path)


def test_an_interrupt_ends_a_worker_that_hangs(tmp_path: Path) -> None:
    build_monorepo(tmp_path, {"shop": Svc(revisions=(Rev(id="s1", up="__import__('time').sleep(600)"),))})
    context = context_of(tmp_path)
    with pytest.raises(KeyboardInterrupt), Rendering(context) as running:  # noqa: PT012  the pool is at work meanwhile
        running._pool.submit(running._service, "shop", context.good()["shop"].ordered())  # noqa: SLF001
        raise KeyboardInterrupt


def test_runs_of_revisions() -> None:
    listed = [_revision("a"), _revision("b", "a"), _revision("c", "b"), _revision("d", "a"), _revision("e", "c", "d")]
    assert [[r.id for r in chain] for chain in chains(listed)] == [["a", "b", "c"], ["d"], ["e"]]


def test_a_script_that_cannot_be_cut() -> None:
    script = "BEGIN;\n\n-- Running upgrade  -> a\n\nSELECT 1;\n\nBEGIN;\n\n-- Running upgrade a -> b\n\nSELECT 2;\n"
    assert parts(script, ["a", "b"]) == [
        "BEGIN;\n\n-- Running upgrade  -> a\n\nSELECT 1;\n\n",
        "BEGIN;\n\n-- Running upgrade a -> b\n\nSELECT 2;\n",
    ]
    assert parts(script, ["a", "c"]) is None
    assert parts(script + "-- Running upgrade a -> b\n", ["a", "b"]) is None


def _rendered(root: Path) -> dict[str, Rendered]:
    context: Context = context_of(root)
    wanted = {name: history.ordered() for name, history in context.good().items()}
    with Rendering(context) as running:
        return dict(zip(wanted, running.render(wanted), strict=True))


def _trimmed(script: str) -> str:
    return script.strip()


def _revision(identifier: str, *down: str) -> Revision:
    return Revision(
        id=identifier, down=down, depends_on=(), labels=(), message="", file="x.py", line=1, one_way=None, digest=""
    )
