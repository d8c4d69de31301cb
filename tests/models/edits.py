"""Single edits of models: what each class said before, what it says now, and the object that has to be named.

`T` is the table's prefix. `EDITS` change the database, `EQUAL` do not.
"""

from __future__ import annotations

from typing import NamedTuple

HEAD = """\
import enum
from datetime import date, datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, Computed, Enum, ForeignKey, ForeignKeyConstraint, Identity, Index
from sqlalchemy import MetaData, Numeric, PrimaryKeyConstraint, Sequence, String, Table, Text, UniqueConstraint, text
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column, relationship
"""
BASE = "\n\nclass Base(DeclarativeBase):\n    pass\n"
CONVENTION = (
    "\n\nclass Base(DeclarativeBase):\n"
    '    metadata = MetaData(naming_convention={"uq": "uq_%(table_name)s_%(column_0_name)s", '
    '"ck": "ck_%(table_name)s_%(constraint_name)s", "fk": "fk_%(table_name)s_%(column_0_name)s", '
    '"pk": "pk_%(table_name)s"})\n'
)
ID = "    id: Mapped[int] = mapped_column(primary_key=True)\n"


class Edit(NamedTuple):
    """One edit; `names` has to be in what is told."""

    name: str
    before: str
    after: str
    names: str = ""


def item(*lines: str, args: str = "", more: str = "", base: str = BASE) -> str:
    """A module with one class `Item`."""
    body = "".join(f"    {line}\n" for line in lines)
    table_args = f"    __table_args__ = ({args},)\n" if args else ""
    return f'{HEAD}{base}{more}\n\nclass Item(Base):\n    __tablename__ = "T_items"\n{ID}{body}{table_args}'


def column(name: str, before: str, after: str, *, kind: str = "int", more: str = "") -> Edit:
    """Another definition of column `c`."""
    lines = [f"c: Mapped[{kind}] = mapped_column({one})" if one else "" for one in (before, after)]
    made = [item(*filter(None, [line]), more=more) for line in lines]
    return Edit(name, made[0], made[1], names="column public.T_items.c")


def argument(name: str, before: str, after: str, names: str, *lines: str) -> Edit:
    """Another entry of `__table_args__`."""
    told = lines or ("name: Mapped[str] = mapped_column(Text)", "number: Mapped[int]", "day: Mapped[date]")
    return Edit(name, item(*told, args=before), item(*told, args=after), names)


def enumeration(*values: str, name: str = "T_mood") -> tuple[str, str]:
    listed = ", ".join(repr(value) for value in values)
    return f"mood: Mapped[str | None] = mapped_column(Enum({listed}, name={name!r}))", listed


def moods(name: str, before: tuple[str, ...], after: tuple[str, ...]) -> Edit:
    """Other values of an enum."""
    return Edit(name, item(enumeration(*before)[0]), item(enumeration(*after)[0]), "type public.T_mood")


def domain(name: str, before: str, after: str) -> Edit:
    """Other options of a domain."""
    made = [item(f"c: Mapped[int] = mapped_column(pg.DOMAIN('T_small', sa.Integer, {one}))") for one in (before, after)]
    return Edit(name, made[0], made[1], "T_small")


PLACE = (
    '\n\nclass Place(Base):\n    __tablename__ = "T_places"\n'
    f"{ID}    code: Mapped[str] = mapped_column(Text, unique=True)\n"
)


def key(name: str, before: str, after: str, names: str = "T_items_place_id_fkey") -> Edit:
    """Another foreign key of `place_id`."""
    made = [item(f"place_id: Mapped[int | None] = mapped_column({one})", more=PLACE) for one in (before, after)]
    return Edit(name, made[0], made[1], names=names)


PLAIN = item("name: Mapped[str] = mapped_column(Text)")
CK = "T_items_name_check"

EDITS = (
    # columns
    column("column added", "", "sa.Integer, nullable=True", kind="int | None"),
    column("column removed", "sa.Integer, nullable=True", "", kind="int | None"),
    column("type wider", "sa.Integer", "sa.BigInteger"),
    column("type other", "sa.Integer", "Text, nullable=False"),
    column("length", "String(20)", "String(40)", kind="str"),
    column("no length", "String(20)", "Text", kind="str"),
    column("precision", "Numeric(10, 2)", "Numeric(12, 4)", kind="Decimal"),
    column("time zone", "sa.DateTime()", "sa.DateTime(timezone=True)", kind="datetime"),
    column("array", "pg.ARRAY(sa.Integer)", "pg.ARRAY(Text)", kind="list"),
    column("json", "pg.JSON", "pg.JSONB", kind="dict"),
    column("nullable", "sa.Integer, nullable=False", "sa.Integer, nullable=True"),
    column("not nullable", "sa.Integer, nullable=True", "sa.Integer, nullable=False"),
    column("default added", "sa.Integer", "sa.Integer, server_default='3'"),
    column("default removed", "sa.Integer, server_default='3'", "sa.Integer"),
    column("default other", "sa.Integer, server_default='3'", "sa.Integer, server_default='4'"),
    column("default rounded", "sa.Integer, server_default=text('2.5')", "sa.Integer, server_default=text('2')"),
    column(
        "type under a default of the database",
        "sa.Integer, server_default=sa.FetchedValue()",
        "sa.BigInteger, server_default=sa.FetchedValue()",
    ),
    column("default with a quote", "Text", 'Text, server_default="it\'s"', kind="str"),
    column("default function", "sa.DateTime, server_default=sa.func.now()", "sa.DateTime", kind="datetime"),
    column("default of a scale", "Numeric, server_default=text('0.0')", "Numeric, server_default=text('0.00')"),
    column(
        "default that looks like several facts",
        "Text, server_default='a; not null b'",
        "Text, server_default='a; not null c'",
        kind="str",
    ),
    column(
        "default that looks like more facts",
        "Text, server_default='a; storage b; c'",
        "Text, server_default='a; c'",
        kind="str",
    ),
    column("generated other", "Computed('id * 2', persisted=True)", "Computed('id * 3', persisted=True)"),
    column("generated added", "sa.Integer, nullable=True", "Computed('id * 2', persisted=True), nullable=True"),
    column("generated removed", "Computed('id * 2', persisted=True), nullable=True", "sa.Integer, nullable=True"),
    column("generated virtual", "Computed('id * 2', persisted=True)", "Computed('id * 2', persisted=False)"),
    column("identity added", "sa.Integer", "sa.Integer, Identity()"),
    column("identity always", "sa.Integer, Identity()", "sa.Integer, Identity(always=True)"),
    column("identity start", "sa.Integer, Identity()", "sa.Integer, Identity(start=100)")._replace(
        names="sequence of public.T_items.c"
    ),
    column("identity removed", "sa.Integer, Identity()", "sa.Integer"),
    column("collation", "Text", "Text(collation='C')", kind="str"),
    column("comment added", "Text", "Text, comment='free text'", kind="str"),
    column("comment other", "Text, comment='one'", "Text, comment='two'", kind="str"),
    column("comment removed", "Text, comment='one'", "Text", kind="str"),
    # enums and domains
    moods("enum value last", ("a", "b"), ("a", "b", "c")),
    moods("enum value first", ("a", "b"), ("0", "a", "b")),
    moods("enum value between", ("a", "c"), ("a", "b", "c")),
    moods("enum values removed", ("a", "b", "c"), ("a",)),
    moods("enum values in another order", ("a", "b"), ("b", "a")),
    moods("enum value renamed", ("a", "old"), ("a", "new")),
    Edit(
        "enum with its first column",
        PLAIN,
        item("name: Mapped[str] = mapped_column(Text)", enumeration("a")[0]),
        "T_mood",
    ),
    Edit("enum with another name", item(enumeration("a")[0]), item(enumeration("a", name="T_temper")[0]), "T_temper"),
    moods("enum value with a backslash", ("a",), ("a", "b\\c", "it's")),
    Edit(
        "enum value that is the default at once",
        item("mood: Mapped[str] = mapped_column(Enum('a', name='T_mood'), server_default='a')"),
        item("mood: Mapped[str] = mapped_column(Enum('a', 'b', name='T_mood'), server_default='b')"),
        "type public.T_mood",
    ),
    domain("domain default", "default='1'", "default='2'"),
    domain("domain default removed", "default='1'", ""),
    domain("domain not null", "", "not_null=True"),
    domain(
        "domain constraint renamed",
        "check='VALUE > 1', constraint_name='T_one'",
        "check='VALUE > 1', constraint_name='T_two'",
    ),
    Edit(
        "domain of another type",
        item("c: Mapped[int] = mapped_column(pg.DOMAIN('T_small', sa.Integer, check='VALUE < 10', default='1'))"),
        item("c: Mapped[int] = mapped_column(pg.DOMAIN('T_small', sa.BigInteger, check='VALUE < 10', default='1'))"),
        "T_small",
    ),
    Edit(
        "domain check",
        item("c: Mapped[int] = mapped_column(pg.DOMAIN('T_small', sa.Integer, check='VALUE < 10'))"),
        item("c: Mapped[int] = mapped_column(pg.DOMAIN('T_small', sa.Integer, check='VALUE < 20'))"),
        "T_small",
    ),
    # constraints
    argument("check added", "", "CheckConstraint('number > 0', name='T_positive')", "T_positive"),
    argument("check removed", "CheckConstraint('number > 0', name='T_positive')", "", "T_positive"),
    argument(
        "check other",
        "CheckConstraint('number > 0', name='T_positive')",
        "CheckConstraint('number > 1', name='T_positive')",
        "T_positive",
    ),
    Edit(
        "check of some varchars",
        item("c: Mapped[str] = mapped_column(String(9))", args="CheckConstraint(\"c IN ('a', 'b')\", name='T_in')"),
        item("c: Mapped[str] = mapped_column(String(9))", args="CheckConstraint(\"c NOT IN ('a', 'x')\", name='T_in')"),
        "T_in",
    ),
    Edit(
        "index of some varchars",
        item(
            "c: Mapped[str] = mapped_column(String(9))",
            args="Index('T_in', 'c', postgresql_where=text(\"c IN ('a', 'b')\"))",
        ),
        item(
            "c: Mapped[str] = mapped_column(String(9))",
            args="Index('T_in', 'c', postgresql_where=text(\"c IN ('a', 'x')\"))",
        ),
        "T_in",
    ),
    argument("check without a name", "", "CheckConstraint('length(name) > 2')", CK),
    argument(
        "check of numbers as texts",
        "CheckConstraint('number::text < id::text', name='T_c')",
        "CheckConstraint('number < id', name='T_c')",
        "T_c",
    ),
    argument(
        "check of some numbers as texts",
        "CheckConstraint('coalesce(number, 0)::text < coalesce(id, 0)::text', name='T_c')",
        "CheckConstraint('coalesce(number, 0) < coalesce(id, 0)', name='T_c')",
        "T_c",
    ),
    argument(
        "check that looks like several facts",
        "CheckConstraint(\"name <> 'a; index b'\", name='T_c')",
        "CheckConstraint(\"name <> 'a; index c'\", name='T_c')",
        "T_c",
    ),
    argument("index of numbers as texts", "Index('T_ix', text('(number::text)'))", "Index('T_ix', 'number')", "T_ix"),
    argument(
        "check renamed", "CheckConstraint('number > 0', name='T_a')", "CheckConstraint('number > 0', name='T_b')", "T_b"
    ),
    argument("unique added", "", "UniqueConstraint('name')", "T_items_name_key"),
    argument("unique removed", "UniqueConstraint('name')", "", "T_items_name_key"),
    argument(
        "unique wider", "UniqueConstraint('name', name='T_u')", "UniqueConstraint('name', 'day', name='T_u')", "T_u"
    ),
    argument(
        "unique deferrable",
        "UniqueConstraint('name', name='T_u')",
        "UniqueConstraint('name', name='T_u', deferrable=True, initially='DEFERRED')",
        "T_u",
    ),
    argument(
        "unique nulls",
        "UniqueConstraint('name', name='T_u')",
        "UniqueConstraint('name', name='T_u', postgresql_nulls_not_distinct=True)",
        "T_u",
    ),
    argument("exclude added", "", "ExcludeConstraint(('name', '='), name='T_ex', using='btree')", "T_ex"),
    argument(
        "exclude other",
        "ExcludeConstraint(('name', '='), name='T_ex', using='btree')",
        "ExcludeConstraint(('name', '='), name='T_ex', using='btree', where=text('number > 0'))",
        "T_ex",
    ),
    argument("exclude removed", "ExcludeConstraint(('name', '='), name='T_ex', using='btree')", "", "T_ex"),
    Edit(
        "primary key of two columns",
        item("number: Mapped[int]"),
        item("number: Mapped[int] = mapped_column(primary_key=True)"),
        "T_items_pkey",
    ),
    key("foreign key added", "sa.Integer", "ForeignKey('T_places.id')"),
    key("foreign key removed", "ForeignKey('T_places.id')", "sa.Integer"),
    key("foreign key cascade", "ForeignKey('T_places.id')", "ForeignKey('T_places.id', ondelete='CASCADE')"),
    key("foreign key update", "ForeignKey('T_places.id')", "ForeignKey('T_places.id', onupdate='CASCADE')"),
    key(
        "foreign key deferrable",
        "ForeignKey('T_places.id')",
        "ForeignKey('T_places.id', deferrable=True, initially='DEFERRED')",
    ),
    # indexes
    argument("index added", "", "Index('T_ix', 'name')", "T_ix"),
    argument("index removed", "Index('T_ix', 'name')", "", "T_ix"),
    argument("index unique", "Index('T_ix', 'name')", "Index('T_ix', 'name', unique=True)", "T_ix"),
    argument("index wider", "Index('T_ix', 'name')", "Index('T_ix', 'name', 'day')", "T_ix"),
    argument("index method", "Index('T_ix', 'name')", "Index('T_ix', 'name', postgresql_using='hash')", "T_ix"),
    argument(
        "index predicate",
        "Index('T_ix', 'name', postgresql_where=text('number > 0'))",
        "Index('T_ix', 'name', postgresql_where=text('number > 1'))",
        "T_ix",
    ),
    argument(
        "index operator class",
        "Index('T_ix', 'name')",
        "Index('T_ix', 'name', postgresql_ops={'name': 'text_pattern_ops'})",
        "T_ix",
    ),
    argument("index order", "Index('T_ix', 'name')", "Index('T_ix', text('name DESC'))", "T_ix"),
    argument("index include", "Index('T_ix', 'name')", "Index('T_ix', 'name', postgresql_include=['day'])", "T_ix"),
    argument(
        "index with", "Index('T_ix', 'name')", "Index('T_ix', 'name', postgresql_with={'fillfactor': 50})", "T_ix"
    ),
    argument("index expression", "Index('T_ix', text('lower(name)'))", "Index('T_ix', text('upper(name)'))", "T_ix"),
    argument("index renamed", "Index('T_ix', 'name')", "Index('T_other', 'name')", "T_other"),
    argument("index in quotes renamed", "Index('T_Ix', 'name')", "Index('T_Other', 'name')", "T_Other"),
    argument("index of many bytes renamed", "Index('T_x', 'day')", f"Index('T_{'й' * 40}', 'day')", "T_ййй"),
    argument(
        "unique in quotes renamed",
        "UniqueConstraint('name', name='T_Key')",
        "UniqueConstraint('name', name='T_Other key')",
        "T_Other key",
    ),
    # tables and sequences
    Edit("table added", PLAIN, PLAIN.replace("\n\nclass Item", PLACE + "\n\nclass Item"), "table public.T_places"),
    argument("table comment", "", "{'comment': 'what is sold'}", "comment on table public.T_items"),
    argument("table storage parameters", "", "{'postgresql_with': {'fillfactor': 70}}", "table public.T_items"),
    argument("table unlogged", "", "{'prefixes': ['UNLOGGED']}", "table public.T_items"),
    Edit(
        "sequence",
        PLAIN + "\n\nSequence('T_number', metadata=Base.metadata)\n",
        PLAIN + "\n\nSequence('T_number', increment=5, metadata=Base.metadata)\n",
        "sequence public.T_number",
    ),
    Edit(
        "sequence added",
        PLAIN,
        PLAIN + "\n\nSequence('T_number', metadata=Base.metadata)\n",
        "sequence public.T_number",
    ),
)


def same(name: str, before: str, after: str, *, kind: str = "int") -> Edit:
    """Another way to write column `c`; nothing leaves all to the annotation."""
    lines = [f"c: Mapped[{kind}]{f' = mapped_column({one})' if one else ''}" for one in (before, after)]
    return Edit(name, item(lines[0]), item(lines[1]))


def alike(name: str, before: str, after: str) -> Edit:
    """Another way to write `__table_args__`."""
    return argument(name, before, after, "")


NAME = "name: Mapped[str] = mapped_column(Text)"
EQUAL = (
    Edit("attribute renamed", item("c: Mapped[int]"), item("d: Mapped[int] = mapped_column('c')")),
    Edit("class renamed", PLAIN, PLAIN.replace("class Item", "class Thing")),
    Edit(
        "columns in another order", item("a: Mapped[int]", "b: Mapped[str]"), item("b: Mapped[str]", "a: Mapped[int]")
    ),
    Edit("docstring", PLAIN, PLAIN.replace("(Base):\n", '(Base):\n    """Text."""\n\n')),
    Edit("property", PLAIN, PLAIN + "\n    @property\n    def loud(self) -> str:\n        return self.name.upper()\n"),
    Edit("comment in the code", PLAIN, PLAIN + "    # nothing\n"),
    same("type by annotation", "sa.Integer", ""),
    same(
        "arguments in another order", "sa.Integer, nullable=True, index=True", "sa.Integer, index=True, nullable=True"
    ),
    same("nullable by annotation", "sa.Integer, nullable=False", ""),
    same("python default", "sa.Integer", "sa.Integer, default=3"),
    same("python onupdate", "sa.Integer", "sa.Integer, onupdate=lambda: 3"),
    same("doc and info", "sa.Integer", "sa.Integer, doc='text', info={'a': 1}"),
    same("default as text", "sa.Integer, server_default='3'", "sa.Integer, server_default=text('3')"),
    same("default in parentheses", "sa.Integer, server_default='3'", "sa.Integer, server_default=text('(3)')"),
    same("default quoted", "Text, server_default='a'", "Text, server_default=text(\"'a'\")", kind="str"),
    same(
        "default function",
        "sa.DateTime, server_default=sa.func.now()",
        "sa.DateTime, server_default=text('now()')",
        kind="datetime",
    ),
    same("default cast", "Text, server_default='a'", "Text, server_default=text(\"'a'::text\")", kind="str"),
    same("default 0 of a numeric", "Numeric(9, 2), server_default='0'", "Numeric(9, 2), server_default=text('0')"),
    same("default 0 of a bigint", "sa.BigInteger, server_default='0'", "sa.BigInteger, server_default=text('0')"),
    same("default 0.00 of a scale", "Numeric(9, 2), server_default='0.00'", "Numeric(9, 2), server_default=text('0')"),
    same("default 0.0 of a double", "sa.Double, server_default=text('0.0')", "sa.Double, server_default='0'"),
    same(
        "default of an empty array",
        "pg.ARRAY(Text), server_default=text('ARRAY[]::text[]')",
        "pg.ARRAY(Text), server_default='{}'",
        kind="list",
    ),
    same("default null", "Text, server_default=text('NULL::varchar')", "Text", kind="str"),
    same(
        "default of a day",
        "sa.Date, server_default=text('now()::date')",
        "sa.Date, server_default=sa.func.current_date()",
        kind="date",
    ),
    same(
        "default localtimestamp",
        "sa.DateTime, server_default=sa.func.localtimestamp()",
        "sa.DateTime, server_default=sa.func.now()",
        kind="datetime",
    ),
    same("default of a double", "sa.Double, server_default='-0.5'", "sa.Double, server_default=text('-0.5')"),
    same(
        "default current_timestamp",
        "sa.DateTime, server_default=sa.func.now()",
        "sa.DateTime, server_default=sa.func.current_timestamp()",
        kind="datetime",
    ),
    same(
        "default at time zone",
        "sa.DateTime, server_default=text(\"timezone('utc', now())\")",
        "sa.DateTime, server_default=text(\"(current_timestamp AT TIME ZONE 'UTC')\")",
        kind="datetime",
    ),
    same(
        "default left to the database", "Text, server_default='a'", "Text, server_default=sa.FetchedValue()", kind="str"
    ),
    same("identity left to the database", "sa.Integer, Identity()", "sa.Integer, server_default=sa.FetchedValue()"),
    same(
        "generated left to the database",
        "Computed('id * 2', persisted=True), nullable=True",
        "sa.Integer, server_default=sa.FetchedValue(), nullable=True",
    ),
    same("true", "sa.Boolean, server_default=sa.true()", "sa.Boolean, server_default='t'", kind="bool"),
    same("length by type", "String(20)", "sa.VARCHAR(20)", kind="str"),
    same("text by type", "Text", "sa.TEXT()", kind="str"),
    same("numeric", "Numeric(10, 2)", "sa.DECIMAL(10, 2)", kind="Decimal"),
    same("timestamp", "sa.DateTime(timezone=True)", "pg.TIMESTAMP(timezone=True)", kind="datetime"),
    same("array", "pg.ARRAY(sa.Integer)", "sa.ARRAY(sa.Integer)", kind="list"),
    same("generated spaces", "Computed('id*2', persisted=True)", "Computed('(id  *  2)', persisted=True)"),
    same("identity", "sa.Integer, Identity()", "sa.Integer, Identity(always=False)"),
    same("unique inline", "sa.Integer, unique=True", "sa.Integer, unique=True, nullable=False"),
    same("comment", "Text, comment='a'", "Text(), comment='a'", kind="str"),
    Edit(
        "counted by an identity",
        item(NAME).replace("mapped_column(primary_key=True)", "mapped_column(Identity(), primary_key=True)", 1),
        item(NAME),
    ),
    Edit(
        "index apart",
        item("c: Mapped[int] = mapped_column(index=True)"),
        item("c: Mapped[int]", args="Index('ix_T_items_c', 'c')"),
    ),
    Edit(
        "index outside",
        item(NAME, args="Index('T_ix', 'name')"),
        item(NAME) + "\n\nIndex('T_ix', Item.name)\n",
    ),
    Edit(
        "unique apart",
        item("c: Mapped[int] = mapped_column(unique=True)"),
        item("c: Mapped[int]", args="UniqueConstraint('c')"),
    ),
    Edit(
        "unique named as the server does",
        item("c: Mapped[int] = mapped_column(unique=True)"),
        item("c: Mapped[int]", args="UniqueConstraint('c', name='T_items_c_key')"),
    ),
    Edit(
        "naming convention",
        item("c: Mapped[int] = mapped_column(unique=True)"),
        item("c: Mapped[int] = mapped_column(unique=True)", base=CONVENTION),
    ),
    Edit(
        "naming convention of a key",
        item("place_id: Mapped[int | None] = mapped_column(ForeignKey('T_places.id'))", more=PLACE),
        item("place_id: Mapped[int | None] = mapped_column(ForeignKey('T_places.id'))", more=PLACE, base=CONVENTION),
    ),
    Edit(
        "foreign key apart",
        item("place_id: Mapped[int | None] = mapped_column(ForeignKey('T_places.id'))", more=PLACE),
        item("place_id: Mapped[int | None]", more=PLACE, args="ForeignKeyConstraint(['place_id'], ['T_places.id'])"),
    ),
    Edit(
        "relationship",
        item("place_id: Mapped[int | None] = mapped_column(ForeignKey('T_places.id'))", more=PLACE),
        item(
            "place_id: Mapped[int | None] = mapped_column(ForeignKey('T_places.id'))",
            "place: Mapped['Place'] = relationship()",
            more=PLACE,
        ),
    ),
    Edit(
        "primary key apart",
        item(NAME),
        item(NAME, args="PrimaryKeyConstraint('id')").replace("mapped_column(primary_key=True)", "mapped_column()"),
    ),
    alike("check spaces", "CheckConstraint('number>0', name='T_p')", "CheckConstraint('(number  >  0)', name='T_p')"),
    alike(
        "check in",
        "CheckConstraint(\"name IN ('a', 'b')\", name='T_p')",
        "CheckConstraint(\"name = ANY (ARRAY['a', 'b'])\", name='T_p')",
    ),
    alike(
        "checks in another order",
        "CheckConstraint('number>0'), CheckConstraint('number<9')",
        "CheckConstraint('number<9'), CheckConstraint('number>0')",
    ),
    alike(
        "predicate spaces",
        "Index('T_ix', 'name', postgresql_where=text('number>0'))",
        "Index('T_ix', 'name', postgresql_where=text('( number > 0 )'))",
    ),
    alike(
        "index parameters in another order",
        "Index('T_ix', 'name', postgresql_with={'fillfactor': 50, 'deduplicate_items': 'off'})",
        "Index('T_ix', 'name', postgresql_with={'deduplicate_items': 'off', 'fillfactor': 50})",
    ),
    alike("index method said", "Index('T_ix', 'name')", "Index('T_ix', 'name', postgresql_using='btree')"),
    alike("index order said", "Index('T_ix', 'name')", "Index('T_ix', text('name ASC NULLS LAST'))"),
    alike(
        "exclude",
        "ExcludeConstraint(('name', '='), name='T_ex', using='btree')",
        "ExcludeConstraint((Column('name'), '='), name='T_ex', using='btree')",
    ),
    alike("table arguments as a dictionary", "", "{'info': {'a': 1}}"),
    Edit(
        "enum of a class",
        item("mood: Mapped[str | None] = mapped_column(Enum('a', 'b', name='T_mood'))"),
        item(
            "mood: Mapped[Mood | None] = mapped_column(Enum(Mood, name='T_mood'))",
            more="\n\nclass Mood(enum.Enum):\n    a = 1\n    b = 2\n",
        ),
    ),
    Edit(
        "enum left to the history",
        item("mood: Mapped[str | None] = mapped_column(Enum('a', 'b', name='T_mood'))"),
        item("mood: Mapped[str | None] = mapped_column(pg.ENUM('a', 'b', name='T_mood', create_type=False))"),
    ),
    Edit(
        "a table of Core",
        item(NAME),
        f"{HEAD}{BASE}\n\nTable('T_items', Base.metadata, Column('id', sa.Integer, primary_key=True),"
        " Column('name', Text, nullable=False))\n",
    ),
)


def ghost(name: str, *lines: str, args: str = "") -> Edit:
    """Models that Alembic's comparison never finds in the database, though they were made from them (Alembic 1.20)."""
    told = ("name: Mapped[str | None] = mapped_column(Text)", "number: Mapped[int | None]")
    return Edit(name, item(*told), item(*told, *lines, args=args))


GHOSTS: tuple[Edit, ...] = (
    ghost("index with COLLATE", args='Index("T_i", text(\'name COLLATE "C"\'))'),
    ghost("index over CASE", args='Index("T_i", text("(CASE WHEN number > 1 THEN 1 ELSE 0 END)"))'),
    ghost("index over IN", args="Index(\"T_i\", text(\"(name IN ('x', 'y'))\"))"),
    ghost("Float(24)", "c: Mapped[float | None] = mapped_column(sa.Float(24))"),
    ghost("domain NOT NULL", "c: Mapped[int | None] = mapped_column(pg.DOMAIN('T_pos', sa.Integer, not_null=True))"),
    ghost("default null()", "c: Mapped[str | None] = mapped_column(Text, server_default=sa.null())"),
    ghost("default of json", "c: Mapped[dict[str, int] | None] = mapped_column(sa.JSON, server_default='{}')"),
)
"""Seen on 2026-11-29; the default of json is an error of Alembic's comparison with compare_server_default=True."""
