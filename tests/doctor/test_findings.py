"""Every other finding: made on purpose, told with its cause, and gone after what is printed or after --fix."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import psycopg
import pytest

from aegisdb.doctor import server as server_checks
from aegisdb.doctor.checks import CHECKS, with_reference
from aegisdb.doctor.diagnosis import doctor
from aegisdb.doctor.finding import NOTICE
from aegisdb.doctor.patient import examined
from aegisdb.postgres import databases, scratch
from aegisdb.postgres.address import Address, Secret
from aegisdb.postgres.lock_holder import name_key
from aegisdb.progress import Event
from aegisdb.workspace import open_workspace
from tests.doctor.clinic import Clinic, clinic, execute
from tests.invoke import ROOT, environment
from tests.monorepo import Rev, build_monorepo, table, write_revision
from tests.postgres_server import free_port
from tests.running import eventually, rows, versions

Factory = pytest.TempPathFactory
NOWHERE = Address("127.0.0.1", 1, "aegis", Secret("pw"), "aegis")
"""For projects whose own command lines say where the database is."""


def extend(healthy: Clinic, **keys: object) -> None:
    """Change keys of `database:` in services.yaml."""
    path = healthy.root / "services.yaml"
    document = json.loads(path.read_text())
    document["database"].update(keys)
    path.write_text(json.dumps(document))


def orphaned(healthy: Clinic) -> str:
    """A scratch database that no running command holds."""
    with databases.maintenance(healthy.address) as conn:
        name = scratch.new_name(conn, healthy.address.database)
        databases.create(conn, name)
    return name


def test_a_healthy_project_has_no_finding_and_says_which_proof_holds(healthy: Clinic) -> None:
    ran = healthy.invoke("doctor")
    assert ran.code == 0, ran.out + ran.err
    assert f"nothing is wrong ({len(CHECKS)} checks)" in ran.out
    assert "P3: made by the suite as a test database" in ran.out


def test_no_check_is_shown_as_running_when_it_has_ended(healthy: Clinic) -> None:
    running, seen = set(), []

    def listen(event: Event) -> None:
        key = (event.step, event.subject)
        if event.over or event.seconds is not None:
            running.discard(key)
        else:
            running.add(key)
            seen.append(key)

    found = doctor(open_workspace(cwd=healthy.root, environ=environment(), listen=listen))
    assert found.findings == ()
    assert [name for step, name in seen if step == "look for"] == [check.name for check in CHECKS]
    assert running == set()


def test_what_can_be_mended_is_mended_and_looked_for_again(healthy: Clinic) -> None:
    extend(healthy, extensions=["vector", "age"], graphs=["wells"])
    execute(
        healthy.address,
        "CREATE INDEX shop_items_price ON shop_items (price)",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'shop_items_price'::regclass",
    )
    orphan = orphaned(healthy)
    ill = {f["check"]: f for f in healthy.doctor()["result"]["findings"]}
    assert ill["orphan"]["subject"] == orphan
    assert ill["invalid_index"]["subject"] == "public.shop_items_price"
    assert "IF NOT EXISTS takes it for a good index" in ill["invalid_index"]["cause"]
    assert ill["missing"]["command"].startswith("echo ")
    orphan = orphaned(healthy)  # whatever compares with a scratch database has swept the first one
    fixed = healthy.doctor("--fix")
    did = {(m["check"], m["subject"]): m["proof"] for m in fixed["result"]["fixed"]}
    assert did == dict.fromkeys(
        [
            ("missing", "extension vector"),
            ("missing", "extension age"),
            ("missing", "graph wells"),
            ("invalid_index", "public.shop_items_price"),
            ("orphan", orphan),
        ],
        "looked for again: gone",
    )
    # the index is valid now, and no revision or service claims the extension's objects
    valid = rows(healthy.address, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'shop_items_price'::regclass")
    assert valid == [(True,)]
    assert rows(healthy.address, "SELECT name::text FROM ag_catalog.ag_graph") == [("wells",)]
    with databases.maintenance(healthy.address) as conn:
        assert not databases.exists(conn, orphan)


def test_the_printed_statements_mend_without_fix(healthy: Clinic) -> None:
    extend(healthy, extensions=["vector"])
    execute(
        healthy.address,
        "CREATE INDEX shop_items_price ON shop_items (price)",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'shop_items_price'::regclass",
    )
    found = healthy.doctor()["result"]["findings"]
    assert {f["check"] for f in found} == {"invalid_index", "missing"}
    for finding in found:
        healthy.type(finding["command"])
    assert healthy.names() == ["drift"]  # the index is valid now, and no revision makes it


def test_what_a_person_must_decide_is_told_and_not_touched(healthy: Clinic) -> None:
    execute(
        healthy.address,
        "CREATE TABLE by_hand (id int)",
        "INSERT INTO aegisdb.in_flight (service, revision, action, os_user, host, pid)"
        " VALUES ('shop', 's2', 'upgrade', 'somebody', 'somewhere', 1)",
    )
    file = healthy.file("s2")
    file.write_text(file.read_text().replace("price int", "price bigint"))
    envelope = healthy.doctor("--fix", env={"PGSERVICE": "production", "ALEMBIC_CONFIG": "/nowhere.ini"})
    found = {f["check"]: f for f in envelope["result"]["findings"]}
    assert envelope["exit_code"] == 5
    assert envelope["errors"][-1]["code"] == "half_applied"
    assert "invoke migrate.resolve --service shop" in found["half_applied"]["command"]
    assert found["unowned"]["subject"] == "table public.by_hand"
    assert "made by hand" in found["unowned"]["cause"]
    assert found["left_over"]["command"] == "unset ALEMBIC_CONFIG PGSERVICE"
    assert found["left_over"]["exit_code"] == 0
    told = healthy.doctor(env={"DATABASE_URL": healthy.address.url(), "PGHOST": "elsewhere"})["result"]["findings"]
    # the target `env` of this very run: nothing that commands of aegisdb do not obey
    assert [f["command"] for f in told if f["check"] == "left_over"] == ["unset PGHOST"]
    assert envelope["result"]["fixed"] == []
    assert "price bigint" in file.read_text()
    healthy.type(found["tampered"]["command"])
    assert "price int" in file.read_text()
    assert rows(healthy.address, "SELECT to_regclass('by_hand')::text") == [("by_hand",)]
    left = healthy.names()
    assert "tampered" not in left
    assert "half_applied" in left


@pytest.mark.parametrize(
    ("committed", "command", "at"),
    [
        (["CREATE TABLE shop_orders (id int)"], "echo 'DROP TABLE public.shop_orders;' | invoke db.shell && ", "s2"),
        (["CREATE TABLE shop_orders (id int)", "CREATE INDEX shop_by ON shop_items (price)"], "", "s3"),
        ([], "", "s2"),
    ],
    ids=["a part of it", "all of it", "nothing of it"],
)
def test_the_decision_about_a_half_applied_revision_is_the_true_one(
    healthy: Clinic, committed: list[str], command: str, at: str
) -> None:
    """What a kill leaves is made here; tests/workflows/migrate/test_resolve.py kills."""
    up = 'op.execute("CREATE TABLE shop_orders (id int)")\nop.create_index("shop_by", "shop_items", ["price"])'
    write_revision(healthy.shop, Rev(id="s3", up=up), "s2")
    in_flight = "INSERT INTO aegisdb.in_flight (service, revision, action) VALUES ('shop', 's3', 'upgrade')"
    execute(healthy.address, *committed, in_flight)
    found = healthy.finding("half_applied")
    assert found["exit_code"] == 5
    decision = "--applied" if at == "s3" else "--rolled-back"
    assert found["command"] == f"{command}invoke migrate.resolve --service shop {decision}"
    healthy.type(found["command"])
    assert versions(healthy.address, "shop") == [at]
    assert rows(healthy.address, "TABLE aegisdb.in_flight") == []


def test_a_schema_changed_by_hand_is_told_once(healthy: Clinic) -> None:
    """Neither what no service owns, nor an INVALID index, nor a pending file is told a second time as drift."""
    execute(
        healthy.address,
        "ALTER TABLE shop_items ALTER price TYPE bigint",
        "CREATE TABLE by_hand (id int)",
        "CREATE INDEX shop_items_price ON shop_items (price)",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'shop_items_price'::regclass",
    )
    write_revision(healthy.shop, Rev(id="s3", up=table("shop_later"), down='op.execute("DROP TABLE shop_later")'), "s2")
    drift = healthy.finding("drift")
    assert drift["what"] == "shop: 1 object differs from what the applied revisions build"
    assert "price" in drift["evidence"][0]
    assert "invoke migrate.verify" in drift["command"]
    assert sorted(healthy.names()) == ["behind", "drift", "invalid_index", "models", "unowned"]
    undo = ("ALTER TABLE shop_items ALTER price TYPE int", "DROP TABLE by_hand", "DROP INDEX shop_items_price")
    execute(healthy.address, *undo)
    assert healthy.names() == ["behind", "models"], "no model has the pending table"


def test_tables_made_before_alembic_are_no_drift(healthy: Clinic) -> None:
    """What a stamp explains needs no second word, and what is at head and lost is told."""
    execute(healthy.address, "DELETE FROM alembic_version_shop", "DELETE FROM aegisdb.journal")
    assert healthy.names() == ["exists_already"]
    healthy.doctor("--fix")
    assert healthy.names() == []
    execute(healthy.address, "ALTER TABLE shop_items DROP price")
    assert healthy.finding("drift")["subject"] == "shop"


def test_an_object_that_a_revision_names_is_told_with_its_service(healthy: Clinic) -> None:
    write_revision(healthy.shop, Rev(id="s3", up='op.execute("CREATE TABLE basket (id int)")'), "s2")
    assert healthy.invoke("migrate.apply").code == 0
    found = healthy.finding("unowned")
    assert found["command"] == "add `basket` to `owns` of shop in services.yaml"
    assert found["evidence"] == ["named in s3.py"]


def test_two_services_on_one_version_table(healthy: Clinic) -> None:
    clinic(healthy.root, healthy.address, both=True)
    assert healthy.invoke("migrate.apply").code == 0
    execute(healthy.address, "INSERT INTO alembic_version_shop VALUES ('c1')")
    found = healthy.finding("shared_version_table")
    assert "which is a revision of crm" in found["what"]
    healthy.type(found["command"])
    assert versions(healthy.address, "shop") == ["s2"]
    assert healthy.names() == []


def test_two_heads_and_files_that_cannot_be_read(healthy: Clinic) -> None:
    write_revision(healthy.shop, Rev(id="s3", parent="s2"), None)
    write_revision(healthy.shop, Rev(id="s4", parent="s2"), None)
    heads = healthy.finding("several_heads")
    assert "migrate.rebase --service shop" in heads["command"]
    assert len(heads["evidence"]) == 2
    healthy.file("s4").write_text("def (")
    broken = healthy.finding("broken_history")
    assert "s4.py" in broken["what"] + broken["evidence"][0]


def test_a_history_that_does_not_build(healthy: Clinic) -> None:
    write_revision(healthy.shop, Rev(id="s3", up='op.execute("SELECT nope")'), "s2")
    found = healthy.finding("does_not_build")
    assert "s3" in found["what"]
    assert "nope" in found["what"]


def test_an_env_py_that_does_not_run(healthy: Clinic) -> None:
    env_py = healthy.shop / "alembic" / "env.py"
    text = env_py.read_text()
    env_py.write_text("import no_such_module\n" + text)
    assert "no_such_module" in healthy.finding("environment")["what"]
    env_py.write_text(text)
    assert healthy.names() == [], "what was remembered is not what is there"


def moved_out(healthy: Clinic, to: Path) -> Path:
    """The service's Alembic directory outside of the project, as that of an installed package is."""
    shutil.move(healthy.shop / "alembic", to)
    ini = healthy.shop / "alembic.ini"
    ini.write_text(ini.read_text().replace("%(here)s/alembic", str(to)))
    return to


def test_files_outside_of_the_project_are_shown_where_they_are(healthy: Clinic, tmp_path_factory: Factory) -> None:
    away = moved_out(healthy, tmp_path_factory.mktemp("away") / "lib" / "history")
    (away / "versions" / "s2.py").rename(away / "versions" / "s2.txt")
    assert str(away) in healthy.finding("unknown_revision")["command"]
    (away / "versions" / "s2.txt").rename(away / "versions" / "s2.py")
    env_py = away / "env.py"
    text = env_py.read_text()
    env_py.write_text(text.replace("models.Base.metadata", "None"))
    assert str(env_py) in healthy.finding("no_metadata")["command"]
    env_py.write_text("import no_such_module\n" + text)
    assert healthy.finding("environment")["evidence"] == [str(env_py)]


def test_nobody_is_told_to_change_an_installed_env_py(healthy: Clinic, tmp_path_factory: Factory) -> None:
    away = moved_out(healthy, tmp_path_factory.mktemp("away") / "site-packages")
    env_py = away / "env.py"
    env_py.write_text(env_py.read_text().replace("models.Base.metadata", "None"))
    assert "another version of the package" in healthy.finding("no_metadata")["command"]


def test_who_holds_the_writer_lock_and_whether_it_works(healthy: Clinic) -> None:
    maintenance = healthy.address.with_database("postgres")
    with psycopg.connect(maintenance.url(), autocommit=True, application_name="aegisdb: db.reset ann@laptop") as holder:
        holder.execute(f"SELECT pg_advisory_lock({name_key(healthy.address.database)})".encode())
        with psycopg.connect(healthy.address.url(), application_name="aegisdb") as at_work:
            at_work.execute("SELECT 1")
            alive = healthy.finding("lock")
            assert alive["exit_code"] == 0
            assert "db.reset ann@laptop" in alive["what"]
        assert eventually(lambda: bool([f for f in _locks(healthy) if f["exit_code"]]), 60)
        dead = healthy.finding("lock")
        assert "does nothing" in dead["what"]
        healthy.type(dead["command"])
        with pytest.raises(psycopg.OperationalError):
            holder.execute("SELECT 1")
    assert healthy.names() == []


def _locks(healthy: Clinic) -> list[dict[str, object]]:
    return [f for f in healthy.doctor()["result"]["findings"] if f["check"] == "lock"]


def test_a_stopped_server_a_missing_database_and_an_empty_one(tmp_path: Path) -> None:
    """The cause is named, and each printed command leads on to the next."""
    build_monorepo(tmp_path, {}, extra={"project": "clinic"})
    document = json.loads((tmp_path / "services.yaml").read_text())
    document["targets"]["local"]["port"] = free_port()
    (tmp_path / "services.yaml").write_text(json.dumps(document))
    project = Clinic(tmp_path, NOWHERE)
    try:
        down = project.finding("server_down")
        assert "is not running" in down["what"]
        assert down["command"] == "invoke db.up --target local"
        started = project.doctor("--fix")
        assert [m["proof"] for m in started["result"]["fixed"]] == ["looked for again: gone"]
        missing = project.finding("no_database")
        project.type(missing["command"])
        assert project.names() == []
    finally:
        project.invoke("db.down", "--volumes", "--yes")


def test_a_server_that_nobody_answers_for(tmp_path: Path) -> None:
    url = f"postgresql://aegis:secret-word@127.0.0.1:{free_port()}/aegis"
    build_monorepo(tmp_path, {}, url=url)
    project = Clinic(tmp_path, NOWHERE)
    ran = project.invoke("doctor", "--fix")
    assert ran.code == 6
    assert "error[server_down]" in ran.last
    assert "nothing answers there" in ran.out
    assert "secret-word" not in ran.out + ran.err


def test_an_old_server_is_told(healthy: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    ws = open_workspace(cwd=healthy.root, environ=environment())
    with examined(ws) as patient:
        assert list(server_checks.old(patient)) == []
    for module in ("aegisdb.postgres.session", "aegisdb.doctor.server", "aegisdb.doctor.patient"):
        monkeypatch.setattr(f"{module}.OLDEST", 990000)
    # what other checks ask is not there: theirs are no findings
    assert [found.check for found in doctor(ws).findings if found.exit_code != NOTICE] == ["old_server"]


def test_the_page_lists_every_check() -> None:
    page = (ROOT / "docs" / "doctor.md").read_text("utf-8")
    assert with_reference(page) == page, "python -m aegisdb.doctor"
    assert len({check.name for check in CHECKS}) == len(CHECKS)
    for check in CHECKS:
        assert bool(check.fix) == bool(check.fixes), check.name


def test_a_graph_that_a_dump_has_broken_is_found_and_repaired(healthy: Clinic) -> None:
    extend(healthy, extensions=["age"], graphs=["wells"])
    with psycopg.connect(healthy.address.url(), autocommit=True) as conn:
        conn.execute("CREATE EXTENSION age")
        conn.execute("SET search_path = ag_catalog, public")
        conn.execute("SELECT create_graph('wells'), create_vlabel('wells', 'Well')")
        conn.execute("SET session_replication_role = replica")
        conn.execute("UPDATE ag_graph SET graphid = 7 WHERE name = 'wells'")
        conn.execute("UPDATE ag_label SET graph = 7")
    assert healthy.finding("broken_graph")["subject"] == "wells"
    for command in ("db.verify", "db.status", "migrate.verify"):
        told = healthy.invoke(command)
        assert told.code == 6, command
        assert "graph wells is broken" in told.err, command
        assert "graphs      wells (broken)" in told.out or command != "db.status"
        assert not re.search(r"graph +wells +ok", told.out)
    did = [m["proof"] for m in healthy.doctor("--fix")["result"]["fixed"] if m["check"] == "broken_graph"]
    assert did == ["looked for again: gone"]
    with psycopg.connect(healthy.address.url(), autocommit=True) as conn:
        conn.execute("LOAD 'age'")
        conn.execute("SET search_path = ag_catalog, public")
        assert conn.execute("SELECT * FROM cypher('wells', $$MATCH (n:Well) RETURN n$$) AS (n agtype)").fetchall() == []


def test_another_version_of_a_collation_is_told_with_what_to_do(healthy: Clinic) -> None:
    name = healthy.address.database
    with psycopg.connect(healthy.address.url(), autocommit=True) as conn:
        conn.execute("UPDATE pg_database SET datcollversion = '0.0' WHERE datname = %s", (name,))
    found = healthy.finding("collation")
    assert found["subject"] == f"database {name}"
    assert "REINDEX DATABASE" in found["command"]
    assert "REFRESH COLLATION VERSION" in found["command"]
