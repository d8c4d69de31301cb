"""What revisions and bases do may stand in other files: each of them, changed, gives another template."""

from __future__ import annotations

from pathlib import Path

import pytest

from aegisdb.building import template
from aegisdb.building.templates import has_template
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from aegisdb.postgres.scratch import scratch
from aegisdb.workspace import open_workspace
from tests.monorepo import Rev, Svc, build_monorepo, write
from tests.workflows.project import URL_NAME, Project

READS = """\
import sys
from pathlib import Path

lib = Path(__file__).parents[4] / "lib"
op.execute((lib / "make.sql").read_text())
for file in sorted((lib / "more").glob("*.sql")):
    op.execute(file.read_text())
sys.path.insert(0, str(lib))
import columns_of_all

op.execute(columns_of_all.ADD)
"""
CALLS = """\
import psycopg

from parts import NAME

def base(url):
    with psycopg.connect(url.replace("+psycopg", "")) as conn:
        conn.execute(f"CREATE TABLE IF NOT EXISTS {NAME} (id int)")
"""
LIB = {
    "lib/make.sql": "CREATE TABLE shop_items (made int)",
    "lib/more/a.sql": "ALTER TABLE shop_items ADD more_a int",
    "lib/columns_of_all.py": "from columns_of_more import MORE\n\nADD = f'ALTER TABLE shop_items ADD {MORE} int'\n",
    "lib/columns_of_more.py": "MORE = 'shared'\n",
    "sql/shop_base.sql": "CREATE TABLE shop_base (laid int);\n",
    "services/late/making.py": CALLS,
    "services/late/parts.py": "NAME = 'late_base'\n",
}
COLUMNS = """
SELECT string_agg(relname || '.' || attname, ' ' ORDER BY relname, attnum) FROM pg_attribute a
JOIN pg_class c ON c.oid = attrelid WHERE attnum > 0 AND relname ~ '^(shop|late|later)_' AND relkind = 'r'
"""


@pytest.fixture
def project(tmp_path: Path, database: Address) -> Project:
    services = {
        "shop": Svc(
            revisions=(Rev(id="a1", up=READS, down='op.execute("DROP TABLE shop_items")'),),
            more={"base": "sql/shop_base.sql"},
        ),
        "late": Svc(revisions=(Rev(id="l1", up="pass"),), more={"base": "making:base"}),
    }
    for name, text in LIB.items():
        write(tmp_path / name, text)
    build_monorepo(tmp_path, services, url=f"${{{URL_NAME}}}", extra={"project": database.database})
    return Project(tmp_path, database)


def built(project: Project) -> str:
    """The columns of all tables in the template that a reset would take."""
    ws = open_workspace(cwd=project.root, environ=project.env)
    with scratch(project.address, template=template(ws, "histories")) as copy, connect(copy) as conn:
        return str(conn.value(COLUMNS))


def is_known(project: Project) -> bool:
    """Whether there is a template of the files as they are now."""
    return has_template(open_workspace(cwd=project.root, environ=project.env), "histories")


@pytest.fixture
def known(project: Project) -> Project:
    assert built(project) == "late_base.id shop_base.laid shop_items.made shop_items.more_a shop_items.shared"
    assert is_known(project)
    return project


def test_each_file_that_decides_gives_another_template(known: Project) -> None:
    for path, text in (*LIB.items(), ("lib/more/b.sql", "")):
        write(known.root / path, f"{text} ")
        assert not is_known(known), path
        write(known.root / path, text)
        if path not in LIB:
            (known.root / path).unlink()
        assert is_known(known), path
    write(known.root / "lib/make.sql", "CREATE TABLE shop_items (anew int)")
    (known.root / ".aegisdb" / "read.json").unlink()  # what is forgotten costs time
    assert built(known) == "late_base.id shop_base.laid shop_items.anew shop_items.more_a shop_items.shared"
