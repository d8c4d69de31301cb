"""Workflow files of docs/ci.md and the pre-commit hook: YAML that is right, commands that exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
from invoke.parser import Parser
from invoke.parser.context import ParserContext
from ruamel.yaml import YAML

import tasks
from tests.invoke import ROOT

PAGE = (ROOT / "docs" / "ci.md").read_text("utf-8")
COMMANDS = ("invoke ", "aegisdb migrate.")
HOOKS = ROOT / ".pre-commit-hooks.yaml"


def documents() -> list[Any]:
    """The YAML blocks of docs/ci.md (GitHub, GitLab, pre-commit), and the hook file."""
    blocks = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return [YAML(typ="safe").load(text) for text in (*blocks, HOOKS.read_text("utf-8"))]


def strings(value: Any) -> Iterator[str]:
    """Every text in a document."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from strings(item)


def test_there_is_one_for_each_system() -> None:
    github, gitlab, config, hooks = documents()
    steps = github["jobs"]["database"]["steps"]
    checkout = next(step for step in steps if step.get("uses", "").startswith("actions/checkout@"))
    assert checkout["with"]["fetch-depth"] == 0
    assert gitlab["database"]["artifacts"]["reports"]["junit"] == "reports/junit.xml"
    (local,) = config["repos"][0]["hooks"]
    (hook,) = hooks
    alike = local.keys() - {"entry", "language"}  # one is installed by pre-commit, the other one is there already
    assert {key: hook[key] for key in alike} == {key: local[key] for key in alike}


@pytest.mark.parametrize("number", range(4))
def test_every_command_parses(number: int) -> None:
    lines = [line for text in strings(documents()[number]) for line in text.splitlines() if line.startswith(COMMANDS)]
    assert lines
    for line in lines:
        parser = Parser(contexts=tasks.ns.to_contexts(), initial=ParserContext(args=[]))
        parsed = parser.parse_argv(shlex.split(line)[1:])
        assert all(context.name in tasks.ns.task_names for context in parsed[1:])


def test_the_hook_runs_for_revisions() -> None:
    pattern = re.compile(documents()[3][0]["files"])
    assert pattern.search("services/identity/alembic/versions/1_a.py")
    assert pattern.search("services.yaml")
    assert not pattern.search("services/identity/identity/models.py")
