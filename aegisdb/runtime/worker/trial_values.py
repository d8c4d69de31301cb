"""Values for a column by its type: ordinary ones to make a row of, and those at the edge of what its model declares."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import ARRAY, Boolean, Enum, types

if TYPE_CHECKING:
    from collections.abc import Iterator

_TEXTS = ("a", "a@b.cd", "https://a.bc/d", "1", "abcdefgh", "0" * 64, "2000-01-01", "A-1", "/a", "{}", "")
_INTEGERS = (1, 0, 2, 100, 7, 1000, -1)
_DAY = dt.date(2001, 2, 3)
_TEXT, _NUMBER = "the longest text", "the largest number"
EDGES = frozenset({_TEXT, _NUMBER})
"""Values that a type can hold, and that a rule of the table may well forbid."""
_UNBOUNDED = 1000  # characters that a text without a length is tried with; an index on it still takes them
_BY_NAME: dict[str, tuple[Any, ...]] = {
    "INET": ("192.0.2.1",),
    "CIDR": ("192.0.2.0/24",),
    "MACADDR": ("08:00:2b:01:02:03",),
    "MACADDR8": ("08:00:2b:01:02:03:04:05",),
    "TSVECTOR": ("a",),
    "TSQUERY": ("a",),
    "HSTORE": ({},),
    "OID": (1,),
    "MONEY": ("1",),
    "CITEXT": _TEXTS,
    "LTREE": ("a",),
    "POINT": ("(0,0)",),
    "LINE": ("{1,1,0}",),
    "LSEG": ("[(0,0),(1,1)]",),
    "BOX": ("(1,1),(0,0)",),
    "PATH": ("[(0,0),(1,1)]",),
    "POLYGON": ("((0,0),(1,1),(1,0))",),
    "CIRCLE": ("<(0,0),1>",),
    "XML": ("<a/>",),
    "JSONPATH": ("$",),
    "PG_LSN": ("0/1",),
    "NAME": _TEXTS,
}


def ordinary(kind: Any) -> list[Any]:
    """Values of this type, the likeliest to be taken first; none where nothing is known of it."""
    plain = _plain(kind)
    name = _name(plain)
    if isinstance(plain, Enum):
        return _members(plain)
    if isinstance(plain, ARRAY):
        return [[], ordinary(plain.item_type)[:1]]
    if (found := _by_name(name, plain)) is not None:
        return found
    if isinstance(plain, types.JSON):
        return [{}, [], "a"]
    return [value for value in _by_affinity(plain) if _fits(plain, value)]


def _by_name(name: str, plain: Any) -> list[Any] | None:
    if name in _BY_NAME:
        return [*_BY_NAME[name]]
    if name.endswith("RANGE"):
        return ranges(name, 0)
    if name == "BIT":
        return ["1" * (getattr(plain, "length", None) or 1)]
    return [[0.5] * (getattr(plain, "dim", None) or 1)] if name in {"VECTOR", "HALFVEC"} else None


def fresh(kind: Any, turn: int) -> list[Any]:
    """Values of this type that a table is unlikely to have; others at each turn."""
    plain = _plain(kind)
    found: list[Any] = []
    if isinstance(plain, types.String) and not isinstance(plain, Enum):
        length = getattr(plain, "length", None) or 40
        found = [f"aegisdb{turn}"[-length:], f"aegisdb{turn}@b.cd"[-length:]]
    elif isinstance(plain, types.SmallInteger):
        found = [20_000 + turn]
    elif isinstance(plain, types.Integer):
        found = [1_900_000_000 + turn, 20_000 + turn]
    elif isinstance(plain, types.Numeric):
        found = [Decimal(turn + 1)]
    elif _is_uuid(plain):
        made = uuid.UUID(int=turn + 1)
        found = [made if getattr(plain, "as_uuid", True) else str(made)]
    elif isinstance(plain, types.DateTime):
        found = [_moment(plain) + dt.timedelta(days=turn + 1)]
    elif isinstance(plain, types.Date):
        found = [_DAY + dt.timedelta(days=turn + 1)]
    elif _name(plain).endswith("RANGE"):
        found = ranges(_name(plain), turn + 1)
    return found or ordinary(kind)


def declared(column: Any) -> Iterator[tuple[str, Any]]:
    """Values that the model itself allows in a column, each in words and as a value."""
    plain = _plain(column.type)
    if column.nullable:
        yield "NULL", None
    if isinstance(plain, Enum):
        for number, member in enumerate(_members(plain), 1):
            yield f"member {number}", member
    elif isinstance(plain, Boolean):
        yield "true", True
        yield "false", False
    elif isinstance(plain, types.String) and _name(plain) not in _BY_NAME:
        yield _TEXT, "x" * (getattr(plain, "length", None) or _UNBOUNDED)
    elif isinstance(plain, (types.Numeric, types.Integer)) and not isinstance(plain, types.Float):
        yield _NUMBER, _largest(plain)


def _largest(plain: Any) -> Any:
    if isinstance(plain, types.Integer):
        small, big = isinstance(plain, types.SmallInteger), isinstance(plain, types.BigInteger)
        return 2 ** (15 if small else 63 if big else 31) - 1
    if plain.precision is None:
        value = Decimal("12345678.12345678")
    else:
        scale = plain.scale or 0
        value = Decimal(10) ** (plain.precision - scale) - Decimal(1).scaleb(-scale)
    return value if plain.asdecimal else float(value)


def kind_of(value: Any) -> str:
    """The kind of a value that was read, as old code notices it."""
    if isinstance(value, dt.datetime):
        return "datetime with a time zone" if value.tzinfo else "datetime without a time zone"
    return type(value).__name__


def _plain(kind: Any) -> Any:
    """Return the type below those that only convert values, and below a domain, whose rules the server has."""
    while True:
        if isinstance(kind, types.TypeDecorator):
            kind = kind.impl
        elif type(kind).__name__ == "DOMAIN":  # SQLAlchemy 2 has it
            kind = kind.data_type
        else:
            return kind


def _name(plain: Any) -> str:
    """The name of a type as PostgreSQL has it: of the class, or what a type of the service's own says in DDL."""
    if isinstance(plain, types.UserDefinedType) and hasattr(plain, "get_col_spec"):
        said = str(plain.get_col_spec()).partition("(")[0].strip().upper()
        return said if said in _BY_NAME else type(plain).__name__.upper()
    return type(plain).__name__.upper()


def ranges(name: str, turn: int) -> list[Any]:
    """Ranges of this type, the last one empty; those of two turns do not overlap."""
    from sqlalchemy.dialects import postgresql

    made = getattr(postgresql, "Range", None)
    if made is None:  # before SQLAlchemy 2, where each driver has its own
        return ["empty"]
    moment = dt.datetime(2001, 2, 3) + dt.timedelta(days=turn)  # noqa: DTZ001
    low: Any = turn
    if name.startswith("TSTZ"):
        low = moment.replace(tzinfo=dt.timezone.utc)  # noqa: UP017  a service may run an older Python
    elif name.startswith(("TS", "DATE")):
        low = moment if name.startswith("TS") else moment.date()
    elif name.startswith("NUM"):
        low = Decimal(turn)
    several = [made(low, low + (dt.timedelta(days=1) if hasattr(low, "year") else 1)), made(empty=True)]
    return [[one] for one in several[:1]] if name.endswith("MULTIRANGE") else several


def _members(kind: Any) -> list[Any]:
    return [*kind.enum_class] if kind.enum_class is not None else [*kind.enums]


def _is_uuid(kind: Any) -> bool:
    return type(kind).__name__.upper() == "UUID"


def _moment(kind: Any) -> dt.datetime:
    zone = dt.timezone.utc  # noqa: UP017  a service may run an older Python
    return dt.datetime(2001, 2, 3, 4, 5, 6, tzinfo=zone if getattr(kind, "timezone", False) else None)


def _by_affinity(kind: Any) -> list[Any]:
    if _is_uuid(kind):
        made = uuid.UUID(int=1)
        return [made if getattr(kind, "as_uuid", True) else str(made)]
    for of, values in (
        (types.Boolean, [False, True]),
        (types.Integer, [*_INTEGERS]),
        (types.Float, [1.0, 0.5, 0.0]),
        (types.Numeric, [Decimal(1), Decimal("0.5"), Decimal(0)]),
        (types.DateTime, [_moment(kind)]),
        (types.Date, [_DAY]),
        (types.Time, [dt.time(4, 5, 6)]),
        (types.Interval, [dt.timedelta(days=1)]),
        (types.LargeBinary, [b"a", b"a" * 32]),
        (types.String, [*_TEXTS]),
    ):
        if isinstance(kind, of):
            return values
    return [dt.timedelta(days=1)] if type(kind).__name__.upper() == "INTERVAL" else []


def _fits(kind: Any, value: Any) -> bool:
    length = getattr(kind, "length", None)
    return not (isinstance(value, str) and isinstance(length, int) and len(value) > length)
