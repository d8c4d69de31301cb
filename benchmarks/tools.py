"""Migration tools of other makers, each where its program is on PATH: the same steps in its files, its commands."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.registries import Step, names, steps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_FIRST = 20260101000000


@dataclass(frozen=True)
class Tool:
    """One tool. Each service is a folder of files and a version table or project of its own."""

    name: str
    write: Callable[[Path, str, tuple[Step, ...], str], None]
    """Writes the files of a service into a folder; with psql's path, which sqitch runs."""
    words: Callable[[str, str], Mapping[str, tuple[str, ...]]]
    """URL of the database and name of the service to the arguments of "apply" and "status", run above the folder."""
    distribution: str = ""
    """Of Python, where the program tells no version."""

    @property
    def program(self) -> str:
        """Its path; empty where it is not installed."""
        return shutil.which(self.name) or ""

    @property
    def version(self) -> str:
        """Name and version, as it tells them."""
        argv = [self.program, "--version"]
        if self.distribution:
            code = f"from importlib.metadata import version; print(version({self.distribution!r}))"
            argv = [str(Path(self.program).resolve().parent / "python"), "-c", code]
        ran = subprocess.run(argv, capture_output=True, text=True, check=True)
        number = re.search(r"\d+(\.\d+)+", ran.stdout)
        return f"{self.name} {number[0] if number else ''}".strip()

    def argv(self, action: str, url: str, service: str) -> tuple[str, ...]:
        """The command for one service."""
        return (self.program, *self.words(url, service)[action])


def write_dbmate(folder: Path, _service: str, history: tuple[Step, ...], _psql: str) -> None:
    """A file a step, both ways in it."""
    for number, step in enumerate(history):
        text = f"-- migrate:up\n{step.up};\n\n-- migrate:down\n{step.down};\n"
        (folder / f"{_FIRST + number}_{step.id}.sql").write_text(text)


def write_sqitch(folder: Path, service: str, history: tuple[Step, ...], psql: str) -> None:
    """A plan, and a script for each way; scripts bring their own transactions."""
    (folder / "sqitch.conf").write_text(f'[core]\n\tengine = pg\n[engine "pg"]\n\tclient = {psql}\n')
    plan = [f"{step.id} 2026-01-01T00:00:00Z Bench <bench@example.com>" for step in history]
    (folder / "sqitch.plan").write_text("\n".join(["%syntax-version=1.0.0", f"%project={service}", "", *plan, ""]))
    for way, statements in (("deploy", [s.up for s in history]), ("revert", [s.down for s in history])):
        (folder / way).mkdir()
        for step, statement in zip(history, statements, strict=True):
            (folder / way / f"{step.id}.sql").write_text(f"BEGIN;\n{statement};\nCOMMIT;\n")


def write_yoyo(folder: Path, _service: str, history: tuple[Step, ...], _psql: str) -> None:
    """A file for each way, which names the one before it."""
    before = ""
    for step in history:
        (folder / f"{step.id}.sql").write_text(f"-- depends: {before}\n{step.up};\n")
        (folder / f"{step.id}.rollback.sql").write_text(f"{step.down};\n")
        before = step.id


def _dbmate(url: str, service: str) -> Mapping[str, tuple[str, ...]]:
    shared = ("--url", f"{url}?sslmode=disable", "--no-dump-schema", "--migrations-table", f"m_{service}")
    return {word: (*shared, "-d", f"dbmate/{service}", verb) for word, verb in _verbs("migrate", "status")}


def _sqitch(url: str, service: str) -> Mapping[str, tuple[str, ...]]:
    target = url.replace("postgresql://", "db:pg://")
    return {word: ("-C", f"sqitch/{service}", verb, target) for word, verb in _verbs("deploy", "status")}


def _yoyo(url: str, service: str) -> Mapping[str, tuple[str, ...]]:
    # one version table for all: with one each it fails over its log table, which has one name
    shared = ("--batch", "--no-config-file", "-d", url, f"yoyo/{service}")
    return {word: (verb, *shared) for word, verb in _verbs("apply", "list")}


def _verbs(apply: str, status: str) -> tuple[tuple[str, str], ...]:
    return (("apply", apply), ("status", status))


DBMATE = Tool("dbmate", write_dbmate, _dbmate)
SQITCH = Tool("sqitch", write_sqitch, _sqitch)
YOYO = Tool("yoyo", write_yoyo, _yoyo, "yoyo-migrations")


def installed() -> tuple[Tool, ...]:
    """Those on PATH."""
    return tuple(tool for tool in (DBMATE, SQITCH, YOYO) if tool.program)


def write(root: Path, tool: Tool, services: int, revisions: int, psql: str) -> None:
    """Write the files of all services."""
    for name in names(services):
        folder = root / tool.name / name
        folder.mkdir(parents=True)
        tool.write(folder, name, steps(name, revisions), psql)
