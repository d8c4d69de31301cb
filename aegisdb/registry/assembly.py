"""services.yaml to a `Registry`: read, judge the shape, interpolate, judge the meaning, build."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from aegisdb.errors import BadInput, Fault, RegistryError
from aegisdb.registry import cache
from aegisdb.registry.build import build_file
from aegisdb.registry.draft import Draft, Located, place
from aegisdb.registry.interpolation import Interpolation, Variables
from aegisdb.registry.kinds import TARGETS
from aegisdb.registry.problems import Problem
from aegisdb.registry.protection import of_same_database
from aegisdb.registry.rules import meaning_problems
from aegisdb.registry.types import ENV_TARGET, Registry, Unset

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from aegisdb.registry.document import Key
    from aegisdb.registry.kinds import Target


def load(path: Path, environ: Mapping[str, str], dotenv: Path | None = None) -> Registry:
    """Read services.yaml; `.env` is the one beside it, unless `dotenv` is another.

    Raises:
        RegistryError: everything that is wrong with it, each with file:line:column.
        BadInput: the file cannot be read.
    """
    path = path.absolute()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot read the registry: {error.strerror}", where=str(path), code="no_registry") from None
    draft = cache.draft_of(path, content)
    variables = Variables(environ, dotenv or path.parent / ".env")
    interpolation = Interpolation(variables)
    plain = _filled(draft, interpolation)
    known = draft if draft.judged else None
    problems = [*draft.problems, *interpolation.problems, *meaning_problems(plain, path.parent, judged=known)]
    problems += [_unset_problem(key, name) for key, name in interpolation.unset if not _waits(key)]
    if problems or draft.located:
        raise _error(path, content, draft, problems)
    cache.keep(path, content, draft)
    unset = tuple(Unset(key, name, place(path, draft.marks[key])) for key, name in interpolation.unset)
    return _registry(path, plain, variables, unset)


def _filled(draft: Draft, interpolation: Interpolation) -> Any:
    """The data with its variables filled in; of thousands of services often none has any."""
    if not draft.judged:
        return interpolation.fill(draft.plain)
    marked = {key[0] for key in draft.marks}
    return {name: interpolation.fill(part, (name,)) if name in marked else part for name, part in draft.plain.items()}


def _waits(key: Key) -> bool:
    """Whether only some commands need the value, so that an unset variable is told when one does."""
    return key[0] in {"targets", "fleets", "database"} or (key[0] == "services" and "seeds" in key[2:3])


def _unset_problem(key: Key, name: str) -> Problem:
    return Problem(key, f"the variable {name} is not set", f"export {name}=..., or write ${{{name}:-default}}")


def _error(path: Path, content: bytes, draft: Draft, problems: list[Problem]) -> RegistryError:
    from aegisdb.registry.document import dotted

    tree = draft.tree
    if tree is None:
        from aegisdb.registry.reader import Reader

        tree = Reader().read(content)
        assert tree is not None  # noqa: S101 - the same bytes were read before they were cached
    found = list(draft.located)
    for problem in problems:
        prefix = f"{dotted(problem.key)}: " if problem.key else ""
        mark = tree.locate(problem.key, at_key=problem.at_key)
        found.append(Located(mark, prefix + problem.message, problem.hint))
    found.sort(key=lambda item: item.mark)
    return RegistryError(tuple(Fault(place(path, item.mark), item.message, item.hint) for item in found))


def _registry(path: Path, plain: dict[str, Any], variables: Variables, unset: tuple[Unset, ...]) -> Registry:
    file = build_file(plain)
    default, source = file.default_target or next(iter(file.targets)), "default_target"
    if url := variables.get("DATABASE_URL"):
        file = replace(file, targets={**file.targets, ENV_TARGET: _env_target(url, file.targets, variables)})
        default, source = ENV_TARGET, "DATABASE_URL"
    if wished := variables.get("AEGIS_TARGET"):
        default, source = wished, "AEGIS_TARGET"
    return Registry(
        path=path, file=file, default_target=default, default_source=source, unset=unset, variable=variables.get
    )


def _env_target(url: str, targets: Mapping[str, Target], variables: Variables) -> Target:
    """The target of DATABASE_URL; what variables do not say is as for a target of the file with the same database.

    Its `direct_url` and `bindir` only count where the URL is the same text: another login is not meant for them.
    """
    target = plain = TARGETS.build({"url": url})
    same = sorted(of_same_database(targets, plain), key=lambda name: url not in targets[name].urls()[:1])
    name = next(iter(same), "")
    if name:
        found = targets[name]
        alike = replace(plain, gate=found.gate, deployed=found.deployed, proof=found.proof)
        target = found if url in found.urls()[:1] else alike
    said: dict[str, Any] = {
        "direct_url": variables.get("DATABASE_URL_DIRECT") or variables.get("DIRECT_URL"),
        "proof": variables.get("AEGIS_PROOF") or (ENV_TARGET if name and target.proof == name else ""),
        "deployed": variables.get("AEGIS_DEPLOYED"),
    }
    return replace(target, **{key: value for key, value in said.items() if value})
