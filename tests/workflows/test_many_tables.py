"""A service of many tables, typed: what is of one kind is named by a dozen and the number, on both streams."""

from __future__ import annotations

import re

from aegisdb.postgres.connection import connect
from tests.monorepo import Rev, write_revision
from tests.workflows.project import Project

MANY = 40
_NAME = re.compile(r"\bshop_many_\d+\b")


def test_reset_and_verify_name_a_dozen_of_a_kind(shop: Project) -> None:
    up = f'for n in range({MANY}):\n    op.execute(f"CREATE TABLE shop_many_{{n}} (id int PRIMARY KEY)")'
    write_revision(shop.root / "services" / "shop", Rev(id="a3", up=up), "a2")
    reset = shop.invoke("db.reset")
    assert reset.code == 0, reset.err
    assert f"{MANY + 1}: " in reset.out
    assert f"and {MANY + 1 - 12} more" in reset.out
    assert len(_NAME.findall(reset.out + reset.err)) <= 12
    with connect(shop.address) as conn:
        for n in range(MANY):
            conn.execute(f"DROP TABLE shop_many_{n}")
    verify = shop.invoke("migrate.verify")
    assert verify.code == 6
    assert f"and {MANY - 12} more removed" in verify.out
    assert f"shop: {MANY - 12} more like the following" in verify.err
    for stream in (verify.out, verify.err):
        assert len({*_NAME.findall(stream)}) <= 2 * 12, stream
    (service,) = shop.invoke("migrate.verify", "--format", "json").json["services"]
    assert len(_NAME.findall(str([change["object"] for change in service["drift"]]))) >= MANY, "JSON names all"
