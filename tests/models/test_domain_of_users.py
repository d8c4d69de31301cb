"""A domain that no `owns` names is its users': so are its constraints."""

from __future__ import annotations

from pathlib import Path

from aegisdb.postgres.address import Address
from tests.invoke import invoke
from tests.monorepo import Rev, Svc, build_monorepo

MODELS = """
from sqlalchemy.dialects.postgresql import DOMAIN


class Person(Base):
    __tablename__ = "shop_people"
    id: Mapped[int] = mapped_column(primary_key=True)
    mail: Mapped[str] = mapped_column(DOMAIN("e.mail", sa.Text(), check="VALUE <> 'y'"))
"""
UP = """op.execute('''CREATE DOMAIN "e.mail" AS text CHECK (VALUE <> 'x')''')
op.execute('CREATE TABLE shop_people (id serial PRIMARY KEY, mail "e.mail" NOT NULL)')"""
DOWN = """op.execute('DROP TABLE shop_people')
op.execute('DROP DOMAIN "e.mail"')"""


def test_another_check_of_it_is_a_difference_and_is_written(tmp_path: Path, database: Address) -> None:
    shop = Svc(revisions=(Rev(id="s1", up=UP, down=DOWN),), models=MODELS)
    root = build_monorepo(tmp_path, {"shop": shop, "other": Svc()}, url=database.url())
    assert invoke("migrate.apply", cwd=root).code == 0
    ran = invoke("migrate.verify", "--format", "json", cwd=root)
    (told,) = ran.json["errors"]
    assert (told["code"], told["where"]) == ("models", 'constraint public."e.mail"."e.mail_check"')
    assert invoke("migrate.new", "--service", "shop", "-m", "let x be a mail", cwd=root).code == 0
    assert invoke("migrate.apply", cwd=root).code == 0
    assert invoke("migrate.verify", cwd=root).code == 0
