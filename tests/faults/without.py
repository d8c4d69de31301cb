"""Takes the feature of each fault 18-31 out, one at a time, in a copy of the project: a test of its row must then fail.

`python -m tests.faults.without [FAULT ...]`; features.py beside this file has the list.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.faults.features import MUTATIONS
from tests.faults.mutants import Mutation
from tests.invoke import ROOT, environment

_RIGHT = ("assert ", "AssertionError", "Failed: DID NOT RAISE")
"""How a failure begins that is about the feature."""
_HUNG = ("Failed: Timeout", "subprocess.TimeoutExpired")
_CRASH = re.compile(
    r"\b(?:Import|ModuleNotFound|Name|Attribute|Type|UnboundLocal|Indentation)Error\b|\bassert (?:4|7|70) =="
)
"""A mutant that only crashes (70), or met a busy (4) or stopped (7) server, says nothing about the feature."""
_PATIENCE = 240  # seconds for one test
_HANGING = 40  # seconds for one that hangs without the feature


@dataclass(frozen=True)
class Copy:
    """The project in a directory of its own, and an interpreter that imports `aegisdb` from there, children included.

    Children of the engine do not see PYTHONPATH, so a `.pth` file of that interpreter says where things are.
    """

    root: Path
    python: Path

    @classmethod
    def make(cls, home: Path) -> Copy:
        """Copy the working tree; packages are taken from the environment that runs this, but not its aegisdb."""
        root, venv = home / "copy", home / "venv"
        for name in _files():
            target = root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
        packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(venv), "platbase": str(venv)}))
        # the `.pth` files in the directories that are listed here are not read, so no editable install gets in
        listed = dict.fromkeys([str(root), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])
        (packages / "copy.pth").write_text("\n".join(listed) + "\n")
        made = cls(root, venv / "bin" / "python")
        made.require_own(home)
        # by hash: a mutant of the same size within the same second must not run as what was compiled before
        made.run("-m", "compileall", "-q", "--invalidation-mode", "checked-hash", "aegisdb", "tasks", "tests")
        return made

    def require_own(self, elsewhere: Path) -> None:
        """Raises when something else than the copy would be tested."""
        said = "import aegisdb, tests; print(aegisdb.__file__, tests.__file__, sep='\\n')"
        done = subprocess.run(
            [self.python, "-c", said], cwd=elsewhere, env=_environment(), capture_output=True, text=True, check=True
        )
        if not all(Path(file).is_relative_to(self.root) for file in done.stdout.splitlines()):
            raise RuntimeError(f"not the copy: {done.stdout}")

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the interpreter in the copy."""
        return subprocess.run(
            [self.python, *words], cwd=self.root, env=_environment(), capture_output=True, text=True, check=False
        )

    def failures(self, tests: Iterable[str], *, seconds: int = _PATIENCE) -> dict[str, str]:
        """Run these tests; those that fail with the reason, each as `file::name[parameters]`.

        Raises:
            RuntimeError: they cannot be run, or one of them is not run.
        """
        report = self.root.parent / "report.xml"
        report.unlink(missing_ok=True)
        wanted = [f"tests/{test}" for test in tests]
        options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", f"--timeout={seconds}", f"--junitxml={report}"]
        done = self.run("-m", "pytest", *options, *wanted)
        if done.returncode not in {0, 1}:
            raise RuntimeError(f"pytest ended with {done.returncode}\n{done.stdout}{done.stderr}")
        found: dict[str, str] = {}
        for case in ET.parse(report).iter("testcase"):  # noqa: S314  pytest wrote it just now
            name = f"{case.attrib['classname'].removeprefix('tests.').replace('.', '/')}.py::{case.attrib['name']}"
            if case.find("skipped") is not None:
                raise RuntimeError(f"{name} is skipped here, so nothing is proven")
            for end in (*case.findall("error"), *case.findall("failure")):
                # the attribute is cut short; lines of the traceback that begin with E have it all
                told = [line[1:].strip() for line in (end.text or "").splitlines() if line.startswith("E ")]
                found[name] = "\n".join([f"{'' if end.tag == 'failure' else 'error: '}{end.attrib['message']}", *told])
        return found

    def without(self, mutation: Mutation) -> dict[str, str]:
        """What fails when the feature is out; the file is as before afterwards."""
        path = self.root / "aegisdb" / mutation.file
        whole = path.read_text("utf-8")
        path.write_text(mutation.applied(whole), "utf-8")
        try:
            return self.failures(mutation.tests, seconds=_HANGING if mutation.hangs else _PATIENCE)
        finally:
            path.write_text(whole, "utf-8")


def _files() -> list[str]:
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return [name for name in names if (ROOT / name).is_file()]


def _environment() -> dict[str, str]:
    kept = environment()
    return {name: value for name, value in kept.items() if not name.startswith("PYTHON") and name != "CI"}


def alive(mutation: Mutation, failed: dict[str, str]) -> list[str]:
    """What is wrong with the end of a mutant: tests that it passed, or that failed for another reason."""
    wrong = []
    for test in mutation.tests:
        reasons = [why for name, why in failed.items() if name == test or name.startswith(f"{test}[")]
        right = _RIGHT + (_HUNG if mutation.hangs else ())
        if not reasons:
            wrong.append(f"{test} passes")
        elif not any(why.startswith(right) and not _CRASH.search(why) for why in reasons):
            wrong.append(f"{test} fails for another reason: {reasons[0][:300]}")
    return wrong


def main(faults: Sequence[int]) -> int:
    """Exit code 1 when a mutant survives, or when the tests are not green as it is."""
    chosen = [mutation for mutation in MUTATIONS if not faults or mutation.fault in faults]
    survivors = 0
    with tempfile.TemporaryDirectory(prefix="aegisdb-without-") as home:
        copy = Copy.make(Path(home))
        tests = dict.fromkeys(test for mutation in chosen for test in mutation.tests)
        if red := copy.failures(tests):
            _say(f"not green as it is: {red}")
            return 1
        _say(f"{len(tests)} tests are green as it is")
        for mutation in chosen:
            began = time.monotonic()
            failed = copy.without(mutation)
            wrong = alive(mutation, failed)
            survivors += bool(wrong)
            names = ", ".join(test.partition("::")[2] for test in mutation.tests)
            end = f"SURVIVED: {'; '.join(wrong)}" if wrong else f"killed by {names}: {_reason(failed)}"
            _say(f"{mutation.fault} | {mutation.feature} | {end} | {time.monotonic() - began:.0f} s")
    _say(f"{len(chosen)} mutations, {len(chosen) - survivors} killed, {survivors} survived")
    return 1 if survivors else 0


def _reason(failed: dict[str, str]) -> str:
    """What was expected and is not so, in one line of the first failure."""
    lines = next(iter(failed.values())).splitlines()
    told = next((line.strip() for line in lines if "assert " in line), lines[0])
    return told if len(told) <= 90 else f"{told[:90]}..."


def _say(line: str) -> None:
    sys.stdout.write(line + os.linesep)
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main([int(word) for word in sys.argv[1:]]))
