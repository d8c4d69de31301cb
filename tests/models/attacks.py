"""Single edits that attack `migrate.new`: names that want quotes, texts with signs, what hangs on what is changed.

The suite tries those that failed, AEGIS_ALL_ATTACKS=1 all of them.
"""

# ruff: noqa: E501  an edit reads best on one line
from __future__ import annotations

from tests.models.edits import PLACE, PLAIN, Edit, argument, column, enumeration, item

NAME = "name: Mapped[str] = mapped_column(Text)"
NUMBER = "number: Mapped[int] = mapped_column(sa.Integer)"
ITEMS = "T_items"


def several(name: str, before: tuple[str, ...], after: tuple[str, ...], names: str, *, more: str = "") -> Edit:
    """Other lines of the class; what begins with `args ` is its `__table_args__`."""

    def made(lines: tuple[str, ...]) -> str:
        args = ", ".join(line.removeprefix("args ") for line in lines if line.startswith("args "))
        return item(*(line for line in lines if not line.startswith("args ")), args=args, more=more)

    return Edit(name, made(before), made(after), names)


def values(name: str, before: tuple[str, ...], after: tuple[str, ...], *also: str, kind: str = "") -> Edit:
    """Other values of an enum on which `also` hangs."""
    told = [(line.replace("Enum(", kind + "(") if kind else line) for line in (_mood(before), _mood(after))]
    return several(name, (told[0], *also), (told[1], *also), "type public.T_mood")


def _mood(of: tuple[str, ...]) -> str:
    return enumeration(*of)[0]


def hung(
    name: str, before: str, after: str, *also: str, kind: str = "int", named: str = "column public.T_items.c"
) -> Edit:
    """Another definition of column `c` on which `also` hangs."""
    lines = [f"c: Mapped[{kind}] = mapped_column({one})" for one in (before, after)]
    return several(name, (lines[0], *also), (lines[1], *also), named)


def computed(
    name: str, before: str, after: str, was: tuple[str, ...], now: tuple[str, ...], *, names: str = ""
) -> Edit:
    """Another definition of column `c`, and what is computed from it."""
    lines = [f"c: Mapped[int] = mapped_column({one})" for one in (before, after)]
    return several(name, (lines[0], *was), (lines[1], *now), names or "column public.T_items.c")


def tables(name: str, before: str, after: str, names: str) -> Edit:
    """Other code behind the class."""
    return Edit(name, PLAIN + before, PLAIN + after, names)


def second(*lines: str, table: str = "T_others", args: str = "") -> str:
    """Another class."""
    body = "".join(f"    {line}\n" for line in ("id: Mapped[int] = mapped_column(primary_key=True)", *lines))
    told = f"    __table_args__ = ({args},)\n" if args else ""
    return f"\n\nclass Other(Base):\n    __tablename__ = {table!r}\n{body}{told}"


def sequence(name: str, before: str, after: str) -> Edit:
    """Other options of a sequence."""
    made = [f"\n\nSequence('T_number', {one}metadata=Base.metadata)\n" for one in (before, after)]
    return tables(name, made[0], made[1], "sequence public.T_number")


MANY = tuple(f"v{number:03}" for number in range(100))
SMALL = "c: Mapped[int | None] = mapped_column(pg.DOMAIN('T_small', sa.Integer, check='VALUE < 10'))"
ROOM = "room: Mapped[object] = mapped_column(pg.INT4RANGE)"
DATA = "data: Mapped[dict[str, int]] = mapped_column(pg.JSONB)"
BOSS = "boss_id: Mapped[int | None] = mapped_column({})"

ENUMS = (
    values(
        "a value goes, in a list",
        ("a", "b"),
        ("a",),
        "all: Mapped[list[str]] = mapped_column(pg.ARRAY(Enum('a', 'b', name='T_mood')))",
    )._replace(after=item(_mood(("a",)), "all: Mapped[list[str]] = mapped_column(pg.ARRAY(Enum('a', name='T_mood')))")),
    values("a value goes under an index", ("a", "b"), ("a",), "args Index('T_ix', 'mood')"),
    values(
        "a value goes under a predicate",
        ("a", "b"),
        ("a",),
        "args Index('T_ix', 'id', postgresql_where=text(\"mood = 'a'\"))",
    ),
    values("a value goes under a check", ("a", "b"), ("a",), "args CheckConstraint(\"mood <> 'a'\", name='T_ck')"),
    values("a value goes under a unique key", ("a", "b"), ("a",), "args UniqueConstraint('mood', name='T_u')"),
    values(
        "a value is renamed under a predicate",
        ("a", "b"),
        ("a", "c"),
        "args Index('T_ix', 'id', postgresql_where=text(\"mood = 'a'\"))",
    ),
    values(
        "a value goes under a generated column",
        ("a", "b"),
        ("a",),
        "g: Mapped[bool | None] = mapped_column(Computed(\"mood = 'a'\", persisted=True))",
    ),
    values(
        "a value comes under a generated column",
        ("a",),
        ("a", "b"),
        "g: Mapped[bool | None] = mapped_column(Computed(\"mood = 'a'\", persisted=True))",
    ),
    values("signs in values", ("a",), ("a", "50%", ":x", "ü", "a b", 'say "no"')),
    values("values go, come and change places", ("a", "b", "c"), ("d", "c", "a")),
    values("one of a hundred more", MANY, (*MANY[:50], "new", *MANY[50:])),
    values("the longest value", ("a",), ("a", "x" * 63)),
    several(
        "a value goes under a default",
        ("mood: Mapped[str] = mapped_column(Enum('a', 'b', name='T_mood'), server_default='a')",),
        ("mood: Mapped[str] = mapped_column(Enum('a', name='T_mood'), server_default='a')",),
        "type public.T_mood",
    ),
    several(
        "the default's value goes",
        ("mood: Mapped[str] = mapped_column(Enum('a', 'b', name='T_mood'), server_default='b')",),
        ("mood: Mapped[str] = mapped_column(Enum('a', name='T_mood'), server_default='a')",),
        "type public.T_mood",
    ),
    several(
        "a value comes and a check wants it",
        (_mood(("a",)), "args CheckConstraint(\"mood = 'a'\", name='T_ck')"),
        (_mood(("a", "b")), "args CheckConstraint(\"mood IN ('a', 'b')\", name='T_ck')"),
        "type public.T_mood",
    ),
    several(
        "a value comes and a predicate wants it",
        (_mood(("a",)),),
        (_mood(("a", "b")), "args Index('T_ix', 'id', postgresql_where=text(\"mood = 'b'\"))"),
        "type public.T_mood",
    ),
    several(
        "a name that wants quotes",
        ("mood: Mapped[str] = mapped_column(Enum('a', name='T_My mood'))",),
        ("mood: Mapped[str] = mapped_column(Enum('a', 'b', name='T_My mood'))",),
        '"T_My mood"',
    ),
    several(
        "no enum of the server any more",
        (_mood(("a",)),),
        ("mood: Mapped[str | None] = mapped_column(Text)",),
        "T_items.mood",
    ),
    several("text becomes an enum", ("mood: Mapped[str | None] = mapped_column(Text)",), (_mood(("a",)),), "T_mood"),
    several(
        "text with a default becomes an enum",
        ("mood: Mapped[str] = mapped_column(Text, server_default='a')",),
        ("mood: Mapped[str] = mapped_column(Enum('a', name='T_mood'), server_default='a')",),
        "T_mood",
    ),
    several("the column of an enum goes", (NAME, _mood(("a",))), (NAME,), "T_items.mood"),
    several(
        "an enum that is no type",
        (
            "mood: Mapped[str] = mapped_column(Enum('a', name='T_m', native_enum=False, length=9, create_constraint=True))",
        ),
        (
            "mood: Mapped[str] = mapped_column(Enum('a', 'b', name='T_m', native_enum=False, length=9, create_constraint=True))",
        ),
        "T_m",
    ),
    Edit(
        "two tables with the enum of which a value goes",
        item(_mood(("a", "b"))) + second(_mood(("a", "b"))),
        item(_mood(("a",))) + second(_mood(("a",))),
        "type public.T_mood",
    ),
    several(
        "an enum in a primary key",
        ("mood: Mapped[str] = mapped_column(Enum('a', 'b', name='T_mood'), primary_key=True)",),
        ("mood: Mapped[str] = mapped_column(Enum('a', name='T_mood'), primary_key=True)",),
        "type public.T_mood",
    ),
)

TYPES = (
    column("text to number", "Text", "sa.Integer"),
    column("text to date", "Text", "sa.Date", kind="date"),
    column("text to uuid", "Text", "sa.Uuid", kind="object"),
    column("text to jsonb", "Text", "pg.JSONB", kind="dict"),
    column(
        "text to boolean, with a default", "Text, server_default='t'", "sa.Boolean, server_default='t'", kind="bool"
    ),
    column(
        "number to boolean, with a default",
        "sa.Integer, server_default='0'",
        "sa.Boolean, server_default='f'",
        kind="bool",
    ),
    column("number to text, with a default", "sa.Integer, server_default='0'", "Text, server_default='0'", kind="str"),
    column("shorter", "String(40)", "String(20)", kind="str"),
    column("numeric to number", "Numeric(10, 2)", "sa.Integer", kind="Decimal"),
    column(
        "json to jsonb, with a default", "pg.JSON, server_default='{}'", "pg.JSONB, server_default='{}'", kind="dict"
    ),
    column("scalar to list", "sa.Integer", "pg.ARRAY(sa.Integer)", kind="list"),
    column("list with a default", "pg.ARRAY(Text)", "pg.ARRAY(Text), server_default='{}'", kind="list"),
    column("precision of a time", "pg.TIMESTAMP(precision=0)", "pg.TIMESTAMP(precision=3)", kind="datetime"),
    column("fields of an interval", "pg.INTERVAL", "pg.INTERVAL(fields='DAY TO SECOND')", kind="object"),
    column("bits", "pg.BIT(8)", "pg.BIT(16)", kind="str"),
    column("inet to cidr", "pg.INET", "pg.CIDR", kind="str"),
    hung("type under an index", "sa.Integer", "sa.BigInteger", "args Index('T_ix', 'c')"),
    hung("type under an expression", "String(9)", "Text", "args Index('T_ix', text('lower(c)'))", kind="str"),
    hung("type under a check", "String(9)", "Text", "args CheckConstraint(\"c <> 'a'\", name='T_ck')", kind="str"),
    hung(
        "type under a predicate",
        "String(9)",
        "Text",
        "args Index('T_ix', 'id', postgresql_where=text(\"c <> 'a'\"))",
        kind="str",
    ),
    hung(
        "type under a generated column",
        "sa.Integer",
        "sa.BigInteger",
        "g: Mapped[int | None] = mapped_column(sa.BigInteger, Computed('c * 2', persisted=True))",
    ),
    hung("type under a unique key", "sa.Integer, unique=True", "sa.BigInteger, unique=True"),
    hung(
        "type with everything",
        "String(9), server_default='x', comment='it''s'",
        "Text, server_default='y', comment=\"50% :x\"",
        kind="str",
    ),
    Edit(
        "type of a primary key that counts",
        item(NAME),
        item(NAME).replace("mapped_column(primary_key=True)", "mapped_column(sa.BigInteger, primary_key=True)", 1),
        "column public.T_items.id",
    ),
    Edit(
        "types on both sides of a foreign key",
        item("place_id: Mapped[int] = mapped_column(ForeignKey('T_places.id'))", more=PLACE),
        item(
            "place_id: Mapped[int] = mapped_column(sa.BigInteger, ForeignKey('T_places.id'))",
            more=PLACE.replace("mapped_column(primary_key=True)", "mapped_column(sa.BigInteger, primary_key=True)"),
        ),
        "T_places.id",
    ),
    Edit(
        "serial becomes identity",
        item(NAME),
        item(NAME).replace(
            "mapped_column(primary_key=True)", "mapped_column(Identity(always=True), primary_key=True)", 1
        ),
        "T_items.id",
    ),
)

COLUMNS = (
    column(
        "options of an identity",
        "sa.Integer, Identity()",
        "sa.Integer, Identity(increment=5, minvalue=-9, maxvalue=99, cycle=True, cache=7)",
    )._replace(names="sequence of public.T_items.c"),
    column("a default with signs", "Text", 'Text, server_default="50% :x \\\\ it\'s"', kind="str"),
    column("a default of a text with signs", "Text", "Text, server_default=text(\"'50%' || ':x'\")", kind="str"),
    several(
        "an index and a key of its own",
        (),
        ("c: Mapped[int | None] = mapped_column(unique=True, index=True)",),
        "T_items.c",
    ),
    several("a key of its own", (), ("c: Mapped[int | None] = mapped_column(unique=True, comment='c')",), "T_items.c"),
    column("an empty default", "Text", "Text, server_default=''", kind="str"),
    column("a default with JSON", "pg.JSONB", "pg.JSONB, server_default='{\"a\": 1}'", kind="dict"),
    column("a default of a function", "sa.Uuid", "sa.Uuid, server_default=text('gen_random_uuid()')", kind="object"),
    column(
        "a default of an expression",
        "sa.DateTime",
        "sa.DateTime, server_default=text(\"now() + interval '1 day'\")",
        kind="datetime",
    ),
    column("a default of many lines", "Text", "Text, server_default='a\\nb'", kind="str"),
    column("a comment with signs", "Text", 'Text, comment="50% :x \\\\ it\'s\\nü"', kind="str"),
    column("another collation", "Text(collation='C')", "Text(collation='POSIX')", kind="str"),
    column(
        "generated with signs",
        "Computed(\"id || '%'\", persisted=True), nullable=True",
        "Computed(\"id || ':x'\", persisted=True), nullable=True",
        kind="str | None",
    )._replace(
        before=item("c: Mapped[str | None] = mapped_column(Text, Computed(\"id::text || '%'\", persisted=True))"),
        after=item("c: Mapped[str | None] = mapped_column(Text, Computed(\"id::text || ':x'\", persisted=True))"),
    ),
    several(
        "a name that wants quotes",
        (),
        ("c: Mapped[int | None] = mapped_column('someColumn', comment='c')",),
        "someColumn",
    ),
    several("a reserved word", (), ("c: Mapped[int | None] = mapped_column('order', index=True)",), "order"),
    several("a name with signs", (), ("c: Mapped[int | None] = mapped_column('50% a:b', key='c')",), "50% a:b"),
    several(
        "a column under an index goes",
        (NAME, NUMBER, "args Index('T_ix', 'number', 'name')"),
        (NAME,),
        "T_items.number",
    ),
    several(
        "a column under a check goes",
        (NAME, NUMBER, "args CheckConstraint('number > 0', name='T_ck')"),
        (NAME,),
        "T_items.number",
    ),
    several(
        "a column under a generated one goes",
        (NUMBER, "g: Mapped[int | None] = mapped_column(Computed('number * 2', persisted=True))"),
        (),
        "T_items.number",
    ),
    several(
        "nullable and default at once",
        ("c: Mapped[int | None] = mapped_column(sa.Integer)",),
        ("c: Mapped[int] = mapped_column(sa.Integer, server_default='1')",),
        "T_items.c",
    ),
    several(
        "two columns change types",
        ("a: Mapped[int]", "b: Mapped[str]"),
        ("a: Mapped[str]", "b: Mapped[int]"),
        "T_items.a",
    ),
    Edit(
        "a default of a sequence",
        item(NUMBER),
        item(
            "number: Mapped[int] = mapped_column(sa.Integer, Sequence('T_seq', metadata=Base.metadata), server_default=Sequence('T_seq', metadata=Base.metadata).next_value())"
        ),
        "T_items.number",
    ),
)

CONSTRAINTS = (
    argument(
        "a check with signs", "", "CheckConstraint(\"name ~ '^[a-z]+:[0-9]' AND name LIKE '50%'\", name='T_ck')", "T_ck"
    ),
    argument(
        "a check whose name wants quotes", "", "CheckConstraint('number > 0', name='T_My 50% check')", "T_My 50% check"
    ),
    argument(
        "a check without a name changes",
        "CheckConstraint('number > 0')",
        "CheckConstraint('number > 1')",
        "T_items_number_check",
    ),
    argument(
        "two checks change their names",
        "CheckConstraint('number > 0', name='T_a'), CheckConstraint('number < 9', name='T_b')",
        "CheckConstraint('number > 0', name='T_b'), CheckConstraint('number < 9', name='T_a')",
        "T_a",
    ),
    argument(
        "unique becomes an index", "UniqueConstraint('name', name='T_u')", "Index('T_u', 'name', unique=True)", "T_u"
    ),
    argument(
        "an index becomes unique key",
        "Index('T_u', 'name', unique=True)",
        "UniqueConstraint('name', name='T_u')",
        "T_u",
    ),
    argument(
        "unique with more",
        "UniqueConstraint('name', name='T_u')",
        "UniqueConstraint('name', name='T_u', postgresql_include=['day'])",
        "T_u",
    ),
    argument(
        "deferred",
        "UniqueConstraint('name', name='T_u', deferrable=True)",
        "UniqueConstraint('name', name='T_u', deferrable=True, initially='DEFERRED')",
        "T_u",
    ),
    several(
        "exclude ranges",
        (ROOM,),
        (ROOM, "args ExcludeConstraint((Column('room'), '&&'), name='T_ex', using='gist')"),
        "T_ex",
    ),
    several(
        "exclude ranges where",
        (ROOM, "args ExcludeConstraint((Column('room'), '&&'), name='T_ex', using='gist')"),
        (
            ROOM,
            "args ExcludeConstraint((Column('room'), '&&'), name='T_ex', using='gist', where=text('id > 5'), deferrable=True)",
        ),
        "T_ex",
    ),
    several(
        "refers to itself",
        (BOSS.format("sa.Integer"),),
        (BOSS.format("ForeignKey('T_items.id', ondelete='SET NULL')"),),
        "T_items_boss_id_fkey",
    ),
    several(
        "refers to another column",
        ("code: Mapped[int] = mapped_column(unique=True)", BOSS.format("ForeignKey('T_items.id')")),
        ("code: Mapped[int] = mapped_column(unique=True)", BOSS.format("ForeignKey('T_items.code')")),
        "T_items_boss_id_fkey",
    ),
    Edit(
        "a key of two columns",
        item(
            "a: Mapped[int]",
            "b: Mapped[int]",
            more=PLACE.replace("    code", "    part: Mapped[int] = mapped_column(primary_key=True)\n    code"),
        ),
        item(
            "a: Mapped[int]",
            "b: Mapped[int]",
            args="ForeignKeyConstraint(['a', 'b'], ['T_places.id', 'T_places.part'], match='FULL', name='T_fk')",
            more=PLACE.replace("    code", "    part: Mapped[int] = mapped_column(primary_key=True)\n    code"),
        ),
        "T_fk",
    ),
    Edit(
        "another primary key",
        item("number: Mapped[int] = mapped_column(unique=True)"),
        item("number: Mapped[int] = mapped_column(primary_key=True)").replace(
            "mapped_column(primary_key=True)", "mapped_column(unique=True)", 1
        ),
        "T_items_pkey",
    ),
    several("a primary key with a name", (NAME,), (NAME, "args PrimaryKeyConstraint('id', name='T_pk')"), "T_pk"),
)

INDEXES = (
    several(
        "gin with its class",
        (DATA, "args Index('T_ix', 'data', postgresql_using='gin')"),
        (DATA, "args Index('T_ix', 'data', postgresql_using='gin', postgresql_ops={'data': 'jsonb_path_ops'})"),
        "T_ix",
    ),
    several("a key of JSON with signs", (DATA,), (DATA, "args Index('T_ix', text(\"(data ->> 'a:b %')\"))"), "T_ix"),
    several("gist", (ROOM,), (ROOM, "args Index('T_ix', 'room', postgresql_using='gist')"), "T_ix"),
    argument(
        "brin with options",
        "Index('T_ix', 'day', postgresql_using='brin')",
        "Index('T_ix', 'day', postgresql_using='brin', postgresql_with={'pages_per_range': 9})",
        "T_ix",
    ),
    argument(
        "nulls first",
        "Index('T_ix', text('name DESC'), 'day')",
        "Index('T_ix', text('name DESC NULLS LAST'), 'day')",
        "T_ix",
    ),
    argument(
        "unique, nulls not distinct",
        "Index('T_ix', 'name', unique=True)",
        "Index('T_ix', 'name', unique=True, postgresql_nulls_not_distinct=True)",
        "T_ix",
    ),
    argument("a name that wants quotes", "", "Index('T_My index', 'name')", "T_My index"),
    argument(
        "more columns included",
        "Index('T_ix', 'name', postgresql_include=['day'])",
        "Index('T_ix', 'name', postgresql_include=['day', 'number'])",
        "T_ix",
    ),
    argument(
        "a predicate with signs",
        "",
        "Index('T_ix', 'name', postgresql_where=text(\"name LIKE '50%' AND name <> 'a'\"))",
        "T_ix",
    ),
    argument(
        "several classes",
        "Index('T_ix', 'name', 'day')",
        "Index('T_ix', 'name', 'day', postgresql_ops={'name': 'varchar_pattern_ops'})",
        "T_ix",
    ),
)

TABLES = (
    tables(
        "a table with everything",
        "",
        second(
            _mood(("a",)),
            "n: Mapped[int] = mapped_column(Identity(), unique=True, comment='c')",
            "c: Mapped[int] = mapped_column(pg.DOMAIN('T_small', sa.Integer, check='VALUE < 10'))",
            "g: Mapped[int | None] = mapped_column(Computed('n * 2', persisted=True))",
            "item_id: Mapped[int] = mapped_column(ForeignKey('T_items.id'), index=True)",
            ROOM,
            args="CheckConstraint('n > 0'), ExcludeConstraint((Column('room'), '&&'), using='gist'), {'comment': \"it's\"}",
        ),
        "T_others",
    ),
    tables(
        "a table with everything goes",
        second(
            _mood(("a",)),
            "n: Mapped[int] = mapped_column(Identity(), unique=True, comment='c')",
            "item_id: Mapped[int] = mapped_column(ForeignKey('T_items.id'), index=True)",
            args="CheckConstraint('n > 0'), {'comment': \"it's\"}",
        ),
        "",
        "T_others",
    ),
    tables(
        "a table with a list of an enum goes",
        second(
            "a: Mapped[list[str]] = mapped_column(pg.ARRAY(Enum('a', name='T_mood')))",
            "b: Mapped[str] = mapped_column(Enum('a', name='T_mood'))",
        ),
        "",
        "T_others",
    ),
    tables(
        "a name that wants quotes",
        "",
        second("c: Mapped[int] = mapped_column(index=True)", table="T_My others"),
        "T_My others",
    ),
    tables(
        "a check with a per cent sign",
        "",
        second("c: Mapped[str]", args="CheckConstraint(\"c LIKE '5%'\")"),
        "T_others",
    ),
    tables("a name with a per cent sign", "", second("c: Mapped[int]", table="T_50% others"), "T_50% others"),
    tables(
        "a table that refers to itself",
        "",
        second("up: Mapped[int | None] = mapped_column(ForeignKey('T_others.id'))"),
        "T_others",
    ),
    tables(
        "partitioned",
        "",
        second(
            "day: Mapped[date] = mapped_column(primary_key=True)", args="{'postgresql_partition_by': 'RANGE (day)'}"
        ),
        "T_others",
    ),
    tables(
        "a link of two tables",
        second(),
        second()
        + "\n\nTable('T_links', Base.metadata, Column('a', ForeignKey('T_items.id'), primary_key=True), Column('b', ForeignKey('T_others.id', ondelete='CASCADE'), primary_key=True))\n",
        "T_links",
    ),
    argument(
        "a comment with signs",
        "{'comment': 'one'}",
        "{'comment': \"50% :x it's\\nü\"}",
        "comment on table public.T_items",
    ),
    argument("a comment goes", "{'comment': 'one'}", "", "comment on table public.T_items"),
    argument("logged again", "{'prefixes': ['UNLOGGED']}", "", "table public.T_items"),
    argument(
        "storage parameters go",
        "{'postgresql_with': {'fillfactor': 70, 'autovacuum_enabled': 'false'}}",
        "{'postgresql_with': {'fillfactor': 80}}",
        "table public.T_items",
    ),
    sequence("a sequence goes down", "", "increment=-1, minvalue=-99, maxvalue=-1, start=-1, "),
    sequence("a sequence in a circle", "", "cycle=True, cache=9, maxvalue=99, "),
    sequence("the type of a sequence", "", "data_type=sa.Integer, "),
    tables("a sequence goes", "\n\nSequence('T_number', metadata=Base.metadata)\n", "", "sequence public.T_number"),
    several("a domain with its first column", (NAME,), (NAME, SMALL), "T_small"),
    several("a domain goes", (NAME, SMALL), (NAME, "c: Mapped[int | None] = mapped_column(sa.Integer)"), "T_small"),
    several(
        "a domain's check goes",
        (SMALL,),
        ("c: Mapped[int | None] = mapped_column(pg.DOMAIN('T_small', sa.Integer))",),
        "T_small",
    ),
    several(
        "a domain's check with signs",
        ("c: Mapped[str] = mapped_column(pg.DOMAIN('T_code', Text, check=\"VALUE <> 'a'\"))",),
        ("c: Mapped[str] = mapped_column(pg.DOMAIN('T_code', Text, check=\"VALUE ~ '^[a-z]:'\"))",),
        "T_code",
    ),
    several(
        "many at once",
        (NAME, NUMBER, _mood(("a",)), "args Index('T_ix', 'name'), CheckConstraint('number > 0', name='T_ck')"),
        (
            "name: Mapped[str] = mapped_column(String(9), server_default='x')",
            "number: Mapped[int] = mapped_column(sa.BigInteger, comment='n')",
            _mood(("a", "b")),
            "day: Mapped[date | None]",
            "args Index('T_ix', 'name', 'day', unique=True), CheckConstraint('number > 1', name='T_ck')",
        ),
        "T_items.number",
    ),
)

TWICE = "g: Mapped[int | None] = mapped_column(sa.BigInteger, Computed('c * 2', persisted=True), comment='twice')"
ON_TWICE = (
    "args Index('T_ix', 'g', 'id')",
    "args CheckConstraint('g > -9', name='T_ck')",
    "args UniqueConstraint('g', name='T_u')",
)
MAY = "mapped_column(pg.DOMAIN('T_small', sa.Integer, check='VALUE < 10'))"
COMPUTED = (
    computed("a type under what has a key", "sa.Integer", "sa.BigInteger", (TWICE, *ON_TWICE), (TWICE, *ON_TWICE)),
    computed(
        "a type, and what is computed of it", "sa.Integer", "sa.BigInteger", (TWICE,), (TWICE.replace("* 2", "* 3"),)
    ),
    computed("a type, and what is computed of it goes", "sa.Integer", "sa.BigInteger", (TWICE, *ON_TWICE), ()),
    computed("a type, and something is computed of it", "sa.Integer", "sa.BigInteger", (), (TWICE, *ON_TWICE)),
    computed(
        "two types at once",
        "sa.SmallInteger",
        "sa.Integer",
        (TWICE.replace("BigInteger", "Integer"), ON_TWICE[0]),
        (TWICE, ON_TWICE[0].replace("'id'", "'c'")),
    ),
    computed(
        "a type under a name that wants quotes",
        "'My c', sa.Integer",
        "'My c', sa.BigInteger",
        (TWICE.replace("c *", '"My c" *').replace("'c ", "'"),),
        (TWICE.replace("c *", '"My c" *').replace("'c ", "'"),),
        names="My c",
    ),
    several(
        "a domain under what is computed",
        (f"c: Mapped[int] = {MAY}", TWICE, *ON_TWICE),
        (f"c: Mapped[int] = {MAY.replace('sa.Integer', 'sa.SmallInteger')}", TWICE, *ON_TWICE),
        "T_small",
    ),
    several(
        "a computed enum",
        (
            _mood(("a", "b")),
            "g: Mapped[str | None] = mapped_column(Enum('a', 'b', name='T_mood'), Computed('mood', persisted=True))",
        ),
        (
            _mood(("a",)),
            "g: Mapped[str | None] = mapped_column(Enum('a', name='T_mood'), Computed('mood', persisted=True))",
        ),
        "type public.T_mood",
    ),
    several(
        "a value goes, and what is computed of it",
        (_mood(("a", "b")), "g: Mapped[bool | None] = mapped_column(Computed(\"mood = 'a'\", persisted=True))"),
        (_mood(("a",)),),
        "type public.T_mood",
    ),
)

KINDS = {
    "computed": COMPUTED,
    "enums": ENUMS,
    "types": TYPES,
    "columns": COLUMNS,
    "constraints": CONSTRAINTS,
    "indexes": INDEXES,
    "tables": TABLES,
}
ATTACKS: tuple[Edit, ...] = tuple(
    edit._replace(name=f"{kind}: {edit.name}") for kind, edits in KINDS.items() for edit in edits
)
