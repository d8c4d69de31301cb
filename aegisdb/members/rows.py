"""The rows that list the members of a fleet: from services.yaml, from a CSV file, or from a control database."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aegisdb.errors import BadInput
from aegisdb.plain_text import number_of
from aegisdb.registry.fleets import COLUMN
from aegisdb.registry.values import NAME, NAME_HINT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from aegisdb.registry.fleets import Members
    from aegisdb.registry.types import Registry

Row = dict[str, str]


def rows_of(registry: Registry, fleet: str, members: Members) -> list[Row]:
    """The rows in their order, each with a `name` that is no other's; only a query contacts anything.

    Raises:
        BadInput: the file cannot be read, a row has no usable name, or two have the same.
        Unreachable: the control database does not answer; StatementFailed: it refuses the query.
    """
    if members.file:
        where, rows = members.file, _of_file(registry, members.file)
    elif members.target:
        where, rows = f"{registry.path.name}: fleets.{fleet}.members.query", _of_query(registry, members)
    else:
        where = f"{registry.path.name}: fleets.{fleet}.members.list"
        rows = [{"name": row} if isinstance(row, str) else dict(row) for row in members.list]
    return list(_judged(rows, where))


def _judged(rows: Iterable[Row], where: str) -> Iterator[Row]:
    seen: set[str] = set()
    for number, row in enumerate(rows, start=1):
        name = row.get("name", "")
        if not re.fullmatch(NAME, name):
            told = f"member {number} has no name" if not name else f"{name!r} is not usable as the name of a member"
            raise BadInput(told, where=where, hint=NAME_HINT, code="members")
        if name in seen:
            raise BadInput(f"{name} is a member twice", where=where, hint="name each member once", code="members")
        seen.add(name)
        yield row


def _of_file(registry: Registry, file: str) -> list[Row]:
    import csv

    try:
        text = (registry.root / file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", "") or "not UTF-8"
        raise BadInput(f"cannot read the members: {why}", where=file, code="members") from None
    lines = list(csv.reader(text.splitlines()))
    columns = _columns([name.strip() for name in lines[0]] if lines else [], file)
    for number, line in enumerate(lines[1:], start=2):
        if line and len(line) != len(columns):
            told = f"this line has {number_of(len(line), 'value')}, the heading has {len(columns)}"
            raise BadInput(told, where=f"{file}:{number}", hint="one value a column", code="members")
    return [dict(zip(columns, (value.strip() for value in line), strict=True)) for line in lines[1:] if line]


def _of_query(registry: Registry, members: Members) -> list[Row]:
    from aegisdb.postgres.connection import connect
    from aegisdb.servers import server_for

    registry.target(members.target)
    with connect(server_for(registry, members.target).address(), application="aegisdb: members") as conn:
        query = members.query.strip().rstrip(";")
        with conn.looking():
            found = conn.rows(f"SELECT row_to_json(m) FROM (\n{query}\n) AS m")  # noqa: S608  services.yaml says it
    rows = [{name: "" if value is None else str(value) for name, value in row.items()} for (row,) in found]
    _columns(list(rows[0]) if rows else ["name"], f"{registry.path.name}: fleets: query of {members.target}")
    return rows


def _columns(names: Sequence[str], where: str) -> Sequence[str]:
    wrong = [name for name in names if not re.fullmatch(COLUMN, name)]
    if wrong or "name" not in names or len(set(names)) != len(names):
        told = f"{wrong[0]!r} is no name of a column" if wrong else f"columns: {', '.join(names) or 'none'}"
        hint = "a column `name`, and one for each label: letters, digits and _, none of them twice"
        raise BadInput(told, where=where, hint=hint, code="members")
    return names
