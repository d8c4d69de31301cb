"""What is declared to a plugin of autogenerate, which registers a comparator as alembic_utils does, is compared."""

from __future__ import annotations

from pathlib import Path

from aegisdb.postgres.address import Address
from tests.invoke import invoke
from tests.models.edits import item
from tests.monorepo import Rev, Svc, build_monorepo, write

PLUGIN = """
from pathlib import Path

from alembic.autogenerate import comparators, renderers
from alembic.operations import MigrateOperation, Operations

WANTED = Path(__file__).parent.parent / "function.sql"


class ReplaceFunctionOp(MigrateOperation):
    def __init__(self, name, body, before):
        self.name, self.body, self.before = name, body, before

    def reverse(self):
        return ReplaceFunctionOp(self.name, self.before, self.body)

    def to_diff_tuple(self):
        return ("replace_function", self.name)

    def sql(self):
        made = f"CREATE FUNCTION {self.name}() RETURNS int LANGUAGE sql AS '{self.body}'"
        gone = f"DROP FUNCTION IF EXISTS {self.name}()"
        return "; ".join([gone, made] if self.body else [gone])


class DropFunctionOp(ReplaceFunctionOp):
    pass


@Operations.implementation_for(ReplaceFunctionOp)
def run(operations, operation):
    operations.execute(operation.sql())


@renderers.dispatch_for(ReplaceFunctionOp)
def render(context, operation):
    return f"op.execute({operation.sql()!r})"


@comparators.dispatch_for("schema")
def functions(context, upgrade_ops, schemas):
    sql = "SELECT proname, prosrc FROM pg_proc WHERE proname ~ '^(shop|crm)_'"
    found = {name: body for name, body in context.connection.exec_driver_sql(sql)}
    wanted = WANTED.read_text()
    assert wanted != "broken", "the plugin does not work"
    if found.get("shop_one") != wanted:
        upgrade_ops.ops.append(ReplaceFunctionOp("shop_one", wanted, found.get("shop_one", "")))
    upgrade_ops.ops += [DropFunctionOp(name, "", body) for name, body in found.items() if name != "shop_one"]


"""
CREW = "op.execute(\"CREATE FUNCTION {}() RETURNS int LANGUAGE sql AS 'SELECT 0'\")"


def _shop(root: Path, database: Address) -> Path:
    """A shop with a plugin, beside functions that a second service owns, and that nobody does."""
    items = """op.execute("CREATE TABLE shop_items (id serial PRIMARY KEY, note text DEFAULT 'it''s')")"""
    made, unmade = (
        "; ".join(map(text.format, ("crm_owned", "crm_left"))) for text in (CREW, 'op.execute("DROP FUNCTION {}")')
    )
    services = {
        "crm": Svc(
            revisions=(Rev(id="c1", up=made.replace("; op", "\nop"), down=unmade.replace("; op", "\nop")),),
            owns=("crm_owned",),
        ),
        "shop": Svc(revisions=(Rev(id="s1", up=items, down='op.drop_table("shop_items")'),)),
    }
    build_monorepo(root, services, url=database.url())
    home = root / "services" / "shop"
    env = home / "alembic" / "env.py"
    text = env.read_text().replace("connection=connection,", "connection=connection, compare_server_default=True,")
    write(env, text.replace("def migrate(", f"{PLUGIN}def migrate(", 1))
    # a default that Alembic's own comparator cannot ask the server about is not the plugin's fault
    note = 'note: Mapped[str | None] = mapped_column(Text, server_default="it\'s")'
    write(home / "models.py", item(note).replace("T_", "shop_"))
    write(home / "function.sql", "SELECT 1")
    assert invoke("migrate.apply", cwd=root).code == 0
    return root


def test_it_is_told_and_written(tmp_path: Path, database: Address) -> None:
    root = _shop(tmp_path, database)
    for body in ("SELECT 1", "SELECT 2"):
        write(root / "services" / "shop" / "function.sql", body)
        told = invoke("migrate.verify", cwd=root)
        assert told.code == 6, told.out
        assert "a plugin of autogenerate would write: replace function shop_one" in told.out
        assert "drop function" not in told.out, "functions of others, and of nobody, stay"
        new = invoke("migrate.new", "--service", "shop", "-m", f"let the function {body.lower()}", cwd=root)
        assert new.code == 0, new.err
        assert "and the models agree" in new.out
        assert invoke("migrate.apply", cwd=root).code == 0
        assert invoke("migrate.verify", cwd=root).code == 0


def test_one_that_fails_is_not_compared(tmp_path: Path, database: Address) -> None:
    root = _shop(tmp_path, database)
    write(root / "services" / "shop" / "function.sql", "broken")
    ran = invoke("migrate.verify", cwd=root)
    assert ran.code == 6
    assert "error[not_compared] shop: what is declared to plugins of autogenerate was not compared" in ran.err
    assert "the plugin does not work" in ran.err
