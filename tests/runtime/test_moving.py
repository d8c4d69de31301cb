"""A session that goes on with another database in the same process."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from aegisdb.registry import load
from aegisdb.revisions.load import read_history
from aegisdb.runtime.session import Session
from aegisdb.runtime.step_options import UNRECORDED
from tests.monorepo import SYNC, Rev, Svc, build_monorepo, table
from tests.running import eventually

pytestmark = pytest.mark.usefixtures("either_worker")

HISTORY = (Rev(id="r1", up=table("app_t"), down='op.drop_table("app_t")'),)
CACHED = SYNC.replace(
    'engine = engine_from_config(section, prefix="sqlalchemy.", poolclass=pool.NullPool)', "engine = models.ENGINE"
)
"""As services do: the engine is made from a variable when the module is imported, once for the process."""
MODELS = 'import os\n\nENGINE = sa.create_engine(os.environ["APP_DB"], poolclass=sa.pool.NullPool)\n'


@pytest.mark.parametrize("cached", [False, True], ids=["config", "engine made at import"])
def test_a_session_moves_to_another_database(
    tmp_path: Path, database: Address, base_database: Address, *, cached: bool
) -> None:
    service = Svc(revisions=HISTORY, env=CACHED, models=MODELS, alembic={"url_env": "APP_DB"}) if cached else None
    build_monorepo(tmp_path, {"app": service or Svc(revisions=HISTORY)}, url=database.url())
    registry = load(tmp_path / "services.yaml", {})
    with connect(database) as one, connect(base_database) as two:
        history = read_history(registry, "app")
        with Session(registry, history, database, one.identity(), UNRECORDED) as session:
            session.upgrade_one("r1")
            session.release()
            with connect(database.with_database("postgres")) as look:
                using = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND application_name LIKE %s"
                assert eventually(lambda: look.value(using, (database.database, "aegisdb worker%")) == 0)
            session.move(base_database, two.identity())
            assert session.current() == ()
            session.upgrade_one("r1")
            session.downgrade_one("r1")
        assert one.value("SELECT to_regclass('app_t')") is not None
        assert two.value("SELECT to_regclass('app_t')") is None


def test_a_type_is_created_once_a_run_and_again_after_a_downgrade(tmp_path: Path, database: Address) -> None:
    """Alembic remembers created types for one command: optuna's second `sa.Enum` of a name relies on it."""
    make = 'op.create_table("app_{0}", sa.Column("m", sa.Enum("a", name="app_mood")))'
    drop = 'op.drop_table("app_{0}"){1}'
    revisions = (
        Rev(id="r1", up=make.format("t"), down=drop.format("t", '; op.execute("DROP TYPE app_mood")')),
        Rev(id="r2", up=make.format("u"), down=drop.format("u", "")),
    )
    build_monorepo(tmp_path, {"app": Svc(revisions=revisions)}, url=database.url())
    registry = load(tmp_path / "services.yaml", {})
    with (
        connect(database) as conn,
        Session(registry, read_history(registry, "app"), database, conn.identity(), UNRECORDED) as session,
    ):
        for step in ("upgrade_one", "downgrade_one", "upgrade_one"):
            for revision in ("r1", "r2") if step == "upgrade_one" else ("r2", "r1"):
                getattr(session, step)(revision)
    with psycopg.connect(database.url()) as plain:
        assert plain.execute("SELECT count(*) FROM pg_type WHERE typname = 'app_mood'").fetchone() == (1,)
