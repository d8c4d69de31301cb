"""What env.py gives as `target_metadata` and is none: no upgrade looks at it, and no comparison ends by it."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from aegisdb.postgres.address import Address
from aegisdb.progress import Event
from aegisdb.revisions.load import read_history
from aegisdb.runtime.session import Session
from aegisdb.runtime.step_options import StepOptions
from aegisdb.runtime.worker.metadata import sorted_out
from tests.monorepo import SYNC, Rev, table
from tests.runtime.test_session import prepare

META = sa.MetaData()


@pytest.mark.parametrize(
    ("given", "kept", "names"),
    [
        (META, META, ()),
        (None, None, ()),
        ([META], [META], ()),
        ([META, Rev], [META], ("Rev",)),
        ((Rev, META, sa, None), [META], ("Rev", "sqlalchemy")),
        (Rev, None, ("Rev",)),
        ("models", None, ("an object of type str",)),
        ([Rev], None, ("Rev",)),
        ([], [], ()),
    ],
)
def test_what_alembic_can_compare_is_kept(given: object, kept: object, names: tuple[str, ...]) -> None:
    assert sorted_out(given) == (kept, names)


@pytest.mark.parametrize("given", ["[models.Base.metadata, models.Base]", "(models, models.Base.metadata)"])
def test_models_are_compared_without_it_and_it_is_told(tmp_path: Path, database: Address, given: str) -> None:
    env = SYNC.replace("target_metadata=models.Base.metadata", f"target_metadata={given}")
    models = (
        "class T(Base):\n    __tablename__ = 'app_t'\n"
        "    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)\n"
    )
    revision = Rev(id="a1", up=table("app_t"), down='op.execute("DROP TABLE app_t")')
    registry, identity = prepare(tmp_path, database, revisions=(revision,), models=models, env=env)
    told: list[Event] = []
    options = StepOptions(listen=told.append, journal=False)
    with Session(registry, read_history(registry, "app"), database, identity, options) as worker:
        worker.upgrade_one("a1")
        assert not [event for event in told if "MetaData" in event.note], "an upgrade does not look at it"
        assert (
            worker.propose(
                "check", {"own": (), "others": (), "nobody": (), "changed": [("app_t", ""), ("app_t", "id")]}, (), ""
            ).operations
            == ()
        )
    (remark,) = [event for event in told if "MetaData" in event.note]
    assert ("Base" if "Base]" in given else "models") in remark.note
