"""`migrate.compat` makes rows of tables whose columns, domains and partitions want more than a text or a number."""

from __future__ import annotations

from pathlib import Path

from aegisdb.postgres.address import Address
from tests.invoke import invoke
from tests.lint.repository import commit, git
from tests.monorepo import Rev, Svc, build_monorepo, write_revision
from tests.workflows.migrate.compat_shop import sql

MODELS = """
import datetime as dt

from sqlalchemy.dialects import postgresql as pg


class Place(sa.types.UserDefinedType):
    cache_ok = True

    def get_col_spec(self, **kw):
        return "point"


class Domain(Base):
    __tablename__ = "app_domains"
    id: Mapped[int] = mapped_column(primary_key=True)
    mail: Mapped[str] = mapped_column(pg.DOMAIN("app_mail", sa.Text()))
    flags: Mapped[str] = mapped_column(pg.BIT(4))


class Slot(Base):
    __tablename__ = "app_slots"
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(sa.ForeignKey("app_domains.id"))
    room: Mapped[int]
    during = mapped_column(pg.TSTZRANGE, nullable=False)
    days = mapped_column(pg.DATEMULTIRANGE, nullable=False)
    spot = mapped_column(Place, nullable=False)


class Event(Base):
    __tablename__ = "app_events"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    day: Mapped[dt.date] = mapped_column(primary_key=True)


class Part(Base):
    __tablename__ = "app_parts"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    left: Mapped[int | None]
    right: Mapped[int | None] = mapped_column("Right")
"""
MADE = (
    "CREATE DOMAIN app_mail AS text CHECK (VALUE ~ '^[^@]+@[^@]+$')",
    "CREATE TABLE app_domains (id serial PRIMARY KEY, mail app_mail NOT NULL, flags bit(4) NOT NULL)",
    (
        "CREATE TABLE app_slots (id serial PRIMARY KEY, account_id int NOT NULL REFERENCES app_domains, room int NOT"
        " NULL, during tstzrange NOT NULL CHECK (NOT isempty(during)), days datemultirange NOT NULL, spot point NOT"
        " NULL, CONSTRAINT alone EXCLUDE USING gist (int4range(room, room, '[]') WITH &&, during WITH &&))"
    ),
    "CREATE TABLE app_events (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day)",
    'CREATE TABLE app_parts (id int PRIMARY KEY, "left" int, "Right" int) PARTITION BY HASH (id)',
)
TABLES = ("app_domains", "app_slots", "app_events", "app_parts")


def _changed(root: Path, database: Address, *statements: str) -> tuple[set[str], list[tuple[str, str]]]:
    """What breaks, and what was not settled, once these statements are a new revision."""
    build_monorepo(root, {"app": Svc(revisions=(Rev(id="a1", up=sql(*MADE)),), models=MODELS)}, url=database.url())
    commit(root, "deployed")
    git(root, "switch", "-q", "-c", "feature")
    write_revision(root / "services" / "app", Rev(id="a2", up=sql(*statements)), "a1")
    ran = invoke("migrate.compat", "--format", "json", cwd=root)
    (service,) = ran.json["services"]
    unsettled = [(one["subject"], one["why"]) for one in service["unsettled"]]
    return {one["message"].split()[2].strip(":") for one in ran.json["errors"]}, unsettled


def test_a_column_that_old_code_does_not_write_is_found_whatever_the_others_hold(
    tmp_path: Path, database: Address
) -> None:
    broken, unsettled = _changed(tmp_path, database, *(f"ALTER TABLE {one} ADD level int NOT NULL" for one in TABLES))
    assert broken == {f"public.{one}.level" for one in TABLES}
    assert unsettled == []


def test_a_rule_that_nothing_meets_is_told_and_what_it_bears_is_not(tmp_path: Path, database: Address) -> None:
    broken, unsettled = _changed(
        tmp_path,
        database,
        'ALTER TABLE app_parts ADD CONSTRAINT alike UNIQUE (id, "left")',
        'ALTER TABLE app_parts ADD CONSTRAINT "Over" CHECK ("Right" > 0)',
        "ALTER TABLE app_parts ADD other int REFERENCES app_domains (id)",
        "ALTER TABLE app_parts ADD CONSTRAINT next_to CHECK (other <> 3)",
        "ALTER TABLE app_slots RENAME CONSTRAINT alone TO lonely",
        *(f"ALTER TABLE {one} ADD note text" for one in TABLES),
    )
    assert broken == set()
    assert [(subject, why.partition("the new rule ")[2].partition(" (")[0]) for subject, why in unsettled] == [
        ("public.app_parts", "Over"),
        ("public.app_parts", "alike"),
    ]
