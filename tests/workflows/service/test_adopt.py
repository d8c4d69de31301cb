"""service.adopt: what env.py tells about itself, without a database."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aegisdb.errors import AegisError
from aegisdb.workflows.service.adopt import service_adopt
from aegisdb.workspace import open_workspace
from tests.invoke import ROOT, Ran, invoke, started
from tests.registry.registries import SOUND

ENV = """
import os
from alembic import context
from sqlalchemy import Column, Enum, Integer, MetaData, Table

metadata = MetaData()
Table("legacy_a", metadata, Column("id", Integer, primary_key=True))
Table("legacy_b", metadata, Column("id", Integer, primary_key=True), Column("kind", Enum("x", name="mood")))
Table("orders", metadata, Column("id", Integer, primary_key=True))
print("noise on stdout")
URL = os.environ.get("LEGACY_DB_URL") or context.config.get_main_option("sqlalchemy.url")


def run():
    context.configure(url=URL, target_metadata=metadata, version_table="legacy_versions")
    context.run_migrations()


try:
    run()
except Exception:
    pass
"""


NOTES = ["orders is owned by shop already and was left out", "there is no revision yet in migrations/versions"]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A registry whose `shop` owns orders, and an unregistered history in `legacy`."""
    start = SOUND[: SOUND.index("services:")]
    (tmp_path / "services.yaml").write_text(f"{start}services:\n  shop:\n    path: shop\n    owns: [orders]\n")
    (tmp_path / "shop").mkdir()
    history(tmp_path / "legacy", ENV)
    return tmp_path


def history(home: Path, env: str) -> None:
    (home / "migrations" / "versions").mkdir(parents=True)
    (home / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s/migrations\n")
    (home / "migrations" / "env.py").write_text(env)


def adopt(cwd: Path, *words: str) -> tuple[Ran, dict[str, Any]]:
    ran = invoke("service.adopt", *words, "--format", "json", cwd=cwd)
    return ran, ran.json.get("result", {})


def test_version_table_tables_types_and_url_setting_are_found(repository: Path) -> None:
    ran, found = adopt(repository, "legacy")
    assert ran.code == 0, ran.err
    assert found["entry"] == (
        "  legacy:\n"
        "    path: legacy\n"
        "    alembic: {config: alembic.ini, version_table: legacy_versions, driver: psycopg, url_env: LEGACY_DB_URL}\n"
        '    owns: ["legacy_*", mood]\n'
    )
    assert found["notes"] == NOTES
    assert found["entry"] in (repository / "services.yaml").read_text()
    assert invoke("service.list", cwd=repository).code == 0


@pytest.mark.parametrize("service", ["identity", "orchestration-engine", "knowledge-graph"])
def test_the_services_of_this_repository_are_found_as_they_are_registered(tmp_path: Path, service: str) -> None:
    (tmp_path / "services.yaml").write_text(SOUND[: SOUND.index("services:")])
    shutil.copytree(ROOT / "services" / service, tmp_path / service, ignore=shutil.ignore_patterns("__pycache__"))
    ran, found = adopt(tmp_path, service, "--dry-run")
    assert ran.code == 0, ran.err
    registered = (ROOT / "services.yaml").read_text()
    assert f"version_table: {found['version_table']}, " in registered
    assert found["url_source"] == "DATABASE_URL"
    assert found["revisions"] == len(list((ROOT / "services" / service / "alembic" / "versions").glob("*.py")))
    assert found["tables"]
    assert service not in (tmp_path / "services.yaml").read_text()


@pytest.mark.parametrize(
    ("change", "url", "note"),
    [
        ('os.environ.get("LEGACY_DB_URL") or ', "sqlalchemy.url", ""),
        ('os.environ.get("LEGACY_DB_URL") or context.config.get_main_option("sqlalchemy.url")', "a place", "its URL"),
        ("target_metadata=metadata, ", "LEGACY_DB_URL", "no target_metadata"),
    ],
)
def test_what_a_person_should_look_at_is_told(repository: Path, change: str, url: str, note: str) -> None:
    env = repository / "legacy" / "migrations" / "env.py"
    left = '"postgresql+asyncpg://h/fixed"' if note == "its URL" else ""
    env.write_text(ENV.replace(change, left))
    ran, found = adopt(repository, "legacy")
    assert ran.code == 0, ran.err
    assert found["url_source"].startswith(url)
    assert note in " ".join(found["notes"])


def test_a_settings_class_is_found_as_the_source_of_the_url(repository: Path) -> None:
    (repository / "legacy" / "settings.py").write_text(
        "import os\nclass Settings:\n    shop_database_url: str = os.environ.get('SHOP_DATABASE' + '_URL', '')\n"
    )
    env = repository / "legacy" / "migrations" / "env.py"
    env.write_text(ENV.replace('os.environ.get("LEGACY_DB_URL")', "__import__('settings').Settings.shop_database_url"))
    _ran, found = adopt(repository, "legacy")
    assert found["url_source"] == "SHOP_DATABASE_URL"


def test_an_ini_file_one_level_down_is_found(repository: Path) -> None:
    history(repository / "deep" / "db", ENV.replace("legacy_", "deep_"))
    ran, found = adopt(repository, "deep")
    assert ran.code == 0, ran.err
    assert "config: db/alembic.ini" in found["entry"]


FLASK = (
    """
from flask import current_app, has_app_context

if not has_app_context():
    from wsgi import app
    app.app_context().push()
url = current_app.url
"""
    + ENV
)
FLASK_ITSELF = """
class App:
    url = "postgresql+psycopg2://"
    def app_context(self): return self
    def push(self): global current_app; current_app = self
class Outside:
    @property
    def url(self): raise RuntimeError("Working outside of application context.")
current_app = Outside()
def has_app_context(): return isinstance(current_app, App)
"""


def test_a_history_of_flask_migrate_is_adopted_where_its_application_is(repository: Path) -> None:
    home = repository / "legacy"
    (home / "alembic.ini").unlink()
    (home / "migrations" / "alembic.ini").write_text("[alembic]\n# file_template = %%(rev)s_%%(slug)s\n")
    (home / "flask.py").write_text(FLASK_ITSELF)
    (home / "wsgi.py").write_text("import flask\napp = flask.App()\n")
    without = FLASK.replace("if not has_app_context()", "if False")
    (home / "migrations" / "env.py").write_text(without)
    ran, _ = adopt(repository, "legacy")
    assert ran.code == 1
    assert "Working outside of application context" in ran.last
    assert "app.app_context().push()" in ran.last
    (home / "migrations" / "env.py").write_text(FLASK.replace("url = current_app.url\n", ""))
    (repository / "services.yaml").rename(repository / "before.yaml")
    assert invoke_init(repository).code == 0
    text = (repository / "services.yaml").read_text()
    assert "path: legacy\n" in text
    (repository / "before.yaml").rename(repository / "services.yaml")
    ran, found = adopt(repository, "legacy")
    assert ran.code == 0, ran.err
    assert "config: migrations/alembic.ini, script_location: migrations" in found["entry"]
    assert invoke("service.list", cwd=repository).code == 0


def invoke_init(root: Path) -> Ran:
    return started([sys.executable, "-m", "aegisdb.tasks", "init"], root, {})


def test_an_own_schema_is_registered(repository: Path) -> None:
    env = repository / "legacy" / "migrations" / "env.py"
    env.write_text(ENV.replace('version_table="legacy_versions"', 'version_table="v", version_table_schema="old"'))
    _ran, found = adopt(repository, "legacy")
    assert "    schema: old\n" in found["entry"]


@pytest.mark.child
@pytest.mark.parametrize(
    ("path", "name", "told"),
    [
        ("nowhere", "", "there is no directory nowhere"),
        ("shop", "store", "shop has no alembic.ini"),
        ("legacy", "shop", "a service is already called shop"),
        ("/", "", "is not below"),
        ("..", "", "is not below"),
        ("legacy", "a;b", "not usable as a service name"),
    ],
)
def test_what_cannot_be_adopted(
    repository: Path, monkeypatch: pytest.MonkeyPatch, path: str, name: str, told: str
) -> None:
    before = (repository / "services.yaml").read_text()
    monkeypatch.chdir(repository)
    with pytest.raises(AegisError, match=told) as caught:
        service_adopt(open_workspace(environ={}), path, name=name)
    assert caught.value.exit_code == 2
    assert (repository / "services.yaml").read_text() == before


def test_twice_is_refused(repository: Path) -> None:
    assert invoke("service.adopt", "legacy", cwd=repository).code == 0
    ran = invoke("service.adopt", "legacy", "--name", "other", cwd=repository)
    assert ran.code == 2
    assert "legacy is already registered as legacy" in ran.last
    ran = invoke("service.adopt", "legacy", cwd=repository)  # another name for the same service would not help
    assert "legacy is already registered as legacy" in ran.last


def test_an_env_py_that_does_not_run_is_told_with_its_error(repository: Path) -> None:
    (repository / "legacy" / "migrations" / "env.py").write_text("import nothing_like_this\n")
    ran = invoke("service.adopt", "legacy", cwd=repository)
    assert ran.code == 1
    assert "No module named 'nothing_like_this'" in ran.last
    assert "--runner" in ran.last


PLAIN = ENV.replace('version_table="legacy_versions"', "")
MAKES = (
    "revision = 'r1'\ndown_revision = None\ndef upgrade():\n    op.create_table('made', sa.Column('id', sa.Integer))\n"
)


@pytest.mark.parametrize("early", ["env.py is not run", ""], ids=["early", "the metadata tells more"])
def test_a_second_default_version_table_is_refused_with_what_was_found_and_the_way(
    repository: Path, early: str
) -> None:
    history(repository / "one", PLAIN.replace("legacy_", "one_"))
    history(repository / "two", PLAIN.replace("legacy_", "two_"))
    assert adopt(repository, "one")[0].code == 0
    if early:
        (repository / "two" / "migrations" / "versions" / "r1.py").write_text(MAKES)
        (repository / "two" / "migrations" / "env.py").write_text("raise SystemExit('never run')\n" + PLAIN)
    before = (repository / "services.yaml").read_text()
    ran, _ = adopt(repository, "two")
    assert ran.code == 2
    hint = ran.json["errors"][-1]["hint"]
    found = "found: 1 table (made), 1 revision" if early else "found: 2 tables (two_a, two_b), 0 revisions"
    assert f"{found}, version table alembic_version; --schema two gives it a schema of its own, or" in hint
    assert 'version_table="alembic_version_two"' in hint
    assert "    schema: two\n" in hint
    assert (repository / "services.yaml").read_text() == before
    (repository / "two" / "migrations" / "env.py").write_text(PLAIN)
    assert adopt(repository, "two", "--schema", "two")[0].code == 0, "as it was told"
    assert "    schema: two\n" in (repository / "services.yaml").read_text()
    assert invoke("service.list", cwd=repository).code == 0


@pytest.mark.parametrize("services", ["services: {}\n", "services:  # none yet\n"])
def test_a_registry_without_any_service_takes_the_first(repository: Path, services: str) -> None:
    registry = repository / "services.yaml"
    start = SOUND[: SOUND.index("services:")]
    registry.write_text(f"{start}{services}")
    ran, found = adopt(repository, "legacy")
    assert ran.code == 0, ran.err
    assert found["entry"] in registry.read_text()
    assert "legacy" in invoke("service.list", cwd=repository).out


APPLICATION = """
class Settings:
    def __init__(self):
        self.{name} = "postgresql://app:x@db.example/app"
        self.other = self.{name}


settings = Settings()
config = {{"URI": settings.{name}, "copy": settings.{name}}}
"""


@pytest.mark.parametrize(
    ("read", "place"),
    [
        ("application.settings.database", "application:settings.database"),
        ("application.config['URI']", "application:config.URI"),
        ("make_url(application.settings.other)", "application:settings.other"),
    ],
)
def test_an_object_of_the_application_that_holds_the_url_is_found(repository: Path, read: str, place: str) -> None:
    (repository / "legacy" / "application.py").write_text(APPLICATION.format(name="database"))
    env = ENV.replace('os.environ.get("LEGACY_DB_URL")', read)
    env = env.replace("import os\n", "import application\nfrom sqlalchemy import make_url\n")
    (repository / "legacy" / "migrations" / "env.py").write_text(env)
    ran, found = adopt(repository, "legacy")
    assert ran.code == 0, ran.err
    assert found["url_source"] == place
    assert f'url_setting: "{place}"' in found["entry"]
    assert invoke("service.list", cwd=repository).code == 0


INSISTS = """
given = context.config.attributes.get("connection")
if given is None:
    raise RuntimeError("No connection set in alembic config")
context.configure(connection=given, target_metadata=metadata)
"""
ONLINE = """
from sqlalchemy import create_engine

if context.is_offline_mode():
    raise NotImplementedError("no offline mode")
engine = create_engine(os.environ["LEGACY_DB_URL"].replace("postgresql:", "postgresql+psycopg:"))
with engine.connect() as connection:
    connection.execute("SET search_path TO x")
    context.configure(connection=connection, target_metadata=metadata)
"""


OLDER = """
from sqlalchemy import engine_from_config

URL = os.environ["LEGACY_DB_URL"]
if context.is_offline_mode():
    context.configure(url=URL)
    context.run_migrations()
else:
    engine = engine_from_config({"sqlalchemy.url": URL.replace("postgresql:", "postgresql+psycopg:")})
    context.configure(connection=engine.connect(), target_metadata=metadata)
"""


@pytest.mark.parametrize(
    ("run", "source"),
    [(INSISTS, 'config.attributes["connection"]'), (ONLINE, "LEGACY_DB_URL"), (OLDER, "LEGACY_DB_URL")],
    ids=["given", "online", "metadata only online"],
)
def test_an_env_py_that_insists_on_a_connection_gets_one_that_leads_nowhere(
    repository: Path, run: str, source: str
) -> None:
    start = ENV[: ENV.index("URL =")]
    (repository / "legacy" / "migrations" / "env.py").write_text(start + run)
    ran, found = adopt(repository, "legacy")
    assert ran.code == 0, ran.err
    assert (found["url_source"], found["tables"]) == (source, ["legacy_a", "legacy_b"])
    assert found["notes"] == NOTES


def test_of_an_env_py_without_offline_mode_the_reason_online_is_told(repository: Path) -> None:
    start = ENV[: ENV.index("URL =")]
    (repository / "legacy" / "migrations" / "env.py").write_text(
        start + "if context.is_offline_mode():\n    raise Exception('offline mode disabled')\n"
        "raise RuntimeError('no file of settings')\n"
    )
    ran, _ = adopt(repository, "legacy")
    assert ran.code == 1
    assert "env.py of legacy does not run: RuntimeError: no file of settings" in ran.last


def test_the_layout_of_init_t_pyproject_is_adopted(repository: Path) -> None:
    home = repository / "reports"
    home.mkdir()
    alembic = [sys.executable, "-m", "alembic", "init", "-t", "pyproject", "migrations"]
    subprocess.run(alembic, cwd=home, check=True, capture_output=True)
    ran, found = adopt(repository, "reports")
    assert ran.code == 0, ran.err
    assert found["version_table"] == "alembic_version"


def test_a_history_without_any_ini_is_adopted_by_its_env_py(repository: Path) -> None:
    (repository / "legacy" / "alembic.ini").unlink()
    ran, found = adopt(repository, "legacy")
    assert ran.code == 0, ran.err
    assert "alembic: {config: null, script_location: migrations, version_table: legacy_versions" in found["entry"]
    assert invoke("service.list", cwd=repository).code == 0


def test_an_env_py_that_raises_is_no_missing_requirement(repository: Path) -> None:
    (repository / "legacy" / "migrations" / "env.py").write_text("raise RuntimeError('no such luck')")
    ran, _ = adopt(repository, "legacy")
    assert ran.code == 1
    assert "no such luck" in ran.last
    assert "env.py:1: " in ran.last
    assert not [word for word in ("--runner", "install") if word in ran.last]


def test_a_history_inside_a_package_is_adopted_without_an_ini(repository: Path) -> None:
    home = repository / "tracking"
    (home / "parcel").mkdir(parents=True)
    (home / "parcel" / "__init__.py").write_text("")
    shutil.copytree(repository / "legacy" / "migrations", home / "parcel" / "history")
    env_py = home / "parcel" / "history" / "env.py"
    wants = "from logging.config import fileConfig\nfileConfig(context.config.config_file_name)\n"
    env_py.write_text(ENV.replace("metadata = MetaData()\n", f"{wants}metadata = MetaData()\n"))
    ran, found = adopt(repository, "tracking", "--script-location", "parcel:history")
    assert ran.code == 0, ran.err
    assert 'alembic: {config: null, script_location: "parcel:history", version_table: legacy_versions' in found["entry"]


REVISION = "revision = {!r}\ndown_revision = {!r}\n\ndef upgrade():\n    pass\n"


def in_folders(versions: Path) -> None:
    """A revision in each of two folders."""
    for folder, identifier, parent in (("2025", "x1", None), ("2026", "x2", "x1")):
        (versions / folder).mkdir(parents=True)
        (versions / folder / f"{identifier}.py").write_text(REVISION.format(identifier, parent))


def test_an_ini_file_of_the_package_says_where_its_revisions_are(repository: Path) -> None:
    home = repository / "tracking"
    (home / "parcel" / "store").mkdir(parents=True)
    for package in ("parcel", "parcel/store"):
        (home / package / "__init__.py").write_text("")
    shutil.copytree(repository / "legacy" / "migrations", home / "parcel" / "store" / "history")
    in_folders(home / "parcel" / "store" / "history" / "versions")
    ini = home / "parcel" / "alembic.ini"
    ini.write_text("[alembic]\nscript_location = store/history\nrecursive_version_locations = true\n")
    ran, found = adopt(repository, "tracking", "--script-location", "parcel.store:history")
    assert ran.code == 0, ran.err
    assert "recursive_version_locations: true" in found["entry"]
    assert found["revisions"] == len(("x1", "x2"))
    told = invoke("migrate.history", "--service", "tracking", cwd=repository)
    assert (told.code, "x2" in told.out) == (0, True), told.err


def test_folders_that_env_py_sets_itself_are_found(repository: Path) -> None:
    in_folders(repository / "legacy" / "migrations" / "postgresql")
    env = repository / "legacy" / "migrations" / "env.py"
    here = "__import__('pathlib').Path(__file__).parent"
    places = f"[str({here} / 'postgresql' / year) for year in ('2025', '2026')]"
    env.write_text(ENV.replace("def run():", f"context.script.version_locations = {places}\n\n\ndef run():"))
    ran, found = adopt(repository, "legacy")
    assert ran.code == 0, ran.err
    assert "version_locations: [migrations/postgresql/2025, migrations/postgresql/2026]" in found["entry"]
    assert found["revisions"] == len(("x1", "x2"))


@pytest.mark.parametrize(
    ("folders", "told"), [(True, "no revision is where Alembic looks"), (False, "no revision yet")]
)
def test_a_history_without_a_revision_is_told(repository: Path, folders: bool, told: str) -> None:  # noqa: FBT001
    if folders:
        in_folders(repository / "legacy" / "migrations" / "versions")
    ran, found = adopt(repository, "legacy")
    assert ran.code == 0, ran.err
    assert told in " ".join(found["notes"])


@pytest.mark.parametrize(
    ("settings", "variable"),
    [
        ("class Settings:\n    database_url: str\n    model_config = dict(env_prefix='shop_')", "SHOP_DATABASE_URL"),
        ("class Settings:\n    url: str\n    class Config:\n        env_prefix = 'DB_'", "DB_URL"),
        ("class Settings:\n    sql_alchemy_conn: str", "SQL_ALCHEMY_CONN"),
        (
            "class Settings:\n    app_url: str\nassert not {'REDIS_URL', 'SENTRY_DSN'} & os.environ.keys()",
            "APP_URL",
        ),
    ],
)
def test_a_variable_that_a_settings_object_reads_is_found(repository: Path, settings: str, variable: str) -> None:
    (repository / "legacy" / "settings.py").write_text(f"import os\n{settings}\nURL = os.environ.get({variable!r})\n")
    env = ENV.replace('os.environ.get("LEGACY_DB_URL")', "settings.URL").replace("import os\n", "import settings\n")
    (repository / "legacy" / "migrations" / "env.py").write_text(env)
    text = (
        (repository / "legacy" / "settings.py")
        .read_text()
        .replace(repr(variable), f"'{variable[:2]}' + '{variable[2:]}'")
    )
    (repository / "legacy" / "settings.py").write_text(text)
    ran, found = adopt(repository, "legacy", "--dry-run")
    assert ran.code == 0, ran.err
    assert found["url_source"] == variable
