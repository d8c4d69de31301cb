"""What revisions and bases do may stand in other files: each of them, changed, gives another template."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from aegisdb.building import template
from aegisdb.building.templates import has_template
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from aegisdb.postgres.scratch import scratch
from aegisdb.runtime.loaded_code import changed_at
from aegisdb.workspace import open_workspace
from tests.monorepo import Rev, Svc, build_monorepo, write
from tests.workflows.project import URL_NAME, Project

READS = """\
import sys
import os
import tempfile
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


ASKS = """\
import glob
import tempfile
import os
import tempfile
from pathlib import Path

lib = Path(__file__).resolve().parents[4] / "lib"
more = ""
try:
    more += (lib / "tried.sql").read_text()
except FileNotFoundError:
    pass
if (lib / "asked").exists():
    more += ", asked int"
for file in sorted((lib / "none").glob("*.sql")):
    more += file.read_text()
for _ in glob.glob(str(lib / "exact")):
    more += ", exact int"
with open(lib / "rplus.sql", "r+") as file:
    more += file.read()
with tempfile.TemporaryDirectory() as own:
    assert not Path(own, "x").exists()
    Path(own, "y").write_text(more)
    more = Path(own, "y").read_text()
op.execute(f"CREATE TABLE shop_items (id int{more})")
"""


def test_what_was_not_there_gives_another_template_once_it_is(tmp_path: Path, database: Address) -> None:
    services = {"shop": Svc(revisions=(Rev(id="a1", up=ASKS, down='op.execute("DROP TABLE shop_items")'),))}
    write(tmp_path / "lib/rplus.sql", ", rplus int")
    build_monorepo(tmp_path, services, url=f"${{{URL_NAME}}}", extra={"project": database.database})
    project = Project(tmp_path, database)
    assert built(project) == "shop_items.id shop_items.rplus"
    assert is_known(project)
    told = (tmp_path / ".aegisdb" / "read.json").read_text()
    assert tempfile.gettempdir() not in told.replace(str(tmp_path), ""), "what it made itself is no source"
    for path, text in (("tried.sql", ", tried int"), ("asked", ""), ("exact", ""), ("none/a.sql", ", later int")):
        file = write(tmp_path / "lib" / path, text)
        assert not is_known(project), path
        file.unlink()
        if file.parent.name == "none":
            file.parent.rmdir()
        assert is_known(project), path
    write(tmp_path / "lib" / "asked", "")
    assert built(project) == "shop_items.id shop_items.asked shop_items.rplus"


def test_a_file_that_is_not_there_is_as_old_as_its_directory(tmp_path: Path) -> None:
    file = write(tmp_path / "folder" / "file", "")
    os.utime(tmp_path / "folder", (1, 1))
    before = changed_at(tmp_path / "folder" / "none" / "x")
    file.unlink()
    assert before <= changed_at(file) == changed_at(tmp_path / "folder")
