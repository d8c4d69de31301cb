"""Which members of a fleet a command is about (`--match`, `--shard`), and each of them as a target of the registry."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from aegisdb.errors import BadInput, UsageError
from aegisdb.fast_dataclass import dataclass
from aegisdb.members.rows import rows_of
from aegisdb.registry.fleets import filled
from aegisdb.registry.kinds import TARGETS
from aegisdb.shards import Shard

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aegisdb.members.rows import Row
    from aegisdb.registry.fleets import Fleet
    from aegisdb.registry.kinds import Target
    from aegisdb.registry.types import Registry

SEPARATOR = "/"
"""Between fleet and member in the name of a member's target, which no target of services.yaml has in its name."""
_NO_LABELS = {"name", "url_env", "direct_url_env"}


@dataclass(frozen=True)
class Member:
    """One database of a fleet."""

    name: str
    target: str
    """Its name as a target, FLEET/NAME."""
    labels: Mapping[str, str]


@dataclass(frozen=True)
class Chosen:
    """The members that a command is about, in the order in which they are listed."""

    fleet: str
    members: tuple[Member, ...]
    of: int
    """How many the fleet has."""
    match: tuple[str, ...]
    shard: str
    settings: Fleet

    def only(self, members: tuple[Member, ...]) -> Chosen:
        """Choose some of the members."""
        return replace(self, members=members)


def choose(registry: Registry, fleet: str, *, match: Iterable[str], shard: str) -> tuple[Registry, Chosen]:
    """The members that have these labels and are in this shard, and the registry with a target for each.

    A member's shard is told by its name alone, so that it stays the same when others come and go.

    Raises:
        UsageError: no such fleet, a label that no member has, a shard that is none, or nothing is left.
        BadInput: the members cannot be read, or one of them has no URL; and what `rows_of` raises.
    """
    settings = registry.fleet(fleet)
    match = tuple(match)
    wanted, part = _labels(match), Shard.parse(shard)
    rows = rows_of(registry, fleet, settings.members)
    _require_labels(rows, wanted, fleet)
    matching = [row for row in rows if all(row.get(label) == value for label, value in wanted.items())]
    left = [row for row in matching if part.has(row["name"])]
    if not matching:
        told = "no member is listed" if not rows else f"none of {len(rows)} members has {_typed(wanted)}"
        raise UsageError(f"fleet {fleet}: {told}", hint="see where its members are listed", code="no_members")
    targets = {f"{fleet}{SEPARATOR}{row['name']}": _target(registry, fleet, settings, row) for row in left}
    members = tuple(Member(row["name"], name, _shown(row)) for name, row in zip(targets, left, strict=True))
    file = replace(registry.file, targets={**registry.file.targets, **targets})
    return replace(registry, file=file), Chosen(fleet, members, len(rows), tuple(match), shard, settings)


def with_member(registry: Registry, target: str) -> Registry:
    """The registry with the member FLEET/NAME as a target; raises as `choose`."""
    fleet, _, name = target.partition(SEPARATOR)
    settings = registry.fleet(fleet)
    row = next((row for row in rows_of(registry, fleet, settings.members) if row["name"] == name), None)
    if row is None:
        raise UsageError(
            f"fleet {fleet} has no member {name!r}", hint="see where its members are listed", code="target"
        )
    targets = {**registry.file.targets, target: _target(registry, fleet, settings, row)}
    return replace(registry, file=replace(registry.file, targets=targets))


def _shown(row: Row) -> dict[str, str]:
    return {label: value for label, value in row.items() if label not in _NO_LABELS}


def _target(registry: Registry, fleet: str, settings: Fleet, row: Row) -> Target:
    """A url target; it is `protected`, for no database of a fleet is a throw-away one."""
    url, direct_url = (_url(registry, fleet, kind, getattr(settings, kind), row) for kind in ("url", "direct_url"))
    if not url:
        where = f"{registry.path.name}: fleets.{fleet}"
        raise BadInput(f"member {row['name']} has no URL", where=where, hint=_URL_HINT, code="members")
    keys = {"url": url, "direct_url": direct_url, "proof": settings.proof, "deployed": settings.deployed}
    return TARGETS.build({**keys, "protected": True})


_URL_HINT = "`url:` of the fleet with {name} in it, or a label `url_env`"


def _url(registry: Registry, fleet: str, kind: str, template: str, row: Row) -> str:
    where = f"{registry.path.name}: fleets.{fleet}.{kind}"
    if variable := row.get(f"{kind}_env"):
        value = registry.variable(variable)
        if not value:
            told = f"the variable {variable} of member {row['name']} is not set"
            raise BadInput(told, where=where, hint=f"export {variable}=...", code="unset_variable")
        return value
    try:
        return filled(template, row)
    except KeyError as error:
        told = f"member {row['name']} has no label {error.args[0]}"
        raise BadInput(told, where=where, hint=f"labels: {', '.join(row)}", code="members") from None


def _labels(match: Iterable[str]) -> dict[str, str]:
    wanted: dict[str, str] = {}
    for text in match:
        label, found, value = text.partition("=")
        if not found or not label:
            raise UsageError(f"--match needs LABEL=VALUE, not {text!r}", hint="e.g. --match region=eu", code="match")
        if wanted.setdefault(label, value) != value:
            raise UsageError(f"no member has two values of {label}", hint="one --match a label", code="match")
    return wanted


def _require_labels(rows: Iterable[Row], wanted: Mapping[str, str], fleet: str) -> None:
    known = list(dict.fromkeys(label for row in rows for label in row if label not in _NO_LABELS - {"name"}))
    for label in wanted:
        if known and label not in known:
            raise UsageError(
                f"no member of fleet {fleet} has a label {label!r}", hint=f"labels: {', '.join(known)}", code="match"
            )


def _typed(wanted: Mapping[str, str]) -> str:
    return " and ".join(f"{label}={value}" for label, value in wanted.items())
