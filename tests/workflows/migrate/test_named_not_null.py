"""A NOT NULL with a name of its own, which Alembic's operation cannot bring back: the statement that does is told."""

from __future__ import annotations

from pathlib import Path

from aegisdb.postgres.address import Address
from tests.invoke import invoke
from tests.monorepo import Rev, Svc, build_monorepo, table, write_revision

FIRST = Rev(id="a1", up=table("a_t", "c text CONSTRAINT must_be NOT NULL"), down='op.drop_table("a_t")')
UP = 'op.alter_column("a_t", "c", existing_type=sa.Text(), nullable=True)'


def test_the_statement_that_brings_the_name_back_is_told(database: Address, tmp_path: Path) -> None:
    back = UP.replace("True", "False")
    root = build_monorepo(tmp_path, {"a": Svc(revisions=(FIRST, Rev(id="a2", up=UP, down=back)))}, url=database.url())
    ran = invoke("migrate.roundtrip", "--all", cwd=root)
    assert ran.code == 6
    statement = "ALTER TABLE public.a_t ADD CONSTRAINT must_be NOT NULL c"
    assert f"in downgrade(): {statement}" in ran.last
    write_revision(root / "services/a", Rev(id="a2", up=UP, down=f'op.execute("{statement}")'), "a1")
    assert invoke("migrate.roundtrip", "--all", cwd=root).code == 0
