"""Text views of `migrate.verify` and `service.owners`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aegisdb.output.blocks import Block, Cell, Fields, Styled, Text, table
from aegisdb.plain_text import MOST, number_of, one_line, some_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aegisdb.output.blocks import Style


def verify(result: Any) -> Iterator[Block]:
    """Show a row for each service, the differences below."""
    yield table(["service", "state", "pending#", "models", "schema", "files"], map(_row, result.services))
    differences = {service.service: service.drift for service in result.services} | dict(result.others)
    for owner, changes in differences.items():
        if changes:
            yield Text(owner, "heading")
            yield Text("\n".join(map(one_line, _lines(changes))), verbatim=True)
    for service in result.services:
        if service.models:
            told = "models and histories differ" if _differing(service) else "not all of its models were compared"
            yield Text(f"{service.service}: {told}", "heading")
            lines = [one_line(f"  {operation}") for operation in service.models[:MOST]]
            yield Text("\n".join(lines + _more(len(service.models))), verbatim=True)
    if not result.problems:
        without = result.without_models
        others = [service.service for service in result.services if service.service not in without]
        models = "" if without else "models, "
        of_some = f", and so are the models of {some_of(others)}" if without and others else ""
        yield Text(f"{models}histories and the live schema are one{of_some}", "ok")
        if without:
            told = f"models were not compared: env.py gives Alembic no target_metadata: {some_of(without)}"
            yield Text(f"{told}; invoke doctor proposes the lines", "warn")


def _row(service: Any) -> tuple[Cell, ...]:
    state: Style = {"at head": "ok", "pending": "warn"}.get(service.state, "bad")  # type: ignore[assignment]
    return (
        service.service,
        Styled(service.state, state),
        "-" if service.state == "broken" else str(service.pending),  # its files cannot be read
        _models(service),
        _count(service.drift, "drift"),
        _count(service.tampered, "tampered"),
    )


def _models(service: Any) -> Styled:
    if service.models is None:
        return Styled("not asked" if service.has_models else "none", "dim")
    if not service.not_compared:
        return _count(service.models, "differ")
    differ = f"{count} differ, " if (count := _differing(service)) else ""
    return Styled(f"{differ}{service.not_compared} not compared", "bad")


def _differing(service: Any) -> int:
    return len(service.models) - int(service.not_compared)


def _count(found: Any, word: str) -> Styled:
    if found is None:
        return Styled("not asked", "dim")
    return Styled(f"{len(found)} {word}", "bad") if found else Styled("ok", "ok")


def _lines(changes: Iterable[Any]) -> Iterator[str]:
    """The differences by kind, a dozen of each."""
    kinds: dict[str, list[Any]] = {}
    for change in changes:
        kinds.setdefault(change.kind, []).append(change)
    for kind, found in kinds.items():
        for change in found[:MOST]:
            yield f"  {kind} {change.object}"
            if change.expected:
                yield f"    - {change.expected}"
            if change.found:
                yield f"    + {change.found}"
        yield from _more(len(found), kind)


def _more(count: int, kind: str = "") -> list[str]:
    return [f"  and {count - MOST} more {kind}".rstrip()] if count > MOST else []


def owners(result: Any) -> Iterator[Block]:
    """Objects by owner, then what is not in order."""
    for owner, keys in sorted(result.owned.items()):
        yield Text(
            f"{owner}: {number_of(len(keys), 'object')}, {result.counts[owner]} with all that belongs to them",
            "heading",
        )
        yield Fields(tuple(_by_kind(keys)))
    pairs: list[tuple[str, Cell]] = [("contested", f"{c.object}: {', '.join(c.services)}") for c in result.contested]
    pairs += [("names nothing", Styled(f"{o.pattern} of {o.service}", "warn")) for o in result.orphaned]
    pairs += [("nobody's", Styled(key, "bad")) for key in result.unowned]
    pairs += [("model of nobody's", Styled(f"{m.table} {m.cls}".rstrip(), "bad")) for m in result.models]
    if pairs:
        yield Fields(tuple(pairs))
    else:
        yield Text("every object has one owner", "ok")


def _by_kind(keys: Iterable[str]) -> Iterator[tuple[str, Cell]]:
    """A line a kind, tables first; `public.` goes without saying."""
    kinds: dict[str, list[str]] = {}
    for key in sorted(keys, key=lambda key: (not key.startswith("table "), key)):
        kind, _, name = key.partition(" ")
        kinds.setdefault(kind, []).append(name.removeprefix("public."))
    for kind, names in kinds.items():
        yield f"  {kind}", some_of(names)


VIEWS = {"VerifyResult": verify, "OwnersResult": owners}
