"""Sessions with workers: any env.py, steps that are committed when a call returns, schemas, bases, offline SQL."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aegisdb.applied.version_tables import read_versions
from aegisdb.errors import AegisError, Failed
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import Identity, connect
from aegisdb.postgres.psql import binary
from aegisdb.registry import load
from aegisdb.registry.types import Registry
from aegisdb.revisions.load import read_history
from aegisdb.runtime.session import Session
from aegisdb.runtime.step_options import UNRECORDED
from aegisdb.runtime.upgrade import apply_histories
from tests.monorepo import SYNC, Rev, Svc, build_monorepo, table, write
from tests.postgres_server import BIN, PASSWORD
from tests.running import eventually

pytestmark = pytest.mark.usefixtures("either_worker")

ADD = Rev(
    id="r2",
    up='op.add_column("app_t", sa.Column("n", sa.Text, server_default="100%: \'x\'"))',
    down='op.drop_column("app_t", "n")',
)
TWO = (Rev(id="r1", up=table("app_t"), down='op.drop_table("app_t")'), ADD)

ATTRIBUTES = SYNC.replace(
    "    section = config.get_section(config.config_ini_section, {})\n"
    '    engine = engine_from_config(section, prefix="sqlalchemy.", poolclass=pool.NullPool)\n'
    "    with engine.connect() as connection:\n        migrate(connection)\n    engine.dispose()\n",
    '    migrate(config.attributes["connection"])\n',
)
FROM_VARIABLE = SYNC.replace(
    "section = config.get_section(config.config_ini_section, {})",
    'import os; section = {"sqlalchemy.url": os.environ["APP_DB"]}',
)
FROM_SETTING = SYNC.replace(
    "section = config.get_section(config.config_ini_section, {})",
    'import app_settings; section = {"sqlalchemy.url": app_settings.config["url"]}',
)
NOISY = SYNC + '\nprint("{\\"ok\\": false}")\n'


def prepare(root: Path, database: Address, **service: Any) -> tuple[Registry, Identity]:
    build_monorepo(root, {"app": Svc(**{"revisions": TWO, **service})}, url=database.url())
    with connect(database) as conn:
        return load(root / "services.yaml", {}), conn.identity()


def session(registry: Registry, database: Address, identity: Identity | None) -> Session:
    return Session(registry, read_history(registry, "app"), database, identity, UNRECORDED)


@pytest.mark.parametrize(
    "env", ["sync", "async", "outer", ATTRIBUTES, FROM_VARIABLE, FROM_SETTING, NOISY],
    ids=["sync", "async", "outer", "attributes", "variable", "setting", "noisy"],
)  # fmt: skip
def test_any_env_py_is_stepped_up_and_down(tmp_path: Path, database: Address, env: str) -> None:
    alembic = {FROM_VARIABLE: {"url_env": "APP_DB"}, FROM_SETTING: {"url_setting": "app_settings:config.url"}}
    registry, identity = prepare(tmp_path, database, env=env, alembic=alembic.get(env, {}))
    (tmp_path / "services" / "app" / "app_settings.py").write_text("config = {'url': 'sqlite://'}\n")
    history = read_history(registry, "app")
    with connect(database) as look, session(registry, database, identity) as worker:
        assert worker.current() == ()
        for step, expected in (
            ("upgrade_one r1", ("r1",)),
            ("upgrade_one r2", ("r2",)),
            ("downgrade_one r2", ("r1",)),
            ("downgrade_one r1", ()),
            ("upgrade_one r1", ("r1",)),
        ):
            name, revision = step.split()
            done = getattr(worker, name)(revision)
            assert done.revision == revision
            assert read_versions(look, [history])["app"] == expected
            # the step is committed and nothing of the worker's is open: the engine may look, lock and clone
            open_transactions = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%'"
            assert look.value(open_transactions) == 0
        assert worker.stamp(("r2",)) == ("r2",)
        assert worker.current() == ("r2",)


@pytest.mark.parametrize("place", ["no_such_module:url", "json:no_such_name.url", "json:decoder.one.url"])
def test_a_setting_that_is_not_there_is_told(tmp_path: Path, database: Address, place: str) -> None:
    registry, identity = prepare(tmp_path, database, alembic={"url_setting": place})
    with (
        session(registry, database, identity) as worker,
        pytest.raises(Failed, match=f"{place} cannot be set: ") as told,
    ):
        worker.current()
    assert "postgresql" not in str(told.value)


def test_a_session_goes_on_after_a_failed_revision(tmp_path: Path, database: Address) -> None:
    bad = Rev(id="r3", up='op.execute("SELECT nope")')
    registry, identity = prepare(tmp_path, database, revisions=(*TWO, bad))
    with session(registry, database, identity) as worker:
        worker.upgrade_one("r1")
        worker.upgrade_one("r2")
        for _ in range(2):
            with pytest.raises(AegisError, match='"r3": upgrade failed'):
                worker.upgrade_one("r3")
            assert worker.current() == ("r2",)
        worker.downgrade_one("r2")


def test_revisions_are_loaded_ahead(tmp_path: Path, database: Address) -> None:
    registry, identity = prepare(tmp_path, database)
    file = next((tmp_path / "services").rglob("r2.py"))
    file.write_text(f"{file.read_text()}\nfrom pathlib import Path\nPath(__file__ + '.loaded').touch()\n")
    with session(registry, database, identity) as worker:
        worker.start(ahead=True)
        assert eventually(Path(f"{file}.loaded").exists)
        assert worker.current() == ()
        worker.upgrade_one("r1")
        assert worker.current() == ("r1",)


@pytest.mark.parametrize("ahead", [False, True])
@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("import no_such_package", "r2.py cannot be imported: No module named 'no_such_package'"),
        ("raise RuntimeError('not here')", "r2.py cannot be imported: not here (RuntimeError)"),
        ("raise SystemExit(3)", "r2.py cannot be imported: 3 (SystemExit)"),
    ],
)
def test_a_file_that_cannot_be_imported_is_named_and_not_the_step(
    tmp_path: Path, database: Address, line: str, told: str, *, ahead: bool
) -> None:
    """Alembic imports all files of a history for the first step."""
    registry, identity = prepare(tmp_path, database)
    file = next((tmp_path / "services").rglob("r2.py"))
    text = file.read_text()
    file.write_text(f"{text}\n{line}\n")
    with session(registry, database, identity) as worker:
        worker.start(ahead=ahead)
        assert worker.current() == ()
        with pytest.raises(Failed) as failed:
            worker.upgrade_one("r1")
        assert (failed.value.code, failed.value.where) == ("import", f"{file}:{len(text.splitlines()) + 2}")
        assert told in failed.value.message
        assert failed.value.hint
    with session(registry, database, None) as offline, pytest.raises(Failed, match=r"r2\.py cannot be imported"):
        offline.render_sql((), ("r1",), "upgrade")


def test_offline_sql_is_what_psql_runs(tmp_path: Path, database: Address) -> None:
    registry, identity = prepare(tmp_path, database, env="async")
    with session(registry, database, None) as worker:
        script = worker.render_sql((), ("r1", "r2"), "upgrade")
    write(tmp_path / "up.sql", script)
    argv = [str(binary("psql", BIN)), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(tmp_path / "up.sql")]
    done = subprocess.run(
        [*argv, "-h", database.host, "-p", str(database.port), "-U", database.user, database.database],
        env={"PGPASSWORD": PASSWORD},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with connect(database) as conn:
        assert read_versions(conn, [read_history(registry, "app")]) == {"app": ("r2",)}
        default = "SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef"
        assert conn.value(default) == "'100%: ''x'''::text"
    with session(registry, database, identity) as worker:
        assert worker.current() == ("r2",)


@pytest.mark.parametrize(
    "body",
    [
        'for row in op.get_bind().execute(sa.text("SELECT id FROM app_t")): pass',
        'op.get_bind().execute(sa.text("SELECT 1")).scalar()',
        "sa.inspect(op.get_bind())",
        'op.get_bind().scalar(sa.text("SELECT 1"))',
    ],
)
def test_fault_24_a_revision_that_reads_is_not_rendered(tmp_path: Path, database: Address, body: str) -> None:
    registry, _ = prepare(tmp_path, database, revisions=(*TWO, Rev(id="r3", up=body, message="move rows")))
    with session(registry, database, None) as worker:
        with pytest.raises(Failed) as caught:
            worker.render_sql((), ("r1", "r2", "r3"), "upgrade")
        assert caught.value.exit_code == 1
        assert 'app: r3 "move rows" reads the database, cannot be rendered offline' in caught.value.message
        assert worker.render_sql((), ("r1",), "upgrade").count("CREATE TABLE app_t") == 1


def test_a_service_in_its_own_schema(tmp_path: Path, database: Address) -> None:
    registry, identity = prepare(tmp_path, database, schema="apps")
    with connect(database) as conn:
        conn.execute("CREATE TABLE app_t (other int)")
        apply_histories(registry, database, identity, options=UNRECORDED)
        assert conn.value("SELECT to_regclass('apps.app_t')") is not None
        assert conn.value("SELECT to_regclass('apps.alembic_version_app')") is not None
        assert conn.value("SELECT to_regclass('alembic_version_app')") is None
        assert read_versions(conn, [read_history(registry, "app")]) == {"app": ("r2",)}
    with session(registry, database, identity) as worker:
        worker.downgrade_one("r2")
        worker.downgrade_one("r1")
    with connect(database) as conn:
        assert conn.value("SELECT to_regclass('public.app_t')") is not None


@pytest.mark.parametrize("kind", ["sql", "callable"])
def test_a_base_that_the_history_did_not_make(tmp_path: Path, database: Address, kind: str) -> None:
    base = ["services/app/base.sql"] if kind == "sql" else "ground:make"
    home = tmp_path / "services" / "app"
    write(home / "base.sql", "CREATE TABLE app_t (id bigint);\n")
    write(
        home / "ground.py",
        "import sqlalchemy as sa\n\ndef make(url):\n    with sa.create_engine(url).begin() as c:\n"
        "        c.execute(sa.text('CREATE TABLE app_t (id bigint)'))\n",
    )
    registry, identity = prepare(tmp_path, database, schema="apps", more={"base": base, "stamp": "r1"})
    done = apply_histories(registry, database, identity, options=UNRECORDED)
    assert [step.revision for step in done] == ["r2"]
    assert apply_histories(registry, database, identity, options=UNRECORDED) == ()
    with connect(database) as conn:
        assert (
            conn.value("SELECT count(*) FROM pg_attribute WHERE attrelid = 'apps.app_t'::regclass AND attnum > 0") == 2
        )


def test_a_service_with_a_runner_needs_no_aegisdb(tmp_path: Path, database: Address) -> None:
    runner = tmp_path / "runner"
    runner.write_text(f'#!/bin/sh\nshift\nexec {sys.executable} "$@"\n')
    runner.chmod(0o755)
    registry, identity = prepare(tmp_path, database, runner=(str(runner),))
    assert [step.revision for step in apply_histories(registry, database, identity, options=UNRECORDED)] == ["r1", "r2"]


def test_env_py_without_models_says_what_failed(tmp_path: Path, database: Address) -> None:
    registry, identity = prepare(tmp_path, database, models="import does_not_exist\n")
    with session(registry, database, identity) as worker, pytest.raises(Failed) as caught:
        worker.current()
    assert "No module named 'does_not_exist'" in caught.value.message
    assert "env.py" in caught.value.where


def test_the_password_is_in_no_argument_list(tmp_path: Path, database: Address) -> None:
    body = "import pathlib\nassert 'C4n' not in pathlib.Path('/proc/self/cmdline').read_text()"
    body += "\nassert 'C4n' not in pathlib.Path('/proc/self/environ').read_text()"
    registry, identity = prepare(tmp_path, database, revisions=(Rev(id="r1", up=body),), alembic={"url_env": "APP_DB"})
    assert len(apply_histories(registry, database, identity, options=UNRECORDED)) == 1
