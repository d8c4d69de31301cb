"""Runners without Poetry and uv: an interpreter, a wrapper, and what goes wrong; nothing is installed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from aegisdb import runners
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from tests.invoke import Ran, invoke
from tests.monorepo import SYNC, Rev, Svc, build_monorepo, table, write

ONE = Rev(id="r1", up=table("app_t"), down='op.drop_table("app_t")')
HIDDEN = Rev(id="r1", up=table("app_t"), head='import os\nassert "VIRTUAL_ENV" not in os.environ')
WRAPPER = '#!/bin/sh\nshift\nexec "{}" "$@"\n'


def apply(root: Path, database: Address, **service: object) -> Ran:
    build_monorepo(root, {"app": Svc(**{"revisions": (ONE,), **service})}, url=database.url())  # type: ignore[arg-type]
    return invoke("migrate.apply", cwd=root, env={"VIRTUAL_ENV": sys.prefix})


@pytest.mark.parametrize("kind", ["absolute", "relative", "wrapper", "command"])
def test_kinds_of_runner(tmp_path: Path, database: Address, kind: str) -> None:
    home = tmp_path / "services" / "app"
    home.mkdir(parents=True)
    wrapper = write(tmp_path / "some where" / "run", WRAPPER.format(sys.executable))
    wrapper.chmod(0o755)
    (home / ".venv").symlink_to(sys.prefix)
    runner = {
        "absolute": (sys.executable,),
        "relative": (".venv/bin/python",),
        "wrapper": (str(wrapper),),
        "command": ("env", "TZ=UTC", sys.executable),
    }[kind]
    ran = apply(tmp_path, database, runner=runner, revisions=(HIDDEN,))
    assert ran.code == 0, ran.err
    with connect(database) as conn:
        assert conn.value("SELECT to_regclass('app_t')") is not None


@pytest.mark.parametrize(
    ("runner", "said", "hint"),
    [
        (("false",), "`false python` ended without starting Python", "requirements into the environment of `false`"),
        (("no-such-program", "run"), "cannot start no-such-program", "install no-such-program"),
        (("./not/there/python",), "cannot start", "correct `runner` in services.yaml"),
    ],
)
def test_a_runner_that_does_not_start(tmp_path: Path, database: Address, runner: object, said: str, hint: str) -> None:
    ran = apply(tmp_path, database, runner=runner)
    assert ran.code == 1
    assert said in ran.err
    assert hint in ran.last
    with connect(database) as conn:
        assert conn.value("SELECT to_regclass('app_t')") is None


@pytest.mark.parametrize("runner", [None, (sys.executable,)], ids=["here", "runner"])
def test_a_missing_module_is_told_with_what_to_do(tmp_path: Path, database: Address, runner: object) -> None:
    ran = apply(tmp_path, database, runner=runner, models="import does_not_exist\n")
    assert ran.code == 1
    assert "No module named 'does_not_exist'" in ran.last
    assert ("install the service's requirements" if runner else "`runner:` in services.yaml") in ran.last


def test_the_command_that_installs_fits_the_runner() -> None:
    home = Path("services/app")
    assert runners.how_to_install(("poetry", "run"), home) == "cd services/app && poetry install"
    assert runners.how_to_install(("/opt/bin/uv", "run", "--frozen"), home) == "cd services/app && uv sync"
    assert "pip" not in runners.how_to_install(("/usr/bin/python3.12",), home)


@pytest.mark.parametrize("runner", [None, (sys.executable,)], ids=["here", "runner"])
def test_a_history_in_a_package_is_found_without_importing_the_package(
    tmp_path: Path, database: Address, runner: object
) -> None:
    alembic = {"config": None, "script_location": "heavy.store:history"}
    build_monorepo(tmp_path, {"app": Svc(runner=runner, alembic=alembic)}, url=database.url())  # type: ignore[arg-type]
    home = tmp_path / "services" / "app"
    for package in ("heavy", "heavy/store"):
        write(home / package / "__init__.py", "raise RuntimeError('imported')\n")
    write(home / "heavy/store/history/env.py", "")
    write(home / "heavy/store/history/versions/one.py", "revision = 'one'\ndown_revision = None\n")
    ran = invoke("migrate.status", "--format", "json", cwd=tmp_path)
    assert ran.code == 0, ran.err
    assert ran.json["services"][0]["head"] == ["one"]


def test_env_py_that_wants_an_ini_file_gets_one(tmp_path: Path, database: Address) -> None:
    wants = "import logging.config\n\nfrom alembic import context\n\n"
    wants += "logging.config.fileConfig(context.config.config_file_name)\n"
    ran = apply(tmp_path, database, env=wants + SYNC, alembic={"config": None, "script_location": "alembic"})
    assert ran.code == 0, ran.err
