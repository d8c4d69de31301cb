"""What `ci` does not prove again: each thing that decides about a proof, changed, makes it be proven anew."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aegisdb.building.proof_target import proving
from aegisdb.postgres import databases, markers
from aegisdb.postgres.connection import connect
from aegisdb.proofs import memory
from aegisdb.revisions.load import good_histories
from aegisdb.seeds import seeds_of
from aegisdb.workflows.deploy.prove import deploy_prove
from aegisdb.workflows.migrate.remembered_proofs import RememberedProofs
from aegisdb.workflows.seed.prove import remembered
from aegisdb.workflows.seed.run import seeding
from aegisdb.workspace import Workspace, open_workspace
from tests.damages import DAMAGES, repair
from tests.lint.repository import commit
from tests.monorepo import Rev, Svc, build_monorepo, table
from tests.postgres_server import TestServer
from tests.workflows.project import URL_NAME, Project

pytestmark = pytest.mark.timeout(900)
_PATIENCE = 400  # seconds: on a loaded machine a run of all stages takes long
OWNER = Svc(revisions=(Rev(id="o1", up=table("owner_t"), down='op.execute("DROP TABLE owner_t")'),))
ASIDE = Svc(revisions=(Rev(id="x1", up=table("aside_t"), down='op.execute("DROP TABLE aside_t")'),))
SHOP = Svc(
    revisions=(
        Rev(id="a1", up=table("shop_items", "number serial"), down='op.execute("DROP TABLE shop_items")'),
        Rev(
            id="a2",
            up='op.execute((HOME / "sql" / "price.sql").read_text())',
            head="from pathlib import Path\n\nHOME = Path(__file__).parents[2]",
            down='op.execute("ALTER TABLE shop_items DROP price")',
        ),
    ),
    after=("owner",),
    models="import common\n",
    more={"seeds": [{"module": "filling", "fills": ["shop_items"]}]},
)
FILLING = """\
import os

import more
import psycopg

with psycopg.connect(os.environ["DATABASE_URL"]) as conn:
    conn.execute("INSERT INTO shop_items (id, price) VALUES (1, 10) ON CONFLICT DO NOTHING")
"""
HOME = "services/shop"
VERSIONS = f"{HOME}/alembic/versions"


@pytest.fixture(scope="module")
def shop(server: TestServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Three services, of which `shop` rests on `owner`, after `ci`."""
    root, address = tmp_path_factory.mktemp("shop"), server.address.with_database(f"t_{uuid.uuid4().hex[:12]}")
    build_monorepo(
        root,
        {"owner": OWNER, "aside": ASIDE, "shop": SHOP},
        url=f"${{{URL_NAME}}}",
        init={"sql/base.sql": "CREATE TABLE base_t (id int PRIMARY KEY);\n"},
        database={"deploy": "sql/deploy"},
        extra={"project": address.database},
    )
    for name, text in {
        "sql/deploy/one.sql": "CREATE TABLE IF NOT EXISTS one (id int);\n",
        f"{HOME}/common.py": "",
        f"{HOME}/sql/price.sql": "ALTER TABLE shop_items ADD price int",
        f"{HOME}/filling.py": FILLING,
        f"{HOME}/more.py": "",
        f"{HOME}/data.csv": "1\n",
        f"{HOME}/alembic/tests/a2_test.py": "BEFORE = {}\nAFTER = {}\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    commit(root)
    made = Project(root, address)
    with databases.maintenance(address) as conn:
        databases.create(conn, address.database)
        markers.mark(conn, address.database, "test")
    for words in ("db.reset --yes", "ci"):
        ran = made.invoke(*words.split(), timeout=_PATIENCE)
        assert ran.code in ({0, 6} if words == "ci" else {0}), ran.out + ran.err
    yield made
    with databases.maintenance(address) as conn:
        for name in made.databases():
            databases.drop(conn, name, force=True)


def workspace(shop: Project) -> Workspace:
    return open_workspace(cwd=shop.root, environ=shop.env)


def revisions_known(shop: Project) -> set[str]:
    """Revisions that `ci` would not prove again."""
    ws = proving(workspace(shop))
    histories = good_histories(ws.registry)
    known = RememberedProofs(ws, histories, histories).known({n: frozenset(h.revisions) for n, h in histories.items()})
    return {one.revision for one in known}


def seeds_known(shop: Project) -> bool:
    ws = workspace(shop)
    seeds = seeds_of(ws.registry, seeding(ws).services)
    return bool(remembered(proving(ws), seeds, on_target=True).before())


def deploy_known(shop: Project) -> bool:
    return bool(deploy_prove(workspace(shop), again=False).before)


@contextmanager
def changed(path: Path, change: Callable[[str], str]) -> Iterator[None]:
    """The file with another text, which may not be there before."""
    before = path.read_text() if path.exists() else None
    path.parent.mkdir(exist_ok=True)
    path.write_text(change(before or ""))
    try:
        yield
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_text(before)


def more(text: str) -> Callable[[str], str]:
    return lambda before: before + text


def owned(text: str) -> str:
    document = json.loads(text)
    document["services"]["owner"]["owns"].append("others")
    return json.dumps(document)


ALL = {"o1", "x1", "a2"}
"""The last revision of each service, as no revision is new."""


def test_what_is_the_same_is_known(shop: Project) -> None:
    assert revisions_known(shop) == ALL
    assert seeds_known(shop)
    assert deploy_known(shop)


def test_ci_says_what_it_does_not_run_again(shop: Project) -> None:
    again, anew = (
        {stage["name"]: stage for stage in shop.invoke("ci", *words, "--format", "json").json["result"]["stages"]}
        for words in ((), ("--again",))
    )
    for name in ("roundtrip", "seed.prove", "deploy.prove"):
        assert "proven before (20" in again[name]["summary"], again[name]
        assert "proven before" not in anew[name]["summary"]
        assert [case["name"] for case in again[name]["cases"]] == [case["name"] for case in anew[name]["cases"]]


@pytest.mark.parametrize(
    ("path", "change", "unknown"),
    [
        (f"{VERSIONS}/a2.py", more("X = 1\n"), {"a2"}),
        (f"{VERSIONS}/a1.py", more("X = 1\n"), {"a2"}),
        (f"{VERSIONS}/a1.py", more("# a remark\n"), set()),
        (f"{HOME}/alembic/env.py", more("# a remark\n"), {"a2"}),
        (f"{HOME}/alembic/by_hand.sql", more("SELECT 1;\n"), {"a2"}),
        (f"{HOME}/sql/price.sql", more(";\n"), {"a2"}),
        (f"{HOME}/alembic/tests/a2_test.py", more("BEFORE = {}\n"), {"a2"}),
        (f"{HOME}/alembic.ini", more("# a remark\n"), {"a2"}),
        (f"{HOME}/models.py", more("X = 1\n"), {"a2"}),
        (f"{HOME}/common.py", more("X = 1\n"), {"a2"}),
        (f"{HOME}/.env", more("X=1\n"), {"a2"}),
        (f"{HOME}/new_module.py", more("X = 1\n"), {"a2"}),
        ("services/owner/alembic/versions/o1.py", more("X = 1\n"), {"o1", "a2"}),
        ("services/owner/alembic/env.py", more("# a remark\n"), {"o1", "a2"}),
        ("services/aside/alembic/env.py", more("# a remark\n"), {"x1"}),
        ("sql/base.sql", more("CREATE TABLE base_u (id int);\n"), ALL),
        ("sql/deploy/one.sql", more("SELECT 1;\n"), ALL),
        ("services.yaml", owned, ALL),
    ],
)
def test_a_changed_file_is_proven_again(
    shop: Project, path: str, change: Callable[[str], str], unknown: set[str]
) -> None:
    with changed(shop.root / path, change):
        assert revisions_known(shop) == ALL - unknown
    assert revisions_known(shop) == ALL


@pytest.mark.parametrize("what", ["build_of_aegisdb", "server"])
def test_another_build_or_server_is_another_ground(shop: Project, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    monkeypatch.setattr(memory, what, lambda *_: "another one")
    assert revisions_known(shop) == set()
    assert not seeds_known(shop)
    assert not deploy_known_to_memory(shop)


def deploy_known_to_memory(shop: Project) -> bool:
    """As `deploy_known`, which would run the files."""
    from aegisdb.deploy.ledger import deploy_files
    from aegisdb.proofs.remembered_runs import RememberedRun
    from aegisdb.workflows.deploy.prove import code_of_files

    ws = proving(workspace(shop))
    files = deploy_files(ws.registry)
    return bool(RememberedRun(ws, "deploy.prove", lambda: code_of_files(files), on_target=True).before())


@pytest.mark.parametrize(
    ("path", "change"),
    [
        (f"{HOME}/filling.py", more("X = 1\n")),
        (f"{HOME}/more.py", more("X = 1\n")),
        (f"{HOME}/data.csv", more("2\n")),
        (f"{HOME}/more.py", more("import requests\n")),
        (f"{HOME}/.env", more("X=1\n")),
        (f"{VERSIONS}/a2.py", more("X = 1\n")),
        ("sql/base.sql", more("CREATE TABLE base_u (id int);\n")),
        ("services.yaml", lambda text: text.replace('"filling"', '"more"')),
    ],
)
def test_a_seed_is_proven_again_when_its_files_changed(shop: Project, path: str, change: Callable[[str], str]) -> None:
    with changed(shop.root / path, change):
        assert not seeds_known(shop)
    assert seeds_known(shop)


@pytest.mark.parametrize(
    ("do", "undo"),
    [
        ("INSERT INTO base_t VALUES (7)", "DELETE FROM base_t"),
        ("SELECT nextval('shop_items_number_seq')", "SELECT setval('shop_items_number_seq', 1)"),
        ("ALTER TABLE base_t ADD x int", "ALTER TABLE base_t DROP x"),
    ],
)
def test_rows_of_the_live_database_count(shop: Project, do: str, undo: str) -> None:
    with connect(shop.address) as conn:
        conn.execute(do)
        assert (seeds_known(shop), deploy_known_to_memory(shop)) == (False, False)
        conn.execute(undo)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_memory_costs_time(shop: Project, damage: str) -> None:
    path = shop.root / ".aegisdb" / "proven.json"
    content = path.read_bytes()
    DAMAGES[damage](path)
    assert revisions_known(shop) == set()
    assert not seeds_known(shop)
    repair(path, content)
    assert revisions_known(shop) == ALL
