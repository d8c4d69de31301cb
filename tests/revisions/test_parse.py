"""One revision file as data."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from aegisdb.errors import HistoryError
from aegisdb.revisions.parse import NoLiteral, scan, scan_source

PLAIN = '''
"""add a table

Revision ID: a1
Create Date: 2026-01-01
"""
revision = "a1"
down_revision: str | None = None
depends_on = ("b1",)
one_way = "rows are merged"


def upgrade():
    """Make it."""
    from billing.money import rounded
    import os.path, sqlalchemy as sa
    op.create_table("t", sa.Column("u", sa.ForeignKey("users.id")))  # why
    op.create_foreign_key("fk", "t", "crm.customers", ["c"], ["id"])
    op.execute("ALTER TABLE t ADD FOREIGN KEY (x) REFERENCES skills (id)")


def downgrade():
    raise SystemExit("never run by reading")
'''


def read(text: str) -> object:
    return scan_source(dedent(text), Path("a1.py"))


def test_everything_is_read_without_running_it() -> None:
    revision = scan_source(PLAIN, Path("a1.py"))
    assert (revision.id, revision.down, revision.depends_on) == ("a1", (), ("b1",))
    assert revision.message == "add a table"
    assert revision.one_way == "rows are merged"
    assert revision.line == 7
    assert set(revision.references) == {"users", "crm.customers", "skills"}
    assert revision.imports == ("billing", "os", "sqlalchemy")


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("# why", "# because", True),
        ("Create Date: 2026-01-01", "Create Date: 2027-01-01", True),
        ('"""Make it."""\n    ', "", True),
        ('op.create_table("t",', "op.create_table(\n        't',", True),
        ('"users.id"', '"people.id"', False),
        ('revision = "a1"', 'revision = "a2"', False),
        ("raise SystemExit", "raise ValueError", False),
    ],
)
def test_the_digest_counts_code_only(old: str, new: str, same: bool) -> None:  # noqa: FBT001
    changed = PLAIN.replace(old, new)
    assert changed != PLAIN
    before, after = scan_source(PLAIN, Path("a1.py")), scan_source(changed, Path("a1.py"))
    assert (before.digest == after.digest) is same


def test_the_digest_is_the_same_on_every_python() -> None:
    # written down once: a journal made by one Python version is read by another
    text = 'revision = "a"\n\n\ndef upgrade():\n    op.execute(f"x{1}")\n'
    assert scan_source(text, Path("a.py")).digest == "e74be7bd855507df9a3c01cbe84b29fbea830d2d2a898c12ee6f98e76b6e2fc8"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("def upgrade(:\n", "does not compile"),
        ("x = 1\n", "is not a revision"),
        ('revision = "a"\ndown_revision = make()\n', "`down_revision` in a1.py is not a literal"),
        ('revision = "a"\x00', "a1.py"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(text: str, says: str) -> None:
    with pytest.raises(HistoryError, match=r".*") as caught:
        read(text)
    assert says in caught.value.message
    assert "a1.py" in caught.value.where


def test_a_file_that_is_gone_is_an_error_of_the_history(tmp_path: Path) -> None:
    with pytest.raises(HistoryError):
        scan(tmp_path / "gone.py")


@pytest.mark.parametrize(
    ("text", "down", "labels"),
    [
        ('BRANCH = "expand"\nrevision = "a"\ndown_revision = None\nbranch_labels = (BRANCH,)', (), ("expand",)),
        ('P = "r_"\nrevision = P + "a"\ndown_revision = f"{P}b"', ("r_b",), ()),
        ('B = ("x", "y")\nrevision = "a"\ndown_revision = None\nbranch_labels = B + ("z",)', (), ("x", "y", "z")),
        ('A = B = "x"\nONE = "x"\nrevision = "a"\ndown_revision: str = ONE', ("x",), ()),
        ('L = ["x"]\nrevision = "a"\ndown_revision = None\nbranch_labels = L', (), ("x",)),
        ('revision, down_revision = "a", "b"', ("b",), ()),
        ('(revision, down_revision), branch_labels = ["a", ("b", "c")], ("x",)', ("b", "c"), ("x",)),
        ('X = revision = "a"\n[down_revision, depends_on] = ["b", None]', ("b",), ()),
        ('revision: str\nrevision, down_revision = "a", None', (), ()),
        ('revision = "a"\ndown_revision = "b"\ndef upgrade():\n    down_revision = "c"', ("b",), ()),
    ],
)
def test_names_that_the_file_assigns_are_read(tmp_path: Path, text: str, down: tuple[str, ...], labels: object) -> None:
    revision = scan_source(text, tmp_path / "a1.py")
    assert (revision.down, revision.labels) == (down, labels)


@pytest.mark.parametrize(
    "text",
    [
        'from names import B\nrevision = "a"\nbranch_labels = (B,)',
        'L = []\ntry:\n    import x\n    L.append("x")\nexcept ValueError: ...\nrevision = "a"\nbranch_labels = L',
        'revision = "a"\ndepends_on = []\ndepends_on.append("b")',
        'revision = "a"\ntry:\n    import x\n    depends_on = "b"\nexcept ImportError:\n    depends_on = None',
        'B = "x"\nif True:\n    B = "y"\nrevision = "a"\nbranch_labels = B',
        'A = B\nB = A\nrevision = "a"\nbranch_labels = A',
        'revision = "a"\nbranch_labels = f"{1:>3}"',
        "revision, down_revision = ids()",
        'revision, *down_revision = "a", "b"',
        'L = branch_labels = ["x"]\nL.append("y")\nrevision = "a"',
    ],
)
def test_what_only_a_run_tells_is_no_literal(tmp_path: Path, text: str) -> None:
    with pytest.raises(NoLiteral):
        scan_source(text, tmp_path / "a1.py")


@pytest.mark.parametrize(
    ("text", "phase"),
    [
        ("", ""),
        ('phase = "expand"', "expand"),
        ('phase: str = "contract"', "contract"),
        ("phase = None", ""),
        ('_name = "contract"\nphase = _name', "contract"),
        ('def upgrade():\n    phase = "nothing"', ""),
    ],
)
def test_the_phase_is_read(text: str, phase: str) -> None:
    assert scan_source(f'revision = "a"\n{text}\n', Path("a.py")).phase == phase


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('phase = "contrac"', "is 'contrac', and there is no such phase"),
        ('phase = "Expand"', "is 'Expand', and there is no such phase"),
        ("phase = 1", "is 1, and there is no such phase"),
        ('phase = ["expand"]', "and there is no such phase"),
        ('phase = ""', "is '', and there is no such phase"),
        ("phase = chosen()", "is not a literal"),
        ('if True:\n    phase = "expand"', "is not a literal"),
    ],
)
def test_a_phase_that_there_is_not_is_an_error_with_its_place(text: str, says: str) -> None:
    with pytest.raises(HistoryError, match=says) as caught:
        scan_source(f'revision = "a"\n{text}\n', Path("a.py"))
    assert (caught.value.code, caught.value.exit_code) == ("phase", 2)
    assert caught.value.where.startswith("a.py:")
    assert not isinstance(caught.value, NoLiteral), "nobody runs the file for it"
