"""`fleets:` of services.yaml: where the members of each fleet are listed, and how they are reached."""

from __future__ import annotations

import re
from dataclasses import field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from aegisdb.fast_dataclass import dataclass
from aegisdb.registry.choice import STRICT, Choice, did_you_mean
from aegisdb.registry.kinds import Deployed  # noqa: TC001  pydantic reads it at run time
from aegisdb.registry.lookup import at, elements, is_text, items, texts
from aegisdb.registry.problems import Problem
from aegisdb.registry.values import NAME, NAME_HINT, match

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aegisdb.registry.document import Key

PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
COLUMN = r"[A-Za-z_][A-Za-z0-9_]*"
_SOURCES = ("list", "file", "target")


def _pick_row(value: Any) -> str | None:
    return "<text>" if isinstance(value, str) else "<mapping>" if isinstance(value, dict) else None


Row = Annotated[
    str | dict[str, str],
    Choice(
        _pick_row,
        lambda: {"<text>": str, "<mapping>": dict[str, str]},
        lambda: "a member is a name, or a mapping with `name` and its labels",
    ),
]


@dataclass(frozen=True, kw_only=True)
class Members:
    """Where the members of a fleet are listed: one of `list`, `file`, or `target` with `query`."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    list: tuple[Row, ...] = ()
    """Names, or mappings with `name` and labels."""
    file: str = ""
    """CSV file with a heading, relative to the registry: a column `name`, the others are labels."""
    target: str = ""
    """Target whose database lists them."""
    query: str = ""
    """SELECT for `target`: a column `name`, the others are labels."""


def _pick_limit(value: Any) -> str | None:
    return "<text>" if isinstance(value, str) else "<number>" if type(value) is int else None


Limit = Annotated[
    int | str,
    Choice(
        _pick_limit,
        lambda: {"<text>": str, "<number>": int},
        lambda: 'a limit is a number of members, or a part of them such as "1%"',
    ),
]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage of a rollout; a member belongs to the first that fits."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    name: str
    """Its name."""
    match: dict[str, str] = field(default_factory=dict)
    """Labels that a member has; without any, all that no stage before has."""
    parallel: int = 1
    """Members that are migrated at once."""
    per_server: int = 1
    """Members of these on one server at most; each has up to three sessions."""
    stop_after: Limit = 1
    """Failed members, or a part of the stage such as `"1%"`, after which no other member begins."""
    wait: bool = False
    """Stop after this stage; `rollout.resume` goes on with the next one."""


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """Databases with the same histories: tenants, regions, shards."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    members: Members
    """Where they are listed."""
    url: str = field(default="", repr=False)
    """URL of a member; `{name}` and `{LABEL}` are replaced. A label `url_env` names a variable with the URL instead."""
    direct_url: str = field(default="", repr=False)
    """URL of a member past a pooler; a label `direct_url_env` names a variable instead."""
    proof: str = ""
    """Target on whose server the references are built; the first embedded target without it."""
    deployed: Deployed | None = None
    """Which code runs against the members: a git ref, or a command, as for a target."""
    parallel: int = 8
    """Members that are asked at once."""
    per_server: int = 4
    """Members of these on one server at most, counted by its system identifier, not by its host name."""
    stages: tuple[Stage, ...] = ()
    """Stages of a rollout, in order; one stage with all members without it."""


def fleet_problems(plain: Any) -> Iterator[Problem]:
    """What is wrong in `fleets:` beyond its shape."""
    for key, _name, fleet in items(plain, "fleets"):
        yield from _source((*key, "members"), fleet.get("members"), plain)
        yield from _rows((*key, "members"), fleet.get("members"))
        for name in ("url", "direct_url"):
            for place, text in texts(fleet, name):
                yield from _template((*key, *place), text)
        for place, other in texts(fleet, "proof"):
            yield from _proof((*key, *place), other, plain)
        if fleet.get("deployed") == []:
            yield Problem((*key, "deployed"), "a command has words", "e.g. [./bin/what-runs, production]")
        yield from _limits(key, fleet)
        yield from _stages((*key, "stages"), fleet)


def _limits(key: Key, plain: Mapping[str, Any]) -> Iterator[Problem]:
    for name in ("parallel", "per_server"):
        if isinstance(plain.get(name), int) and plain[name] < 1:
            yield Problem((*key, name), "a limit is 1 or more")


def _stages(key: Key, fleet: Mapping[str, Any]) -> Iterator[Problem]:
    seen: set[str] = set()
    for place, stage in elements(fleet, "stages"):
        where = (*key, place[-1])
        if not isinstance(stage, dict):
            continue
        yield from _limits(where, stage)
        name, limit = stage.get("name"), str(stage.get("stop_after", 1))
        if is_text(name):
            yield from match(NAME, (*where, "name"), name, "not usable as the name of a stage", NAME_HINT)
            if name in seen:
                yield Problem((*where, "name"), f"{name} is a stage already", "name each stage once")
            seen.add(name)
        if not re.fullmatch(r"[1-9][0-9]*%?", limit):
            yield Problem((*where, "stop_after"), "a limit is 1 or more", 'members, or a part such as "1%"')


def _source(key: Key, members: Any, plain: Any) -> Iterator[Problem]:
    if not isinstance(members, dict):
        return
    given = [name for name in _SOURCES if name in members]
    if len(given) != 1:
        told = f"members come from {' and from '.join(given)}" if given else "members come from nowhere"
        yield Problem(key, told, "give one of `list`, `file`, or `target` with `query`")
    elif ("target" in members) != ("query" in members):
        yield Problem(key, "`target` and `query` belong together", "`query` is a SELECT for the database of `target`")
    for place, name in texts(members, "target"):
        yield from _known_target((*key, *place), name, plain)


def _known_target(key: Key, name: str, plain: Any) -> Iterator[Problem]:
    targets = at(plain, "targets")
    if isinstance(targets, dict) and name not in targets:
        yield Problem(
            key, f"no target is called {name!r}", f"{did_you_mean(name, targets)}targets: {', '.join(targets)}"
        )


def _proof(key: Key, name: str, plain: Any) -> Iterator[Problem]:
    yield from _known_target(key, name, plain)
    if at(plain, "targets", name, "protected") is True:
        yield Problem(key, f"target {name} is protected: it gets no database of ours", "name another one")


def _rows(key: Key, members: Any) -> Iterator[Problem]:
    seen: set[str] = set()
    for place, row in elements(members, "list"):
        where = (*key, *place)
        name = row.get("name") if isinstance(row, dict) else row
        if name is None:
            yield Problem(where, "this member has no `name`", "e.g. {name: acme, region: eu}")
        elif is_text(name):
            yield from match(NAME, where, name, "not usable as the name of a member", NAME_HINT)
            if name in seen:
                yield Problem(where, f"{name} is a member already", "name each member once")
            seen.add(name)
        for label in row if isinstance(row, dict) else ():
            yield from match(COLUMN, where, label, f"not usable as a label: {label!r}", "letters, digits and _")


def _template(key: Key, text: str) -> Iterator[Problem]:
    for name in PLACEHOLDER.findall(text):
        if not re.fullmatch(COLUMN, name):
            yield Problem(key, f"{{{name}}} is no label", "{name} or {LABEL}; a literal brace is %7B or %7D")
    if re.search(r"[{}]", PLACEHOLDER.sub("", text)):
        yield Problem(key, "a brace without its other half", "{name} or {LABEL}; a literal brace is %7B or %7D")


def filled(template: str, row: Mapping[str, str]) -> str:
    """The template with each `{LABEL}` replaced by the row's value as a URL spells it; KeyError for an unknown one."""
    from urllib.parse import quote

    return PLACEHOLDER.sub(lambda found: quote(row[found[1]], safe=""), template)
