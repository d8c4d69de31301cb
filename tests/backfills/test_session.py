"""What a backfill leaves of its settings in a session that somebody keeps."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext

import aegisdb
from aegisdb.backfills import BackfillStopped
from aegisdb.postgres.address import Address
from tests.backfills.project import TABLE, fill, run

revision, down_revision = "b2", "b1"  # a backfill asks the file that calls it
SETTINGS = ("enable_seqscan", "lock_timeout", "synchronous_commit", "DateStyle", "extra_float_digits")


@pytest.mark.parametrize("fails", [False, True])
def test_a_pool_gets_no_session_with_its_settings(database: Address, *, fails: bool) -> None:
    run(database, TABLE, f"ALTER DATABASE {database.database} SET datestyle = 'SQL, DMY'")
    fill(database, 100)
    engine = sa.create_engine(database.url().replace("postgresql://", "postgresql+psycopg://", 1), pool_size=1)
    shown = sa.text("SELECT " + ", ".join(f"current_setting('{name}')" for name in SETTINGS))
    with engine.connect() as connection:
        before = connection.execute(shown).one()
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"transaction_per_migration": True})
        with Operations.context(context):
            backfill(context, set="y = 1 / (x - 50)" if fails else "y = 2 * x", fails=fails)
    with engine.connect() as connection:
        assert connection.execute(shown).one() == before
    engine.dispose()


def backfill(context: MigrationContext, *, set: str, fails: bool) -> None:  # noqa: A002
    if not fails:
        with context.begin_transaction(_per_migration=True):
            aegisdb.backfill("a_1", set=set, where="y IS NULL")
        return
    with pytest.raises(BackfillStopped, match="the row with id = 50 cannot be changed: division by zero"):  # noqa: SIM117
        with context.begin_transaction(_per_migration=True):
            aegisdb.backfill("a_1", set=set, where="y IS NULL")
