"""migrate.new: exactly the change, nothing of others, and a message that stays text."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import psycopg
import pytest

from aegisdb.errors import Refused
from aegisdb.postgres.address import Address
from aegisdb.workflows.migrate.new import new_revision
from aegisdb.workspace import open_workspace
from tests.invoke import invoke
from tests.monorepo import SYNC, Rev, Svc, build_monorepo, table

BASE = """
CREATE TABLE audit (id bigint PRIMARY KEY);
CREATE SCHEMA IF NOT EXISTS ag_catalog;
CREATE TABLE ag_catalog.ag_thing (id bigint);
"""

USER_TABLE = """
class User(Base):
    __tablename__ = "crm_users"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
"""

ORDERS = """
# the owner of crm_users is another service: a stub for the foreign key
users = sa.Table("crm_users", Base.metadata, sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False))


class Order(Base):
    __tablename__ = "shop_orders"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    customer: Mapped[int | None] = mapped_column(sa.ForeignKey("crm_users.id"))
"""

ITEMS = """

class Item(Base):
    __tablename__ = "shop_items"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
"""

CREATE_ORDERS = table("shop_orders", "customer bigint REFERENCES crm_users")


def monorepo(root: Path, database: Address, models: str) -> Path:
    shop: tuple[Rev, ...] = (Rev(id="s1", up=CREATE_ORDERS, down='op.drop_table("shop_orders")'),)
    if ITEMS in models or "gone" in models:
        shop += (Rev(id="s2", up=table("shop_items"), down='op.drop_table("shop_items")'),)
    services = {
        "shop": Svc(revisions=shop, models=models, env="async"),
        "crm": Svc(
            revisions=(Rev(id="c1", up=table("crm_users"), down='op.drop_table("crm_users")'),), models=USER_TABLE
        ),
    }
    return build_monorepo(root, services, url=database.url(), init={"sql/base.sql": BASE})


def new_files(root: Path, service: str = "shop") -> list[Path]:
    found = (root / "services" / service / "alembic" / "versions").glob("*.py")
    return [path for path in found if len(path.stem) > 2]


def test_nothing_is_written_when_models_and_history_agree(tmp_path: Path, database: Address) -> None:
    monorepo(tmp_path, database, ORDERS)
    ran = invoke("migrate.new", "--service", "shop", "-m", "nothing", cwd=tmp_path)
    assert ran.code == 0, ran.err
    assert "models and history agree (1 table compared)" in ran.out
    assert new_files(tmp_path) == []
    with psycopg.connect(database.url()) as conn:
        # the live database was empty all the time and still is
        assert conn.execute("SELECT to_regclass('shop_orders'), to_regclass('audit')").fetchone() == (None, None)


def test_a_default_that_alembic_cannot_ask_the_server_about(tmp_path: Path, database: Address) -> None:
    monorepo(
        tmp_path, database, ORDERS + '    note: Mapped[str] = mapped_column(sa.Text, server_default="it\'s :a %s")\n'
    )
    revisions = tmp_path / "services/shop/alembic/versions"
    first = revisions / "s1.py"
    first.write_text(
        first.read_text().replace(
            "REFERENCES crm_users", "REFERENCES crm_users, note text NOT NULL DEFAULT \\'plain\\'"
        )
    )
    env = revisions.parent / "env.py"
    env.write_text(
        env.read_text().replace("connection=connection,", "connection=connection, compare_server_default=True,")
    )
    ran = invoke(
        "migrate.new", "--service", "shop", "-m", "change the default of note", "--format", "json", cwd=tmp_path
    )
    assert ran.code == 0, ran.err
    assert ran.json["result"]["operations"] == [
        "ALTER TABLE public.shop_orders ALTER COLUMN note SET DEFAULT 'it''s :a %s'::text"
    ]


def test_a_draft_that_fails_is_said_to_be_autogenerate_s_alone(tmp_path: Path, database: Address) -> None:
    seen = """
class Item(Base):
    __tablename__ = "shop_items"
    __table_args__ = (sa.CheckConstraint("id > 0", name="positive"),)
    id: Mapped[str] = mapped_column(sa.Text, primary_key=True)
""".replace("id > 0", "length(id) > 0")
    up = table("shop_items") + '\nop.execute("CREATE VIEW shop_v AS TABLE shop_items")'
    services = {"shop": Svc(revisions=(Rev(id="s1", up=up),), models=seen)}
    build_monorepo(tmp_path, services, url=database.url())
    ran = invoke("migrate.new", "--service", "shop", "-m", "make ids texts", "--dry-run", cwd=tmp_path)
    assert ran.code == 0, ran.err
    assert "the draft fails on a scratch database, so only what autogenerate sees is in it" in ran.out
    assert "cannot alter type of a column used by a view or rule" in ran.out
    ran = invoke("migrate.new", "--service", "shop", "-m", "make ids texts", "--discard", cwd=tmp_path)
    assert ran.code == 6
    assert "the draft fails" in ran.out


def test_fault_27_only_the_change_is_written(tmp_path: Path, database: Address) -> None:
    models = ORDERS + '    note: Mapped[str | None] = mapped_column(sa.Text, comment="free text")\n'
    monorepo(tmp_path, database, models)
    ran = invoke("migrate.new", "--service", "shop", "-m", "add note", "--format", "json", cwd=tmp_path)
    assert ran.code == 0, ran.err
    result = ran.json["result"]
    assert result["operations"] == ["add column shop_orders.note"]
    assert result["proven"] is True
    (path,) = new_files(tmp_path)
    assert str(path.relative_to(tmp_path)) == result["path"]
    source = path.read_text()
    assert source.count("op.") == 2
    for other in ("crm_users", "alembic_version", "audit", "ag_thing", "aegisdb", "in_flight"):
        assert other not in source
    assert invoke("migrate.new", "--service", "shop", "-m", "again", cwd=tmp_path).code == 0
    assert new_files(tmp_path) == [path]


def test_fault_27_a_service_that_claims_everything_gets_nothing_of_others(tmp_path: Path, database: Address) -> None:
    # env.py looks at every schema, and the pattern fits version tables, graphs and the side schema as well
    env = SYNC.replace("target_metadata=models", "include_schemas=True, target_metadata=models")
    ledger = Svc(revisions=(Rev(id="l1"),), owns=())
    shop = Svc(
        revisions=(Rev(id="s1", up=table("shop_items")),),
        owns=("*",),
        env=env,
        models=ITEMS + "    price: Mapped[int | None]\n",
    )
    init = {"sql/base.sql": BASE.partition(";")[2]}
    build_monorepo(tmp_path, {"ledger": ledger, "shop": shop}, url=database.url(), init=init)
    ran = invoke("migrate.new", "--service", "shop", "-m", "price", "--format", "json", cwd=tmp_path)
    assert ran.code == 0, ran.err
    assert ran.json["result"]["operations"] == ["add column shop_items.price"]


def test_fault_27_a_removed_model_is_dropped_only_when_that_is_said(tmp_path: Path, database: Address) -> None:
    monorepo(tmp_path, database, ORDERS + "\n# gone\n")
    ran = invoke("migrate.new", "--service", "shop", "-m", "drop items", cwd=tmp_path)
    assert ran.code == 3, ran.err
    assert "drop table shop_items" in ran.last
    assert "--allow-drop" in ran.last
    assert new_files(tmp_path) == []
    ran = invoke(
        "migrate.new", "--service", "shop", "-m", "drop items", "--allow-drop", "--format", "json", cwd=tmp_path
    )
    assert ran.json["result"]["operations"] == ["drop table shop_items"]
    (path,) = new_files(tmp_path)
    assert path.read_text().count("op.drop_table(") == 1


def test_models_that_env_py_does_not_import_are_named_as_the_reason(tmp_path: Path, database: Address) -> None:
    services = {"shop": Svc(revisions=(Rev(id="s1"),), models="")}
    build_monorepo(tmp_path, services, url=database.url())
    ran = invoke("migrate.new", "--service", "shop", "-m", "x", cwd=tmp_path)
    assert ran.code == 0
    assert "target_metadata has no table that shop owns" in ran.out


@pytest.mark.parametrize(
    "message",
    [
        'say "hello"',
        '"""\nimport os\nos.system("touch pwned")\n"""',
        "back\\slash \\",
        "it's ''' quoted'",
        "${1/0} % {x} <%\nraise SystemExit %>",
        "naïve 雪 ☃",
        'ends with a quote"',
    ],
)
def test_fault_40_a_message_stays_text(tmp_path: Path, database: Address, message: str) -> None:
    monorepo(tmp_path, database, ORDERS)
    ran = invoke("migrate.new", "--service", "shop", "-m", message, "--empty", cwd=tmp_path)
    assert ran.code == 0, ran.err
    (path,) = new_files(tmp_path)
    tree = ast.parse(path.read_text())
    document = ast.get_docstring(tree) or ""
    wanted = " ".join(message.split())
    assert document.split("\n\n")[0] == wanted
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert called == []
    history = invoke("migrate.history", "--service", "shop", "--format", "json", cwd=tmp_path)
    assert history.json["services"][0]["revisions"][-1]["message"] == wanted


def test_a_revision_without_a_message_is_refused(tmp_path: Path, database: Address) -> None:
    monorepo(tmp_path, database, ORDERS)
    assert invoke("migrate.new", "--service", "shop", "-m", "  ", cwd=tmp_path).code == 2
    assert invoke("migrate.new", "--service", "shp", "-m", "x", cwd=tmp_path).code == 2


def renamed(root: Path, database: Address) -> Path:
    """A service whose models call a column otherwise than its history."""
    note = "    note: Mapped[str | None] = mapped_column(sa.Text)\n"
    add = 'op.execute("ALTER TABLE shop_items ADD note text")'
    drop = 'op.execute("ALTER TABLE shop_items DROP note")'
    revisions = (
        Rev(id="s1", up=table("shop_items"), down='op.drop_table("shop_items")'),
        Rev(id="s2", up=add, down=drop),
    )
    models = ITEMS + note.replace("note:", "remark:")
    return build_monorepo(root, {"shop": Svc(revisions=revisions, models=models)}, url=database.url())


def test_a_rename_is_proposed_and_written_as_one_only_when_that_is_said(tmp_path: Path, database: Address) -> None:
    renamed(tmp_path, database)
    new = ("migrate.new", "--service", "shop", "-m", "call it a remark")
    ran = invoke(*new, cwd=tmp_path)
    assert ran.code == 3
    assert "--rename shop_items.note=remark" in ran.last
    assert invoke(*new, "--rename", "shop_items.note=other", cwd=tmp_path).code == 2
    ran = invoke(*new, "--rename", "shop_items.note=remark", "--format", "json", cwd=tmp_path)
    assert ran.code == 0, ran.err
    assert ran.json["result"]["operations"] == ["rename shop_items.note to remark"]
    assert ran.json["result"]["proven"] is True
    (path,) = new_files(tmp_path)
    assert "new_column_name='remark'" in path.read_text()
    assert "drop_column" not in path.read_text()


@pytest.mark.parametrize("answer", ["y", ""])
def test_a_rename_is_asked_for_at_a_terminal_and_the_rows_survive_it(
    tmp_path: Path, database: Address, answer: str
) -> None:
    renamed(tmp_path, database)
    assert invoke("migrate.apply", cwd=tmp_path).code == 0
    with psycopg.connect(database.url(), autocommit=True) as conn:
        conn.execute("INSERT INTO shop_items (id, note) VALUES (1, 'kept')")
    questions: list[str] = []

    def ask(question: str) -> str:
        questions.append(question)
        return answer

    ws = open_workspace(cwd=tmp_path, ask=ask)
    if not answer:
        with pytest.raises(Refused, match="drop column"):
            new_revision(ws, "shop", "call it a remark")
        assert new_files(tmp_path) == []
    else:
        assert new_revision(ws, "shop", "call it a remark").operations == ("rename shop_items.note to remark",)
        assert invoke("migrate.apply", cwd=tmp_path).code == 0
        with psycopg.connect(database.url()) as conn:
            assert conn.execute("SELECT remark FROM shop_items").fetchall() == [("kept",)]
    assert questions == ["column shop_items.note went and remark came, of the same type and place: a rename? [y/N]"]


def test_a_file_that_its_proof_rejects_is_said_to_be_kept_or_discarded(tmp_path: Path, database: Address) -> None:
    models = ITEMS + "    price: Mapped[int | None]\n"
    revisions = (Rev(id="s1", up=table("shop_items"), down='op.drop_table("shop_items")'),)
    root = build_monorepo(tmp_path, {"shop": Svc(revisions=revisions, models=models)}, url=database.url())
    template = root / "services/shop/alembic/script.py.mako"
    template.write_text(template.read_text().replace('${downgrades if downgrades else "pass"}', "pass"))
    new = ("migrate.new", "--service", "shop", "-m", "add price")
    ran = invoke(*new, "--discard", cwd=root)
    assert ran.code == 6, ran.err
    assert "removed again" in ran.out
    assert new_files(root) == []
    ran = invoke(*new, cwd=root)
    assert ran.code == 6, ran.err
    assert "its own proof rejects the file; it is kept" in ran.out
    assert len(new_files(root)) == 1


def test_a_new_value_of_an_enum_passes_our_own_lint(tmp_path: Path, database: Address) -> None:
    made = Rev(
        id="s2",
        up="op.execute(\"CREATE TYPE shop_mood AS ENUM ('good')\")\n"
        "op.execute('ALTER TABLE shop_orders ADD mood shop_mood')",
        down="op.execute('ALTER TABLE shop_orders DROP mood'); op.execute('DROP TYPE shop_mood')",
    )
    models = ORDERS + '    mood: Mapped[str | None] = mapped_column(sa.Enum("good", "sad", name="shop_mood"))\n'
    build_monorepo(
        tmp_path,
        {
            "shop": Svc(
                revisions=(Rev(id="s1", up=CREATE_ORDERS, down='op.drop_table("shop_orders")'), made),
                models=models,
                owns=("shop_*",),
            ),
            "crm": Svc(revisions=(Rev(id="c1", up=table("crm_users"), down='op.drop_table("crm_users")'),)),
        },
        url=database.url(),
    )
    ran = invoke("migrate.new", "--service", "shop", "-m", "sad orders", "--format", "json", cwd=tmp_path)
    assert ran.code == 0, ran.err
    assert ran.json["result"]["operations"] == ["ALTER TYPE public.shop_mood ADD VALUE IF NOT EXISTS 'sad'"]
    assert [one["rule"] for one in ran.json["result"]["lint"]] == []


def test_a_branch_gets_the_revision(tmp_path: Path, database: Address) -> None:
    branches = (
        Rev(id="c1", up=table("shop_a"), down='op.drop_table("shop_a")', head='branch_labels = ("core",)'),
        Rev(id="c2"),
        Rev(
            id="r1",
            up=table("shop_b"),
            down='op.drop_table("shop_b")',
            parent=(),
            head='branch_labels = ("reports",)\ndepends_on = "c1"',
        ),
    )
    models = ITEMS.replace("shop_items", "shop_a") + "    note: Mapped[str | None]\n"
    models += ITEMS.replace("shop_items", "shop_b").replace("Item", "Report")
    build_monorepo(tmp_path, {"shop": Svc(revisions=branches, models=models)}, url=database.url())
    words = ("migrate.new", "--service", "shop", "-m", "note what it is")
    for head in ((), ("--head", "c1"), ("--head", "nope")):
        ran = invoke(*words, *head, cwd=tmp_path)
        assert ran.code == 2, (head, ran.err)
    assert (
        "shop has several heads: c2, r1 → say which: --head core@head or --head reports@head"
        in invoke(*words, cwd=tmp_path).last
    )
    assert invoke(*words, "--head", "reports", "--empty", cwd=tmp_path).code == 0
    (empty,) = new_files(tmp_path)
    assert re.search(r"^down_revision.* = ['\"]r1", empty.read_text(), re.MULTILINE)
    empty.unlink()
    ran = invoke(*words, "--head", "core@head", cwd=tmp_path)
    assert ran.code == 0, ran.err
    assert "up, down and up again on a scratch database: clean" in ran.out
    (made,) = new_files(tmp_path)
    assert re.search(r"^down_revision.* = ['\"]c2", made.read_text(), re.MULTILINE)
