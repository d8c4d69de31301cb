"""`report.merge`: the reports of all parts of one command, put together; a part that is missing is told."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aegisdb.errors import BadInput, Problem, UsageError
from aegisdb.reporting.junit_parts import counts_of, joined, read_junit, text_of
from aegisdb.reporting.report_file import write_report
from aegisdb.results import Result
from aegisdb.shards import Shard
from aegisdb.workflows.plan_merge import PLAN, whole_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

_GRAVITY = (2, 5, 1, 6, 3, 7, 4)
_SAME = frozenset({"of"})
"""Numbers that are of all parts together in each report."""
_JSON, _XML = ".json", ".xml"
_HINTS = {
    _JSON: "keep what each of them prints with --shard I/N --format json, and run what is missing; of JUnit reports"
    " --output FILE.xml makes one",
    _XML: "invoke rollout.report ID --output FILE.xml for the rollout of each part (--shard I/N)",
}


@dataclass(frozen=True, kw_only=True)
class MergeResult(Result):
    """One report of all parts."""

    services: tuple[Mapping[str, Any], ...]
    merged: str
    """The command whose reports they are."""
    target: str
    shards: int
    report: Mapping[str, Any]
    """What stands under `result` in each of them: lists joined, numbers added, of seconds the longest."""


def merge(files: Sequence[str], here: Path, *, output: str = "") -> MergeResult:
    """Put the reports together; the exit code is the gravest of theirs.

    With `output` they are JUnit reports, and what is put together is written there. They have no exit codes.

    Raises:
        BadInput: a file is no report of a part; parts of several commands; a part that is missing or there twice.
    """
    if output:
        return _junit(files, here, output)
    reports = _read_all(_read, files, here, _JSON)
    documents = [one.document for one in reports]
    if documents[0]["command"] == PLAN:
        documents = whole_plan(documents, _HINTS[_JSON])
    services = [service for one in documents for service in one.get("services", ())]
    return MergeResult(
        services=tuple(sorted(services, key=lambda one: str(one.get("service", "")))),
        merged=documents[0]["command"],
        target=documents[0]["target"],
        shards=len(reports),
        report=_joined([one["result"] for one in documents]),
        problems=tuple(_problems(documents)),
    )


def _junit(files: Sequence[str], here: Path, output: str) -> MergeResult:
    if not output.endswith(_XML):
        raise UsageError(f"cannot tell the format of {output!r}", hint=f"end the name with {_XML}: JUnit reports")
    reports = _read_all(_read_junit, files, here, _XML)
    suites = joined([one.document["suites"] for one in reports])
    write_report(here / output, text_of(suites))
    first = reports[0].document
    return MergeResult(
        services=(),
        merged=first["command"],
        target=first["target"],
        shards=len(reports),
        report={"file": output, **counts_of(suites)},
    )


@dataclass(frozen=True)
class _Report:
    path: Path
    document: Mapping[str, Any]
    shard: Shard


def _read_all(read: Callable[[Path], _Report], files: Sequence[str], here: Path, suffix: str) -> list[_Report]:
    reports = sorted((read(path) for path in _files(files, here, suffix)), key=lambda one: one.shard.number)
    _require_all(reports, _HINTS[suffix])
    return reports


def _files(named: Sequence[str], here: Path, suffix: str) -> list[Path]:
    every = (path for name in named for path in _below(here / name, suffix))
    found = list(dict.fromkeys(every))
    if not found:
        raise BadInput("no report is named", hint="--files FOLDER, or --files FILE for each", code="shards")
    return found


def _below(path: Path, suffix: str) -> list[Path]:
    return sorted(path.glob(f"*{suffix}")) if path.is_dir() else [path]


def _read(path: Path) -> _Report:
    try:
        document = json.loads(path.read_text("utf-8"))
        shard = document["result"]["shard"]
        known = bool(shard) and isinstance(document["errors"], list)
        exit_code, command = int(document["exit_code"]), str(document["command"])
    except OSError as error:
        raise BadInput(
            f"cannot read a report: {error.strerror}", where=str(path), hint=_HINTS[_JSON], code="shards"
        ) from None
    except (ValueError, KeyError, TypeError):
        raise _no_report(path, _JSON) from None
    if not known or exit_code not in {0, *_GRAVITY} or not command:
        raise _no_report(path, _JSON)
    return _Report(path, document, Shard.parse(str(shard)))


def _read_junit(path: Path) -> _Report:
    try:
        found = read_junit(path)
    except OSError as error:
        raise BadInput(
            f"cannot read a report: {error.strerror}", where=str(path), hint=_HINTS[_XML], code="shards"
        ) from None
    except ValueError:
        raise _no_report(path, _XML) from None
    return _Report(path, vars(found), Shard.parse(found.shard))


def _no_report(path: Path, suffix: str) -> BadInput:
    return BadInput(
        "this is no report of a part that came to its end", where=str(path), hint=_HINTS[suffix], code="shards"
    )


def _require_all(reports: Sequence[_Report], hint: str) -> None:
    first = reports[0]
    for one in reports:
        for key in ("command", "target"):
            if one.document[key] != first.document[key]:
                told = f"{first.path} is of {first.document[key]}, {one.path} is of {one.document[key]}"
                raise BadInput(told, hint="merge reports of one command on one target", code="shards")
        if one.shard.of != first.shard.of:
            told = f"{first.path} is one of {first.shard.of} parts, {one.path} one of {one.shard.of}"
            raise BadInput(told, hint=hint, code="shards")
    for number in range(first.shard.of):
        there = [one.path for one in reports if one.shard.number == number]
        if not there:
            raise BadInput(f"part {number}/{first.shard.of} is missing", hint=hint, code="shards")
        if len(there) > 1:
            told = f"part {number}/{first.shard.of} is there twice: {there[0]} and {there[1]}"
            raise BadInput(told, hint=hint, code="shards")


def _problems(documents: Iterable[Mapping[str, Any]]) -> Iterator[Problem]:
    """Every error once, those of the gravest exit code first."""
    failed = [one for one in documents if one["exit_code"]]
    seen = set()
    for one in sorted(failed, key=lambda one: _GRAVITY.index(one["exit_code"])):
        for error in reversed(one["errors"]):  # a report has the gravest last
            problem = Problem(**error, exit_code=one["exit_code"])
            if str(problem) not in seen:
                seen.add(str(problem))
                yield problem


def _joined(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    keys = dict.fromkeys(key for one in results for key in one if key != "shard")
    return {key: _value(key, [one[key] for one in results if key in one]) for key in keys}


def _value(key: str, values: Sequence[Any]) -> Any:
    first = values[0]
    if isinstance(first, list):
        every = [item for value in values for item in value]
        made = {"groups": _groups, "stages": _stages}.get(key)
        return made(every) if made else every
    if isinstance(first, dict):
        return {name: item for value in values for name, item in value.items()}
    if isinstance(first, str):
        return ", ".join(dict.fromkeys(value for value in values if value))
    if isinstance(first, bool) or not isinstance(first, int | float) or key in _SAME:
        return first
    return max(values) if key == "seconds" else sum(values)


def _groups(every: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Groups of members with the same answer, the largest first."""
    found: dict[str, dict[str, Any]] = {}
    for one in every:
        same = one["answer"] if "answer" in one else json.dumps(one["pending"], sort_keys=True)
        known = found.setdefault(same, {**one, "members": []})
        known["members"] = [*known["members"], *one["members"]]
    return sorted(found.values(), key=lambda one: -len(one["members"]))


def _stages(every: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Stages of a rollout, or of several that are its parts, each once: what they count is added."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for one in every:
        found.setdefault(one["stage"], []).append(one)
    return [{"stage": name, **_added([_numbers(one) for one in same])} for name, same in found.items()]


def _numbers(stage: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in stage.items() if key != "stage"}


def _added(counts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    keys = dict.fromkeys(key for one in counts for key in one)
    values = {key: [one[key] for one in counts if key in one] for key in keys}
    return {key: _added(found) if isinstance(found[0], dict) else sum(found) for key, found in values.items()}
