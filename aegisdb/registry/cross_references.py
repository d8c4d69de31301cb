"""Parts of services.yaml that name each other: targets, order, version tables, owners."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from aegisdb.registry.choice import did_you_mean
from aegisdb.registry.fleets import fleet_problems
from aegisdb.registry.lookup import at, is_text, items, texts
from aegisdb.registry.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aegisdb.registry.document import Key

_WILDCARD = re.compile(r"[*?\[]")


def relation_problems(plain: Any) -> Iterator[Problem]:
    """Unknown names, cycles, and two services that claim the same."""
    yield from _targets(plain)
    yield from _order(plain)
    yield from _version_tables(plain)
    yield from _owners(plain)
    yield from fleet_problems(plain)
    init = [text for _key, text in texts(plain, "database", "init")]
    for key, text in texts(plain, "database", "unrestricted"):
        if text not in init:
            yield Problem(key, f"{text} is not in `init`", f"{did_you_mean(text, init)}name a file of `init`")
    for key, _name, service in items(plain, "services"):
        if service.get("stamp") is not None and service.get("base") is None:
            yield Problem(
                (*key, "stamp"), "`stamp` needs `base`", "`stamp` says which revision the base corresponds to"
            )


def _targets(plain: Any) -> Iterator[Problem]:
    targets = at(plain, "targets")
    if not isinstance(targets, dict):
        return
    if not targets:
        yield Problem(("targets",), "there is no target", "e.g. `local: {server: embedded}`")
    for key, name in texts(plain, "default_target"):
        if name not in targets:
            hint = f"{did_you_mean(name, targets)}targets: {', '.join(targets)}"
            yield Problem(key, f"no target is called {name!r}", hint)
    yield from _proofs(targets)
    for name, target in targets.items():
        if at(target, "deployed") == []:
            yield Problem(("targets", name, "deployed"), "a command has words", "e.g. [./bin/what-runs, production]")


def _proofs(targets: dict[str, Any]) -> Iterator[Problem]:
    for name, target in targets.items():
        for key, other in texts(target, "proof"):
            place = ("targets", name, *key)
            if other and other not in targets:
                hint = f"{did_you_mean(other, targets)}targets: {', '.join(targets)}"
                yield Problem(place, f"no target is called {other!r}", hint)
            elif other and at(targets[other], "protected") is True:
                yield Problem(place, f"target {other} is protected: it gets no database of ours", "name another one")


def _order(plain: Any) -> Iterator[Problem]:
    after: dict[str, list[str]] = {}
    services = at(plain, "services")
    for key, name, service in items(plain, "services"):
        after[name] = []
        for place, other in texts(service, "after"):
            if other == name:
                yield Problem((*key, *place), "a service cannot come after itself", "remove it")
            elif other not in services:
                hint = f"{did_you_mean(other, services)}services: {', '.join(services)}"
                yield Problem((*key, *place), f"no service is called {other!r}", hint)
            else:
                after[name].append(other)
    for cycle in _cycles(after):
        shown = " after ".join(cycle)
        yield Problem(("services", cycle[0], "after"), f"a cycle: {shown}", "remove one of these", at_key=True)


def _cycles(after: dict[str, list[str]]) -> Iterator[list[str]]:
    """One cycle for each group of services that wait for each other; each service is walked once."""
    done: set[str] = set()
    for start, first in after.items():
        trail: dict[str, Iterator[str]] = {} if start in done else {start: iter(first)}
        while trail:
            name = next(reversed(trail))
            follower = next(trail[name], None)
            if follower is None:
                done.add(name)
                trail.popitem()
            elif follower in trail:
                names = list(trail)
                yield [*names[names.index(follower) :], follower]
            elif follower not in done:
                trail[follower] = iter(after.get(follower, ()))


def _version_tables(plain: Any) -> Iterator[Problem]:
    seen: dict[tuple[str, str], str] = {}
    for key, name, service in items(plain, "services"):
        table = at(service, "alembic", "version_table")
        schema = service.get("schema") or ""
        if not is_text(table) or not is_text(schema):
            continue
        other = seen.setdefault((schema, table), name)
        if other != name:
            message = f"{table} is already the version table of {other}"
            hint = "each service keeps its own, e.g. alembic_version_" + name.replace("-", "_")
            yield Problem((*key, "alembic", "version_table"), message, hint)


def _owners(plain: Any) -> Iterator[Problem]:
    names: dict[str, str] = {}
    patterns: dict[str, list[tuple[str, str]]] = {}
    claims = list(_claims(plain))
    for key, service, claim in claims:
        other = names.setdefault(claim, service)
        start = _WILDCARD.search(claim)
        if other != service:
            yield _two_owners(key, claim, other, claim)
        elif start:
            patterns.setdefault(claim[: start.start()], []).append((service, claim))
    for key, service, claim in claims:
        for other, pattern in _candidates(claim, patterns):
            if other != service and pattern != claim and fnmatchcase(claim, pattern):
                yield _two_owners(key, claim, other, pattern)


def _candidates(claim: str, patterns: dict[str, list[tuple[str, str]]]) -> Iterator[tuple[str, str]]:
    """Patterns whose text before the first wildcard begins the claim: a thousand services stay quick."""
    for end in range(len(claim) + 1):
        yield from patterns.get(claim[:end], ())


def _two_owners(key: Key, claim: str, other: str, pattern: str) -> Problem:
    by = "" if claim == pattern else f" by its pattern {pattern}"
    message = f"{claim} is already owned by {other}{by}"
    return Problem(key, message, "a table has one owner: narrow one of the two")


def _claims(plain: Any) -> Iterator[tuple[Key, str, str]]:
    """Every owned name or pattern, with the service's own schema before it."""
    for key, name, service in items(plain, "services"):
        schema = service.get("schema")
        for place, text in texts(service, "owns"):
            qualified = f"{schema}.{text}" if is_text(schema) and "." not in text else text
            yield (*key, *place), name, qualified
