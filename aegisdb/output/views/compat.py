"""Text view of `migrate.compat`."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from aegisdb.output.blocks import Block, Cell, Styled, Text, duration, table
from aegisdb.plain_text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

_KINDS = {
    "restricted": "refused now, if old code does it",
    "new value": "not to be written while old code runs",
    "not tried": "not checked",
}


def compat(result: Any) -> Iterator[Block]:
    """One row a service; below it what breaks, and what could not be decided."""
    if not result.revisions:
        yield Text(f"no revision is new against {result.against}: nothing to try", "ok")
    else:
        yield table(["service", "tables#", "statements#", "result"], map(_row, result.services))
    for service in result.services:
        for one in service.breaks:
            yield Text(f"{one}", "bad")
            yield Text("\n".join(one_line(f"  {line}") for line in (one.where, one.steps) if line), verbatim=True)
    yield from _unsettled([one for service in result.services for one in service.unsettled])
    if result.raw_sql:
        yield Text(f"not checked: SQL texts of {result.against} that name what has changed", "heading")
        yield Text("\n".join(one_line(f"  {one.where}: {one.why}") for one in result.raw_sql), verbatim=True)
    if result.ran is not None:
        yield from _command(result.ran)
    if result.revisions:
        yield _summary(result)


def _row(service: Any) -> tuple[Cell, ...]:
    if service.error:
        return service.service, "", "", Styled(f"not checked: {service.error}", "warn")
    count = len(service.breaks)
    told = Styled(f"{count} break{'' if count == 1 else 's'}", "bad") if count else Styled("bears it", "ok")
    return service.service, str(service.tables), str(service.statements), told


def _unsettled(found: list[Any]) -> Iterator[Block]:
    by: dict[str, list[str]] = defaultdict(list)
    for one in found:
        by[_KINDS[one.kind]].append(one_line(f"  {one}" + (f" ({one.where})" if one.where else "")))
    for heading, lines in by.items():
        yield Text(heading, "heading")
        yield Text("\n".join(lines), verbatim=True)


def _command(ran: Any) -> Iterator[Block]:
    if not ran.after:
        yield Text(f"{ran.command}: went well on the new schema", "ok")
        return
    yield Text("\n".join(one_line(f"  {line}") for line in ran.output), verbatim=True)
    if ran.before:
        yield Text(f"{ran.command}: ends with {ran.before} on the old schema, too, so it says nothing", "warn")


def _summary(result: Any) -> Text:
    count = sum(len(service.breaks) for service in result.services)
    new = f"{len(result.revisions)} new revision{'' if len(result.revisions) == 1 else 's'}"
    asked = f"models at {result.against} on {new}, in {duration(result.seconds)}"
    if count or result.problems:
        return Text(f"{count} break{'' if count == 1 else 's'}: {asked}", "bad")
    return Text(f"nothing that was tried breaks: {asked}", "ok")


VIEWS = {"CompatResult": compat}
