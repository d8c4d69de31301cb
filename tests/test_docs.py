"""Documentation is true: made parts are current, links lead somewhere, commands exist, error codes are explained."""

from __future__ import annotations

import ast
import json
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from invoke.exceptions import ParseError
from invoke.parser import Parser
from invoke.parser.context import ParserContext

import tasks
from aegisdb.cli.docs import generated
from tests.invoke import ROOT, invoke
from tests.sources import Source, of_engine, sources

README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def fenced(text: str) -> list[str]:
    return [block for _, block in _FENCE.findall(text)]


def commands(page: Path) -> list[str]:
    """Every `invoke ...` of a page, in code spans and in blocks, up to what the shell would end it with."""
    text = page.read_text("utf-8")
    spans = re.findall(r"`([^`\n]+)`", _FENCE.sub("", text)) + [
        line for block in fenced(text) for line in block.splitlines()
    ]
    found = [re.search(r"(?:^|[\s(/])invoke ([a-z-][^|>)#;&*]*)", span) for span in spans]
    return [match[1].strip().replace("…", "").replace("...", "") for match in found if match]


def test_quick_start_is_two_blocks_of_one_command_line() -> None:
    section = README.read_text("utf-8").partition("## Quick start\n")[2]
    first, second = fenced(section)[:2]
    assert first.count("\n") == second.count("\n") == 1
    assert first.strip().endswith("invoke db.reset")
    assert "pytest" in second


def test_made_parts_are_current() -> None:
    behind = [path.name for path, text in generated(tasks.ns, ROOT).items() if path.read_text("utf-8") != text]
    assert behind == [], "invoke dev.docs"


def test_the_table_of_tasks_is_what_invoke_lists() -> None:
    listed = json.loads(invoke("--list", "--list-format=json").out)
    names = [task["name"] for task in listed["tasks"]]
    names += [f"{inner['name']}.{task['name']}" for inner in listed["collections"] for task in inner["tasks"]]
    table = (ROOT / "docs" / "tasks" / "README.md").read_text("utf-8")
    assert re.findall(r"^\| \[`([^`]+)`\]", table, re.MULTILINE) == sorted(names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", _FENCE.sub("", page.read_text("utf-8"))):
        if "://" in target:
            continue
        path, _, heading = target.partition("#")
        file = (page.parent / path) if path else page
        assert file.exists(), target
        if heading:
            assert heading in {
                _anchor(title) for title in re.findall(r"^#+ (.*)$", file.read_text("utf-8"), re.MULTILINE)
            }


def _anchor(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_the_documentation_exist_with_their_flags(page: Path) -> None:
    for line in commands(page):
        words = [word for word in shlex.split(line) if not word.startswith("[")]
        # those that the line names: the parser copies all that it gets
        contexts = [one for one in _contexts() if {one.name, *one.aliases} & set(words)]
        parser = Parser(contexts=contexts, initial=ParserContext(args=[]))
        if words[0].startswith("-") or words[0].rstrip(".") in tasks.ns.collections:  # --list; `migrate.*`
            continue
        try:
            parser.parse_argv(words)
        except ParseError as error:
            if "required positional" in str(error):  # a text may name a task without its arguments
                continue
            pytest.fail(f"{page.name}: invoke {line}: {error}")


@cache
def _contexts() -> list[ParserContext]:
    return list(tasks.ns.to_contexts())


_NOT_YET: set[str] = set()
"""Tasks that hints name and that are still to be made; take a name out as soon as its task is there."""


def test_every_task_that_a_hint_names_exists() -> None:
    asked = re.compile(rf"\binvoke ((?:{'|'.join(tasks.ns.collections)})\.[a-z-]+)")
    named = {name for source in of_engine() for name in asked.findall(source.text)}
    assert named - set(tasks.ns.task_names) <= _NOT_YET


def codes_in_source() -> set[str]:
    """Every literal `code=` and `default_code` of the engine and of the tasks."""
    found = {code for source in sources().values() for code in _codes(source)}
    return {code for code in found if re.fullmatch(r"[a-z][a-z_]+", code)}


def _codes(source: Source) -> Iterator[str]:
    named: list[ast.expr | None] = [node.value for node in source.nodes(ast.keyword) if node.arg == "code"]
    for node in source.nodes(ast.Assign, ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        named += [node.value for target in targets if "default_code" in ast.unparse(target)]
    yield from (str(value.value) for value in named if isinstance(value, ast.Constant))


def test_every_error_code_is_explained_once() -> None:
    explained = re.findall(r"^\| `([a-z_]+)` \|", (ROOT / "docs" / "errors.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(explained) == sorted(set(explained)), "sorted and without doubles"
    assert explained == sorted(explained)
    assert codes_in_source() - set(explained) == set(), "add a row to docs/errors.md"


def test_every_explained_code_exists() -> None:
    written = "".join(source.text for source in sources().values())
    explained = re.findall(r"^\| `([a-z_]+)` \|", (ROOT / "docs" / "errors.md").read_text("utf-8"), re.MULTILINE)
    made = {"unknown_target", "unknown_service", "unknown_fleet"}  # f"unknown_{kind}"
    assert [code for code in explained if f'"{code}"' not in written and code not in made] == []
