"""A schema that env.py makes by itself, as many do for their version table, is not for a downgrade to drop."""

from __future__ import annotations

from pathlib import Path

import pytest

from aegisdb.postgres.address import Address
from tests.invoke import invoke
from tests.monorepo import SYNC, Rev, Svc, build_monorepo, table

ENV = SYNC.replace(
    "as connection:\n",
    """as connection:
        from sqlalchemy import text

        connection.execute(text("CREATE SCHEMA IF NOT EXISTS a_side"))
        connection.commit()
""",
)


AROUND_ALL = ENV.replace("        connection.commit()\n", "").replace("engine.connect()", "engine.begin()")


@pytest.mark.parametrize("env", [ENV, AROUND_ALL], ids=["committed", "around all"])
def test_the_first_revision_is_not_blamed(tmp_path: Path, database: Address, env: str) -> None:
    first = Rev(id="a1", up=table("a_one"), down='op.drop_table("a_one")')
    second = Rev(id="a2", up="pass", down='op.execute("DROP SCHEMA a_side")')
    build_monorepo(tmp_path, {"a": Svc(revisions=(first, second), env=env)}, url=database.url())
    ran = invoke("migrate.roundtrip", "--all", cwd=tmp_path)
    assert "a1: downgrade leaves behind" not in ran.err
    assert ran.code == 6
    assert "a2: " in ran.err, "a downgrade that drops it is still told"
