"""Something stops `migrate.new` after it wrote the revision: whoever typed it is told that the file is there."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from aegisdb.errors import AegisError, Busy, Failed, Interrupted, Unreachable
from aegisdb.postgres.address import Address
from aegisdb.workflows.migrate import roundtrip
from aegisdb.workflows.migrate.new import new_revision
from aegisdb.workspace import open_workspace
from tests.monorepo import Rev, Svc, build_monorepo, table
from tests.running import SLEEP, eventually, start

MODELS = """
class Item(Base):
    __tablename__ = "shop_items"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)


class More(Base):
    __tablename__ = "shop_more"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
"""


@pytest.fixture
def root(tmp_path: Path, database: Address) -> Path:
    shop = Svc(revisions=(Rev(id="s1", up=table("shop_items"), down='op.drop_table("shop_items")'),), models=MODELS)
    return build_monorepo(tmp_path, {"shop": shop}, url=database.url())


def _files(root: Path) -> list[Path]:
    return sorted((root / "services/shop/alembic/versions").glob("*_add_*.py"))


@pytest.mark.parametrize(
    ("stopped", "told"),
    [
        (Busy("somebody is faster", hint="wait"), ("unproven", 1)),
        (Unreachable("it is gone", code="lost"), ("unproven", 1)),
        (Failed("a bad day", code="environment"), ("environment", 1)),
        (KeyboardInterrupt(), ("interrupted", 130)),
    ],
    ids=lambda one: type(one).__name__,
)
def test_the_file_is_named(
    root: Path, monkeypatch: pytest.MonkeyPatch, stopped: BaseException, told: tuple[str, int]
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise stopped

    monkeypatch.setattr(roundtrip, "roundtrip", stop)
    with pytest.raises(AegisError) as found:
        new_revision(open_workspace(cwd=root), "shop", "add more")
    (file,) = _files(root)
    assert f"{file.relative_to(root)} is written, pending and not proven" in found.value.message
    assert "invoke migrate.roundtrip --service shop" in found.value.hint
    assert "remove the file" in found.value.hint
    assert (found.value.code, found.value.exit_code) == told
    assert isinstance(found.value, Interrupted) == (told[0] == "interrupted")


def test_nothing_is_told_of_a_file_that_is_not_there(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from aegisdb.workflows.migrate import new

    def stop(*_: object, **__: object) -> None:
        raise Busy("somebody is faster")

    monkeypatch.setattr(new, "_made", stop)
    with pytest.raises(Busy) as found:
        new_revision(open_workspace(cwd=root), "shop", "add more")
    assert found.value.message == "somebody is faster"
    assert _files(root) == []


def test_ctrl_c_while_it_is_proven(root: Path) -> None:
    mako = root / "services/shop/alembic/script.py.mako"
    mako.write_text(mako.read_text().replace("def upgrade():", f"def upgrade():\n    {SLEEP}"))
    child = start(root, "migrate.new", "--service", "shop", "-m", "add more")
    assert eventually(lambda: bool(_files(root)))
    time.sleep(1)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    (file,) = _files(root)
    assert child.returncode == 130
    assert f"{file.relative_to(root)} is written, pending and not proven" in err
