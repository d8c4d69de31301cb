"""An env.py that wants a connection from whoever runs Alembic, and one that can do without."""

from __future__ import annotations

from pathlib import Path

import pytest

from aegisdb.errors import Failed
from aegisdb.postgres.address import Address
from tests.monorepo import SYNC, Rev, table
from tests.runtime.test_session import prepare, session

WANTS = SYNC.replace(
    "def online():",
    """def online():
    given = config.attributes.get("connection", None)
    if given is None:
        raise Exception("No connection set in alembic config")
    migrate(given)


def unused():""",
)
ASKS = SYNC.replace("def online():", 'def online():\n    assert config.attributes.get("connection") is None')
RAISES = ASKS.replace("is None", "is None\n    raise ValueError('its own')")


@pytest.mark.parametrize("env", [WANTS, ASKS], ids=["wants", "asks"])
def test_who_gives_up_without_a_connection_gets_one(tmp_path: Path, database: Address, env: str) -> None:
    revision = Rev(id="a1", up=table("app_t"), down='op.execute("DROP TABLE app_t")')
    registry, identity = prepare(tmp_path, database, revisions=(revision,), env=env)
    with session(registry, database, identity) as worker:
        worker.upgrade_one("a1")
        worker.downgrade_one("a1")
        assert worker.current() == ()


def test_another_error_stays_what_it_is(tmp_path: Path, database: Address) -> None:
    registry, identity = prepare(tmp_path, database, env=RAISES)
    with session(registry, database, identity) as worker, pytest.raises(Failed, match="its own"):
        worker.current()
