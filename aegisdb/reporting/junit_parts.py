"""JUnit reports of parts of one command, read and put together: suites of one name become one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from aegisdb.reporting.junit import HEAD

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_COUNTS = ("tests", "failures", "skipped")


@dataclass(frozen=True)
class JUnitPart:
    """One report, and what its suites say of the part that it is."""

    command: str
    target: str
    shard: str
    suites: list[ET.Element]


def read_junit(path: Path) -> JUnitPart:
    """Read a report of ours.

    Raises:
        OSError: it cannot be read; ValueError: it is no report of a part.
    """
    try:
        root = ET.fromstring(path.read_bytes())  # noqa: S314  the caller's own file, written by us
    except ET.ParseError as error:
        raise ValueError(str(error)) from None
    suites = list(root)
    said = {one.get("name", ""): one.get("value", "") for one in root.iterfind("testsuite/properties/property")}
    if not suites or not all(said.get(name) for name in ("command", "target", "shard")):
        raise ValueError(root.tag)
    return JUnitPart(said["command"], said["target"], said["shard"], suites)


def joined(parts: Sequence[list[ET.Element]]) -> list[ET.Element]:
    """The suites of all parts; those of one name are one, with the cases of all and what they count."""
    found: dict[str, list[ET.Element]] = {}
    for suites in parts:
        for suite in suites:
            found.setdefault(suite.get("name", ""), []).append(suite)
    return [_one(name, same) for name, same in found.items()]


def _one(name: str, same: Sequence[ET.Element]) -> ET.Element:
    cases = [case for suite in same for case in suite.iterfind("testcase")]
    seconds = sum(float(suite.get("time", "0")) for suite in same)
    made = ET.Element("testsuite", {"name": name, **_counted(cases), "time": f"{seconds:.3f}"})
    made.extend(cases)
    return made


def _counted(cases: Sequence[ET.Element]) -> dict[str, str]:
    failed, skipped = (sum(case.find(tag) is not None for case in cases) for tag in ("failure", "skipped"))
    return {"tests": str(len(cases)), "failures": str(failed), "skipped": str(skipped)}


def counts_of(suites: Sequence[ET.Element]) -> dict[str, int]:
    """How many cases there are in all of them, and how many failed or were left out."""
    return {name: sum(int(suite.get(name, "0")) for suite in suites) for name in _COUNTS}


def text_of(suites: Sequence[ET.Element]) -> str:
    """The document of these suites."""
    counts = counts_of(suites)
    seconds = sum(float(suite.get("time", "0")) for suite in suites)
    told = {"tests": str(counts["tests"]), "failures": str(counts["failures"]), "time": f"{seconds:.3f}"}
    root = ET.Element("testsuites", {"name": "aegisdb", **told})
    root.extend(suites)
    ET.indent(root)
    return HEAD + ET.tostring(root, encoding="unicode") + "\n"
