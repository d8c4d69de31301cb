"""A model that no service owns, or that env.py hides, is told by every command that could be asked for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aegisdb.errors import BadInput
from aegisdb.postgres.address import Address
from aegisdb.registry.owns import with_owned
from tests.invoke import invoke
from tests.monorepo import SYNC, Rev, Svc, build_monorepo, table

ORDERS = """

class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
"""
ITEM = ORDERS.replace("Order", "Item").replace("orders", "shop_items")
ITEMS = (Rev(id="s1", up=table("shop_items"), down='op.drop_table("shop_items")'),)


def told(*words: str, root: Path) -> tuple[int, str]:
    ran = invoke(*words, cwd=root)
    return ran.code, ran.out + ran.err


def test_nobody_owns_it(tmp_path: Path, database: Address) -> None:
    services = {"shop": Svc(revisions=ITEMS, models=ITEM + ORDERS)}
    root = build_monorepo(tmp_path, services, url=database.url())
    file = root / "services.yaml"
    assert invoke("migrate.apply", cwd=root).code == 0
    new = ("migrate.new", "--service", "shop", "-m", "add orders")
    for words in (("migrate.verify",), ("doctor",), ("service.owners",), new, (*new, "--dry-run")):
        code, text = told(*words, root=root)
        assert code == 6, (words, text)
        assert "table public.orders" in text
        assert "class Order" in text
        assert "services/shop/models.py" in text
        assert "services.shop.owns" in text
    assert not list(root.glob("services/shop/alembic/versions/*orders*"))
    code, text = told(*new, "--owns", root=root)
    assert code == 0, text
    assert json.loads(file.read_text())["services"]["shop"]["owns"] == ["shop_*", "orders"]
    assert invoke("migrate.apply", cwd=root).code == 0
    for words in (("migrate.verify",), ("doctor",), ("service.owners",)):
        assert told(*words, root=root)[0] == 0, words


def test_env_py_hides_it(tmp_path: Path, database: Address) -> None:
    env = SYNC.replace(
        "connection=connection, target_metadata=models.Base.metadata,",
        "connection=connection, target_metadata=models.Base.metadata,"
        " include_object=lambda item, name, kind, *_: name != 'shop_orders',",
    )
    models = ITEM + ORDERS.replace('"orders"', '"shop_orders"')
    root = build_monorepo(tmp_path, {"shop": Svc(revisions=ITEMS, models=models, env=env)}, url=database.url())
    code, text = told("migrate.new", "--service", "shop", "-m", "add orders", "--owns", root=root)
    assert code == 6
    assert "public.shop_orders" in text
    assert "include_object in env.py of shop" in text


def test_a_stub_of_another_owner_is_no_lost_model(tmp_path: Path, database: Address) -> None:
    init = {"init.sql": "CREATE TABLE audit (id bigint PRIMARY KEY);"}
    crm = (Rev(id="c1", up=table("crm_users"), down='op.drop_table("crm_users")'),)
    stubs = ORDERS.replace('"orders"', '"audit"') + ORDERS.replace("Order", "User").replace('"orders"', '"crm_users"')
    services = {"shop": Svc(revisions=ITEMS, models=ITEM + stubs), "crm": Svc(revisions=crm, models=stubs)}
    root = build_monorepo(tmp_path, services, url=database.url(), init=init)
    assert told("migrate.new", "--service", "shop", "-m", "nothing", root=root)[0] == 0


HEAD = "version: 1\nproject: p\ntargets: {local: {url: 'postgresql://h/d'}}\ndatabase: {name: d, user: u}\nservices:\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("  a: {path: a, owns: [a_*]}\n", '  a: {path: a, owns: [a_*, "x y", b]}\n'),
        ("  a:\n    path: a  # here\n    owns: []\n", '  a:\n    path: a  # here\n    owns: ["x y", b]\n'),
        (
            "  a:\n    # ours\n    path: a\n    owns:\n      - a_*   # all\n      - 'c]'\n    after: []\n",
            (
                "  a:\n    # ours\n    path: a\n    owns:\n      - a_*   # all\n      - 'c]'\n"
                '      - "x y"\n      - b\n    after: []\n'
            ),
        ),
        ("  a:\n    path: a\n", '  a:\n    owns: ["x y", b]\n    path: a\n'),
        ("  a: {path: a}\n", '  a: {"owns": ["x y", b], path: a}\n'),
        ('  "a": {"path": "a", "owns": ["a_*"]}\n', '  "a": {"path": "a", "owns": ["a_*", "x y", "b"]}\n'),
    ],
)
@pytest.mark.quick
def test_names_are_added_and_nothing_else(tmp_path: Path, before: str, after: str) -> None:
    file = tmp_path / "services.yaml"
    file.write_text(HEAD + before)
    assert with_owned(file, "a", ["x y", "b"]) == HEAD + after


@pytest.mark.quick
@pytest.mark.parametrize(
    "body", ["  a:\n    path: a\n    owns: [a_*,  # ]\n    ]\n", "  a: {path: a, owns: &o [a_*]}\n"]
)
def test_what_nothing_can_be_put_into_stays(tmp_path: Path, body: str) -> None:
    file = tmp_path / "services.yaml"
    file.write_text(HEAD + body)
    with pytest.raises(BadInput, match=r"cannot add b to services\.a\.owns"):
        with_owned(file, "a", ["b"])
