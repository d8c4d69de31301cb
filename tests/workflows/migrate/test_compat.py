"""`migrate.compat`: which code is tried against which revisions, what is told of it, and what is not decided."""

from __future__ import annotations

import json
import sys
import sysconfig
import venv
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from aegisdb.postgres.address import Address
from aegisdb.workflows import ci
from aegisdb.workflows.ci_stages import stages_of
from aegisdb.workspace import open_workspace
from tests.invoke import Ran, environment, invoke
from tests.lint.repository import commit, git
from tests.monorepo import MODELS, Rev, Svc, build_monorepo, table, write, write_revision
from tests.workflows.migrate.compat_shop import change, deployed, sql
from tests.workflows.migrate.test_compat_table import ENUM_TO_TEXT, breaks, told

DROP_NOTE = "ALTER TABLE shop_items DROP COLUMN note"


@pytest.fixture
def root(database: Address, tmp_path: Path) -> Path:
    return deployed(tmp_path, database.url())


def compat(root: Path, *flags: str) -> Ran:
    return invoke("migrate.compat", *flags, cwd=root)


def test_a_break_is_told_with_table_column_place_and_the_safe_steps(root: Path) -> None:
    change(root, DROP_NOTE)
    ran = compat(root)
    assert ran.code == 6
    assert "shop reads, inserts and updates public.shop_items.note: column shop_items.note does not exist" in ran.out
    model = (root / "services/shop/models.py").read_text().splitlines()
    line = next(number for number, text in enumerate(model, 1) if "note: Mapped" in text)
    assert ran.last.startswith(f"error[compat] services/shop/models.py:{line}: shop reads, inserts and updates")
    assert "keep the column until no deployed code names it" in ran.last
    assert "bears it" in ran.out


def test_today_s_models_do_not_count(root: Path) -> None:
    change(root, "ALTER TABLE shop_items DROP COLUMN weight")
    models = root / "services/shop/models.py"
    models.write_text("\n".join(line for line in models.read_text().splitlines() if "weight: Mapped" not in line))
    assert compat(root).code == 6
    commit(root, "first the code")
    git(root, "branch", "-q", "deployed", "HEAD")
    found = compat(root, "--against", "deployed")
    assert (found.code, "no revision is new against deployed (" in found.out) == (0, True)


def test_against_is_the_code_that_is_deployed(root: Path) -> None:
    """The column goes in two steps, as it ought to: code that does not know it bears the second."""
    models = root / "services/shop/models.py"
    models.write_text("\n".join(line for line in models.read_text().splitlines() if "    note: Mapped" not in line))
    commit(root, "code without the column")
    git(root, "tag", "v2")
    change(root, DROP_NOTE)
    commit(root, "then the column")
    assert compat(root, "--against", "v2").code == 0
    assert compat(root, "--against", "main").code == 6
    unknown = compat(root, "--against", "v3")
    assert (unknown.code, "git knows no commit 'v3' here" in unknown.last) == (2, True)


def test_nothing_stays_in_the_database_or_on_the_server(root: Path, database: Address) -> None:
    change(root, DROP_NOTE)
    compat(root)
    with psycopg.connect(database.url()) as conn:
        assert conn.execute("SELECT count(*) FROM pg_class WHERE relname LIKE 'shop%'").fetchone() == (0,)
        assert (
            conn.execute(
                "SELECT datname FROM pg_database WHERE datname LIKE %s", (f"{database.database}__scratch%",)
            ).fetchall()
            == []
        )


def test_only_the_revisions_of_one_service_go_up(root: Path) -> None:
    change(root, DROP_NOTE)
    change(root, "ALTER TABLE mail_people ADD born date", service="mail")
    assert compat(root, "--service", "shop").code == 6
    ran = compat(root, "--service", "mail", "--format", "json")
    assert ran.json["result"]["revisions"] == ["shop n1", "mail n1"], "mail needs shop"
    assert compat(root, "--service", "nobody").code == 2


def test_a_revision_that_old_rows_do_not_let_pass_is_a_finding(root: Path) -> None:
    change(root, "ALTER TABLE shop_items ALTER note SET NOT NULL")
    ran = compat(root)
    assert ran.code == 6
    assert "a new revision does not apply to the released rows" in ran.err
    assert 'column "note" of relation "shop_items" contains null values' in ran.err


def test_what_was_not_tried_is_told_by_name(root: Path) -> None:
    change(root, "ALTER TABLE shop_items ADD c int")
    ran = compat(root, "--format", "json")
    assert ran.code == 0
    found = told(ran.json)
    assert "not tried mail shop_items" in found, "its own Table lacks columns that are NOT NULL"
    assert "not tried shop shop_cheap" in found
    assert "raw SQL mail report.py:5" in found
    text = compat(root).out
    assert "insert fails before the new revisions, too" in text
    assert "services/mail/report.py:5: prepared, not run: it names shop_items" in text


def test_a_text_that_the_server_does_not_know_any_more_is_a_break(root: Path) -> None:
    change(root, "ALTER TABLE shop_items RENAME price TO amount")
    ran = compat(root, "--format", "json")
    assert "mail says services/mail/report.py:5" in breaks(ran.json)


def test_a_service_whose_models_do_not_load_is_told(root: Path) -> None:
    git(root, "switch", "-q", "main")
    write(root / "services/mail/models.py", MODELS + "import nothing_of_that_name\n")
    write(root / "services/mail/models.py", MODELS + "import os\nif os.environ.get('NO'): pass\nBase.metadata = None\n")
    commit(root, "no metadata")
    git(root, "switch", "-q", "-c", "other")
    change(root, "ALTER TABLE shop_items ADD c int")
    ran = compat(root, "--format", "json")
    mail = next(one for one in ran.json["services"] if one["service"] == "mail")
    assert (ran.code, mail["tables"]) == (0, 0)
    assert "gives Alembic no target_metadata" in mail["error"]


def test_a_command_of_the_old_tree_runs_on_the_new_schema(root: Path) -> None:
    change(root, "ALTER TABLE shop_items ADD c int")
    command = f"{sys.executable} services/mail/suite.py"
    ran = compat(root, "--run", command)
    assert ran.code == 0, ran.err
    assert "went well on the new schema" in ran.out
    write(root / "services/mail/suite.py", "raise SystemExit('today')")
    assert compat(root, "--service", "mail", "--run", f"{sys.executable} suite.py").code == 0
    change(root, "ALTER TABLE shop_items RENAME price TO amount")
    ran = compat(root, "--run", command)
    assert ran.code == 6
    assert 'column "price" does not exist' in ran.out
    assert f"'{command}' ends with 1 on the new schema, and went well on the old one" in ran.err
    ran = compat(root, "--run", "false")
    assert "ends with 1 on the old schema, too" in ran.out


def test_without_git_there_is_no_old_code(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    alone = tmp_path_factory.mktemp("alone") / "repository"
    root.rename(alone)
    (alone / ".git").rename(alone / "no git")
    ran = compat(alone)
    assert (ran.code, ran.last.startswith("error[no_released_state] there is no old code to try")) == (1, True)


def test_asyncpg_names_a_type_that_is_gone(database: Address, tmp_path: Path) -> None:
    root = deployed(tmp_path, database.url(), env="async")
    change(root, *ENUM_TO_TEXT)
    ran = compat(root, "--format", "json")
    assert breaks(ran.json) == ["shop updates shop_items.state"]


def test_an_editable_package_is_that_of_the_old_tree(root: Path) -> None:
    """Its environment has today's directory on the path; what is imported is that of the deployed commit."""
    git(root, "switch", "-q", "main")
    home = root / "services/shop"
    write(root / "lib/shop_tables.py", (home / "models.py").read_text())
    write(home / "models.py", "from shop_tables import *\n")
    text = (
        (root / "services.yaml")
        .read_text()
        .replace('"path": "services/shop"', '"path": "services/shop", "runner": [".venv/bin/python"]')
    )
    write(root / "services.yaml", text)
    write(home / ".gitignore", ".venv\n")
    commit(root, "a library")
    git(root, "switch", "-q", "-c", "other")
    venv.create(home / ".venv", symlinks=True)
    (packages,) = home.glob(".venv/lib/*/site-packages")
    write(packages / "editable.pth", f"{sysconfig.get_path('purelib')}\n{root}/lib\n")
    write(root / "lib/shop_tables.py", MODELS)
    change(root, DROP_NOTE)
    ran = compat(root, "--format", "json")
    assert ran.code == 6, ran.err
    assert "shop reads, inserts and updates shop_items.note" in breaks(ran.json)


def test_an_env_py_that_commits_by_itself_keeps_no_row_of_the_trial(database: Address, tmp_path: Path) -> None:
    """A row that the trial left in an empty table would keep the revision from being applied."""
    root = deployed(tmp_path, database.url(), env="outer")
    change(root, "ALTER TABLE shop_empty ADD born date NOT NULL")
    ran = compat(root, "--format", "json")
    assert (ran.code, breaks(ran.json)) == (6, ["shop inserts shop_empty.born"]), ran.err


def test_a_statement_that_never_ends_is_ended_and_told(root: Path) -> None:
    change(
        root,
        "CREATE FUNCTION shop_wait() RETURNS trigger LANGUAGE plpgsql"
        " AS 'BEGIN PERFORM pg_sleep(3600); RETURN NEW; END'",
        "CREATE TRIGGER wait BEFORE INSERT ON shop_orders FOR EACH ROW EXECUTE FUNCTION shop_wait()",
    )
    ran = compat(root, "--format", "json")
    assert (ran.code, "not tried shop shop_orders" in told(ran.json)) == (0, True), ran.out
    assert "INSERT INTO shop_orders" in ran.out
    assert "was not over after 10 s" in ran.out


def test_a_text_of_two_statements_is_not_run(root: Path) -> None:
    git(root, "switch", "-q", "main")
    write(root / "services/mail/report.py", 'TWO = "SELECT 1; DROP TABLE shop_orders CASCADE"\n')
    commit(root, "two in one")
    git(root, "switch", "-q", "-c", "other")
    change(root, "ALTER TABLE shop_items ADD c int")
    assert compat(root).code == 0


def test_a_command_in_the_folder_of_a_service_that_is_new_is_refused_by_name(root: Path) -> None:
    registry = root / "services.yaml"
    today = registry.read_text()
    document = json.loads(today)
    del document["services"]["mail"]
    registry.write_text(json.dumps(document))
    commit(root, "without mail")
    git(root, "tag", "earlier")
    registry.write_text(today)
    ran = compat(root, "--against", "earlier", "--service", "mail", "--run", "true")
    assert (ran.code, "mail is not in the registry of earlier (" in ran.last) == (2, True), ran.err


def test_a_commit_without_a_registry_is_named(root: Path) -> None:
    git(root, "mv", "services.yaml", "old.yaml")
    commit(root, "no registry")
    git(root, "tag", "bare")
    git(root, "mv", "old.yaml", "services.yaml")
    ran = compat(root, "--against", "bare")
    assert (ran.code, "there is no services.yaml at bare (" in ran.last) == (1, True), ran.err


@pytest.mark.parametrize(
    "rule", ["CHECK (number::text ~ '^9{4}$')", "CHECK (now() + number * interval '1 day' > timestamptz '2090-01-01')"]
)
def test_a_table_of_which_no_row_could_be_made_is_named(root: Path, rule: str) -> None:
    """On no row every UPDATE to NULL goes well: that old code bears NOT NULL would be said of nothing."""
    git(root, "switch", "-q", "main")
    change(root, f"ALTER TABLE shop_empty ADD CONSTRAINT odd {rule}")
    commit(root, "a rule")
    git(root, "switch", "-q", "-c", "other")
    write_revision(root / "services/shop", Rev(id="n2", up=sql("ALTER TABLE shop_empty ALTER note SET NOT NULL")), "n1")
    ran = compat(root, "--format", "json")
    found = [one for service in ran.json["services"] for one in service["unsettled"]]
    (told_,) = [one["why"] for one in found if one["subject"] == "public.shop_empty" and "no row" in one["why"]]
    assert (ran.code, told_) == (
        0, "it has no row, and none could be made: what a row of it meets in an update or a delete was not seen",
    )  # fmt: skip


def test_more_services_than_are_tried_together(database: Address, tmp_path: Path) -> None:
    names = [f"s{number}" for number in range(10)]
    model = 'class Thing(Base):\n    __tablename__ = "{0}_t"\n    id: Mapped[int] = mapped_column(primary_key=True)\n'
    services = {
        name: Svc(
            revisions=(Rev(id=f"{name}a", up=table(f"{name}_t", "n int")),),
            models=model.format(name) + "    n: Mapped[int | None]\n",
        )
        for name in names
    }
    services["s0"] = replace(services["s0"], models=model.format("s0"))  # nothing that an UPDATE could set
    keyless = 'from sqlalchemy import Column, Integer, Table\nTable("s2_t", Base.metadata, Column("n", Integer))\n'
    services["s2"] = replace(services["s2"], models=keyless)
    build_monorepo(tmp_path, services, url=database.url())
    commit(tmp_path, "deployed")
    git(tmp_path, "switch", "-q", "-c", "feature")
    for name in ("s1", "s9"):
        drop = Rev(id=f"{name}b", up=sql(f"ALTER TABLE {name}_t DROP COLUMN n"))
        write_revision(tmp_path / "services" / name, drop, f"{name}a")
    ran = compat(tmp_path, "--format", "json")
    assert (ran.code, [one["service"] for one in ran.json["services"]]) == (6, names), ran.err
    broken = {one["service"] for one in ran.json["services"] if one["breaks"]}
    assert broken == {"s1", "s9"}
    assert all(one["statements"] for one in ran.json["services"])
    left = {one["service"]: [said["why"] for said in one["unsettled"]] for one in ran.json["services"]}
    assert left["s0"] == []
    assert [why for why in left["s2"] if why.startswith("it has no primary key to tell a row by: ")]


def test_ci_fails_where_the_merge_base_does_not_build_and_skips_where_there_is_none(root: Path) -> None:
    def stage() -> tuple[str, str, list[str]]:
        ws = open_workspace(cwd=root, environ=environment())
        found, _ = ci._run(ws, "compat", stages_of("", again=True)["compat"], str)  # noqa: SLF001  one stage of it
        return found.state, found.summary, [f"{one.exit_code} {one.code}" for one in found.problems]

    git(root, "switch", "-q", "main")
    change(root, "ALTER TABLE shop_nowhere ADD c int")
    commit(root, "a revision that nothing can apply")
    git(root, "switch", "-q", "-c", "other")
    state, summary, problems = stage()
    assert (state, problems) == ("failed", ["1 no_released_state"])
    assert "there is no old code to try: main (merge base" in summary
    assert "cannot be built" in summary
    git(root, "switch", "-q", "--orphan", "alone")
    git(root, "checkout", "-q", "main", "--", ".")
    git(root, "branch", "-q", "-D", "main")
    git(root, "branch", "-q", "-D", "feature", "other")
    state, summary, problems = stage()
    assert (state, problems, "git knows no merge base" in summary) == ("skipped", [], True)
