"""Histories of others, statement by statement: after each, a quick reading of the schema says what a full one says."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from aegisdb.fingerprint import read
from aegisdb.fingerprint.following import Follower
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from tests.environments import virtual_environment
from tests.fingerprint.test_following import wrong
from tests.invoke import ROOT
from tests.realworld.test_third_party import LOCATIONS, PACKAGES

pytestmark = [pytest.mark.realworld, pytest.mark.timeout(900)]

_RUN = """\
import contextlib, os, sys
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, event

told, answers = os.fdopen(int(sys.argv[3]), "w", 1), os.fdopen(int(sys.argv[4]))
url = os.environ["THE_URL"]


def up():
    command.upgrade(config, "head")


def down():
    # a downgrade that is broken, or that is none, ends the way: docs/third-party.md lists them
    with contextlib.suppress(Exception):
        while True:
            command.downgrade(config, "-1")


def ground(base):
    base.metadata.create_all(create_engine(url))


@event.listens_for(Engine, "after_cursor_execute")
def wait(conn, cursor, statement, parameters, context, executemany):
    if statement.lstrip()[:6].upper() == "SELECT":
        return
    conn.connection.dbapi_connection.commit()
    print(" ".join(statement.split()), file=told)
    answers.readline()


config = Config(sys.argv[5])
config.set_main_option("script_location", sys.argv[1])
config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
exec(sys.argv[2])
"""
_INI = ROOT / "aegisdb/runtime/worker/stand_in.ini"
"""Some env.py read how to log from Alembic's own file."""
WAYS = {
    "optuna": ("up(); down(); up()", 40),
    "mlflow": (
        "from mlflow.store.tracking.dbmodels.initial_models import Base; ground(Base); up(); down()",
        300,
    ),
    "jupyterhub": ("from jupyterhub.orm import Base; ground(Base); command.stamp(config, 'head'); down(); up()", 40),
}
"""What runs, and how many statements it has at least."""


@pytest.mark.parametrize("name", WAYS)
def test_a_quick_reading_is_the_full_one_after_every_statement(
    database: Address, pytestconfig: pytest.Config, name: str
) -> None:
    python = virtual_environment(pytestconfig, "third-party", *PACKAGES)
    way, least = WAYS[name]
    url = database.url().replace("postgresql://", "postgresql+psycopg://")
    count = 0
    with connect(database) as reader:
        follower = Follower(reader)
        follower.read()
        for count, statement in enumerate(_each(python, url, LOCATIONS[name], way), 1):
            # as a proof does, at times from the reading before the last one
            found = wrong(follower.read(undone=count % 3 == 0), read(reader))
            assert found == [], statement
        assert follower.quick > count // 2
    assert count >= least


def _each(python: Path, url: str, location: str, way: str) -> Iterator[str]:
    """Run them; each statement is told when it has been committed, and the next one waits until this is taken up."""
    told, tell = os.pipe()
    heard, answer = os.pipe()
    argv = [str(python), "-c", _RUN, location, way, str(tell), str(heard), str(_INI)]
    env = {**os.environ, "THE_URL": url}
    with subprocess.Popen(
        argv, env=env, pass_fds=(tell, heard), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as process:
        os.close(tell)
        os.close(heard)
        with os.fdopen(told) as lines, os.fdopen(answer, "w", 1) as answers:
            for line in lines:
                yield line
                print(file=answers)
        _, errors = process.communicate()
    assert process.returncode == 0, errors.decode()[-2000:]
