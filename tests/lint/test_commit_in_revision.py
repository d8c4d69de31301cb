"""commit-in-revision."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lint.judging import found, judge, rev

RULE = "commit-in-revision"


@pytest.mark.parametrize(
    "up",
    [
        "op.get_bind().commit()",
        'op.execute("COMMIT")',
        'op.execute("UPDATE shop_items SET a = 1; commit; BEGIN")',
        'op.execute("ROLLBACK")',
        'op.execute("START TRANSACTION")',
        "connection = op.get_bind()\nconnection.rollback()",
        "op.get_context().connection.commit()",
        "op.get_bind().get_transaction().commit()",
        "op.get_bind().connection.dbapi_connection.commit()",
        "op.get_bind().execution_options(x=1).commit()",
        "def helper(conn):\n    conn.commit()\nhelper(op.get_bind())",
        "session = Session(bind=op.get_bind())\nsession.rollback()",
        "make = sessionmaker(bind=op.get_bind())\nsession = make()\nsession.rollback()",
        "with orm.Session(op.get_bind()) as session:\n    session.connection().commit()",
        "Session(bind=op.get_bind(), join_transaction_mode='control_fully').commit()",
    ],
)
def test_a_transaction_that_ends_in_the_middle(tmp_path: Path, up: str) -> None:
    assert found(judge(tmp_path, rev(up)), RULE)


@pytest.mark.parametrize(
    "up",
    [
        'op.execute("SAVEPOINT a; ROLLBACK TO a; RELEASE a")',
        'op.execute("DO $$ BEGIN PERFORM 1; END $$")',
        "op.execute(\"COMMENT ON TABLE shop_items IS 'COMMIT; ROLLBACK'\")",
        'op.execute("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END")',
        "session.flush()",
        "Session(bind=op.get_bind()).commit()",
        "session = orm.Session(bind=op.get_bind())\nsession.add(x)\nsession.commit()",
        "session = sessionmaker(bind=op.get_bind())()\nsession.commit()",
        "Session = sessionmaker(bind=op.get_bind())\nsession = Session()\nsession.commit()",
        "bind = op.get_bind()\nsession = db.Session(bind=bind)\nsession.commit()",
        "with Session(op.get_bind()) as session:\n    session.commit()",
        "db.session.commit()",
        "def helper(session):\n    session.commit()\nhelper(Session(op.get_bind()))",
        "op.get_bind().begin_nested().commit()",
        "nested = op.get_bind().begin_nested()\nnested.rollback()",
        "with op.get_bind().begin_nested() as nested:\n    nested.commit()",
        "session = Session(bind=op.get_bind())\nsession.begin_nested().rollback()",
        "session = Session(op.get_bind(), join_transaction_mode='create_savepoint')\nsession.rollback()",
        "engine = sa.create_engine(url)\nwith engine.connect() as conn:\n    conn.commit()",
        "with op.get_bind().engine.connect() as conn:\n    conn.commit()",
    ],
)
def test_what_leaves_the_transaction_alone(tmp_path: Path, up: str) -> None:
    assert not found(judge(tmp_path, rev(up)), RULE)
