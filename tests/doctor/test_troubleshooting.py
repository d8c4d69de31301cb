"""The wiki's troubleshooting table: each row is made, seen with plain alembic, diagnosed, fixed by what is printed."""

from __future__ import annotations

import pytest

from tests.doctor.clinic import Clinic, execute
from tests.running import versions

LATER = """
class Order(Base):
    __tablename__ = "shop_orders"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
"""


def lose(healthy: Clinic, place: str) -> None:
    """Make s2 a revision that is applied and has no file."""
    if place == "deleted in git":
        healthy.commit()
        healthy.file("s2").unlink()
        healthy.commit()
    elif place == "another branch":
        late = healthy.file("s2").read_text()
        healthy.file("s2").unlink()
        healthy.commit()
        healthy.git("switch", "-q", "-c", "feature/price")
        healthy.file("s2").write_text(late)
        healthy.commit()
        healthy.git("switch", "-q", "main")
    else:
        healthy.file("s2").unlink()


@pytest.mark.parametrize(
    ("place", "cause", "command"),
    [
        ("deleted in git", "was deleted", "git checkout "),
        ("another branch", "from branch feature/price", "git switch feature/price"),
        ("the journal", "was deleted", "invoke migrate.log --service shop --show s2 --output "),
    ],
)
def test_cant_locate_revision(healthy: Clinic, place: str, cause: str, command: str) -> None:
    was = healthy.file("s2").read_text()
    lose(healthy, place)
    code, said = healthy.alembic("current")
    assert code != 0
    assert "Can't locate revision identified by 's2'" in said
    assert "drift" not in healthy.names(), "what the lost revision made is not told as made by hand"
    found = healthy.finding("unknown_revision")
    assert cause in found["cause"]
    assert found["command"].startswith(command)
    healthy.type(found["command"])
    assert healthy.file("s2").read_text() == was
    assert healthy.names() == []


def test_cant_locate_revision_of_which_nothing_is_left(healthy: Clinic) -> None:
    execute(healthy.address, "UPDATE alembic_version_shop SET version_num = 'mystery'")
    found = healthy.finding("unknown_revision")
    assert "never committed" in found["cause"]
    assert found["command"] == "invoke migrate.stamp --service shop --revision s2"
    fixed = healthy.doctor("--fix")
    assert fixed["exit_code"] == 6, "a stamp is never set by itself"
    assert versions(healthy.address, "shop") == ["mystery"]
    healthy.type(found["command"])
    assert versions(healthy.address, "shop") == ["s2"]
    assert healthy.names() == []


def test_cant_locate_revision_that_another_file_revises(healthy: Clinic) -> None:
    healthy.commit()
    healthy.file("s1").unlink()
    code, said = healthy.alembic("history")
    assert code != 0
    assert "s1" in said
    found = healthy.finding("broken_history")
    assert "s1" in found["evidence"][0]
    healthy.type(found["command"])
    assert healthy.names() == []


@pytest.mark.parametrize("way", ["the printed command", "--fix"])
def test_relation_already_exists(healthy: Clinic, way: str) -> None:
    execute(healthy.address, "DROP TABLE alembic_version_shop; DROP SCHEMA aegisdb CASCADE")
    code, said = healthy.alembic("upgrade", "head")
    assert code != 0
    assert 'relation "shop_items" already exists' in said
    found = healthy.finding("exists_already")
    assert "before Alembic" in found["cause"]
    assert found["command"] == "invoke migrate.stamp --service shop --revision s2"
    assert "behind" not in healthy.names(), "migrate.apply would fail"
    if way == "--fix":
        fixed = healthy.doctor("--fix")
        assert [m["proof"] for m in fixed["result"]["fixed"]] == ["looked for again: gone"]
        assert fixed["exit_code"] == 0
    else:
        healthy.type(found["command"])
        assert healthy.names() == []
    assert versions(healthy.address, "shop") == ["s2"]
    assert healthy.alembic("upgrade", "head")[0] == 0


def test_relation_already_exists_at_an_older_revision(healthy: Clinic) -> None:
    execute(healthy.address, "TRUNCATE alembic_version_shop; ALTER TABLE shop_items DROP price")
    found = healthy.finding("exists_already")
    assert found["fix"] == "", "the journal says s2: a person must judge"
    assert found["command"] == "invoke migrate.stamp --service shop --revision s1"
    healthy.type(found["command"])
    behind = healthy.finding("behind")
    healthy.type(behind["command"])
    assert healthy.names() == []


def test_target_database_is_not_up_to_date(healthy: Clinic) -> None:
    assert healthy.invoke("migrate.rollback", "--service", "shop").code == 0
    code, said = healthy.alembic("check")
    assert code != 0
    assert "Target database is not up to date" in said
    found = healthy.finding("behind")
    assert found["evidence"] == ["the database is at s1", "s2 price"]
    assert healthy.doctor("--fix")["exit_code"] == 6, "doctor never migrates"
    healthy.type(found["command"])
    assert healthy.names() == []
    assert "Target database is not up to date" not in healthy.alembic("check")[1]


def autogenerated(healthy: Clinic) -> str:
    """What plain alembic makes of the models: the operations of a new revision, which is removed."""
    code, said = healthy.alembic("revision", "--autogenerate", "-m", "probe")
    assert code == 0, said
    (file,) = (healthy.shop / "alembic" / "versions").glob("*_probe.py")
    text = file.read_text()
    file.unlink()
    return text.partition("def upgrade")[2].partition("def downgrade")[0]


def test_no_changes_detected_as_a_module_is_never_imported(healthy: Clinic) -> None:
    package = healthy.shop / "shop"
    package.mkdir()
    (package / "orders.py").write_text(f"import sqlalchemy as sa\nfrom models import *\n{LATER}")
    assert "shop_orders" not in autogenerated(healthy)
    found = healthy.finding("unseen_models")
    assert found["subject"] == "shop shop.orders"
    assert "shop_orders" in found["what"]
    assert "imports no module that imports shop.orders" in found["cause"]
    assert found["evidence"] == ["services/shop/shop/orders.py:5 defines shop_orders"]
    healthy.type(found["command"])
    assert healthy.names() == ["models"], "now they are seen, and no revision makes them"
    assert "shop_orders" in autogenerated(healthy)


def test_no_changes_detected_as_there_is_no_metadata(healthy: Clinic) -> None:
    env_py = healthy.shop / "alembic" / "env.py"
    text = env_py.read_text().replace("import models\n", "target_metadata = None\n")
    env_py.write_text(text.replace("target_metadata=models.Base.metadata", "target_metadata=target_metadata"))
    code, said = healthy.alembic("revision", "--autogenerate", "-m", "probe")
    assert code != 0
    assert "metadata" in said.lower()
    found = healthy.finding("unseen_models") if "unseen_models" in healthy.names() else healthy.finding("no_metadata")
    assert found["check"] == "no_metadata"
    assert "template of alembic init" in found["cause"]
    healthy.type(found["command"])
    assert healthy.names() == []
    assert "from models import Base" in env_py.read_text()
    (healthy.shop / "models.py").write_text((healthy.shop / "models.py").read_text() + LATER)
    assert "shop_orders" in autogenerated(healthy)


def test_tables_on_another_metadata_are_told_as_that(healthy: Clinic) -> None:
    source = (healthy.shop / "models.py").read_text()
    other = "\nclass Other(DeclarativeBase):\n    pass\n" + LATER.replace("(Base)", "(Other)")
    (healthy.shop / "models.py").write_text(source + other)
    found = healthy.finding("unseen_models")
    assert "on another MetaData" in found["cause"]
