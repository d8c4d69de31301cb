"""The menu: every module on it, every flag explained, nothing heavy imported, mistakes of typing answered with 2."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path
from pkgutil import iter_modules

import pytest
from invoke.util import task_name_sort_key

import tasks
from aegisdb.cli.task import AegisTask
from aegisdb.workspace import DEFAULT_LOCK_WAIT
from tests.invoke import ROOT, command, environment
from tests.invoke import anew as invoke

HEAVY = ("alembic", "sqlalchemy", "psycopg", "pydantic", "rich", "ruamel", "pgserver", "asyncpg")
_BODY_LINES = 6


def every_task() -> dict[str, AegisTask]:
    return {name: tasks.ns[name] for name in sorted(tasks.ns.task_names)}


def test_every_module_of_tasks_is_on_the_menu() -> None:
    modules = {module.name for module in iter_modules([str(ROOT / "tasks")]) if not module.name.startswith("_")}
    assert modules == {name.split(".")[0] for name in tasks.ns.task_names}


def test_a_task_knows_the_name_that_is_typed() -> None:
    assert {name: made.dotted for name, made in every_task().items()} == {name: name for name in every_task()}


def test_invoke_never_takes_one_task_for_another() -> None:
    made = list(every_task().values())
    assert [one.dotted for one in made for other in made if one == other and one is not other] == []


def test_the_documented_lock_wait_is_the_one_that_counts() -> None:
    assert tasks.ns["migrate.apply"].flags["lock_wait"].default == DEFAULT_LOCK_WAIT


@pytest.mark.parametrize("name", every_task())
def test_every_flag_has_help_and_every_task_has_an_example(name: str) -> None:
    made = every_task()[name]
    arguments = made.get_arguments()
    assert [arg.name for arg in arguments if not arg.help] == []
    assert "h" not in {short for arg in arguments for short in arg.names}, "-h belongs to --help"
    documentation = inspect.getdoc(made) or ""
    assert documentation.splitlines()[0].endswith("."), "the first line is what --list shows"
    assert f"invoke {name}" in documentation.partition("Example")[2], "an example that uses the task"


@pytest.mark.parametrize("name", every_task())
def test_what_writes_has_a_dry_run(name: str) -> None:
    # doctor without --fix is the dry run of its fixes
    made = every_task()[name]
    assert not made.options.writes or "dry_run" in made.flags or name == "doctor"


@pytest.mark.parametrize("name", every_task())
def test_a_body_wires_calls_and_returns(name: str) -> None:
    source = inspect.getsource(every_task()[name].inner)
    body = source.split('"""')[2].strip().splitlines()
    assert len([line for line in body if line.strip()]) <= _BODY_LINES


@pytest.mark.parametrize("words", [["--list"], ["nosuch"], ["service.list", "--nosuch"], ["service.list", "-f", "x"]])
def test_listing_and_mistakes_import_nothing_heavy(words: list[str]) -> None:
    argv = [sys.executable, "-X", "importtime", *command(*words)[1:]]
    done = subprocess.run(argv, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "aegisdb.cli.task" in imported
    assert {name for name in imported if name.split(".")[0] in HEAVY} == set()


def test_a_result_as_text_needs_no_rich() -> None:
    argv = [sys.executable, "-X", "importtime", *command("service.list")[1:]]
    done = subprocess.run(argv, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "aegisdb.output.layout" in imported
    assert {name for name in imported if name.split(".")[0] in {"rich", "psycopg", "sqlalchemy", "alembic"}} == set()


def test_byte_code_is_cached_although_invoke_switches_it_off(tmp_path: Path) -> None:
    invoke("--list", env={"PYTHONPYCACHEPREFIX": str(tmp_path)})
    assert list(tmp_path.rglob("cli/task*.pyc"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["service.lst"], "there is no task 'service.lst' → did you mean 'service.list'?"),
        (["zzzzzz"], "there is no task 'zzzzzz'"),
        (["service.list", "--targt", "x"], "there is no flag --targt of service.list → did you mean '--target'?"),
        (["migrate.apply", "--servce", "x"], "there is no flag --servce of migrate.apply → did you mean '--service'?"),
        (["db.snapshot", "x", "--lockwait", "1"], "did you mean '--lock-wait'? there are: "),
        (["service.list", "--target"], "--target needs a value"),
        (["service.list", "--format", "xml"], "--format does not know 'xml'"),
        (["rollback"], "there is no task 'rollback' → did you mean 'migrate.rollback'?"),
        (["apply"], "did you mean 'deploy.apply' or 'migrate.apply'?"),
        (["--help", "service.lst"], "there is no task 'service.lst' → did you mean 'service.list'?"),
        (["service.list", "--target", "nowhere"], "nowhere"),
    ],
)
def test_a_mistake_of_typing_is_2_with_what_was_meant(words: list[str], said: str) -> None:
    ran = invoke(*words)
    assert ran.code == 2
    assert said in ran.last
    # how long it took is told only where that is long
    assert [line for line in ran.err.splitlines() if not line.startswith("failed after")] == [ran.last]
    assert ran.out == ""


@pytest.mark.parametrize(
    "words", [["db.snapshot", "x", "--yes"], ["service.list", "--dry-run"], ["service.owners", "--sort"], ["zzzzzz"]]
)
def test_nothing_far_fetched_is_suggested(words: list[str]) -> None:
    """`--yes` is not like `--name`; the dashes, which all flags share, do not count."""
    ran = invoke(*words)
    assert ran.code == 2
    assert "did you mean" not in ran.last


@pytest.mark.parametrize(
    "words", [["service.lst"], ["service.list", "--targt", "x"], ["service.list", "-t", "nowhere"]]
)
def test_a_mistake_of_typing_is_an_envelope_where_json_is_wanted(words: list[str]) -> None:
    ran = invoke(*words, "--format", "json")
    assert ran.code == 2
    assert ran.json["exit_code"] == 2
    assert ran.json["errors"][0]["hint"]


def test_without_a_registry_the_answer_is_2(tmp_path: Path) -> None:
    ran = invoke("service.list", cwd=tmp_path)
    assert ran.code == 2
    assert "services.yaml" in ran.last


def test_two_tasks_with_equal_flags_on_one_line_both_run() -> None:
    ran = invoke("service.list", "--format", "json", "service.list", "--format=json", "--target", "local")
    assert ran.out.count('"command": "service.list"') == 2


def test_the_list_for_programs_has_every_task() -> None:
    listed = json.loads(invoke("--list", "--list-format=json").out)
    names = {task["name"] for task in listed["tasks"]}
    names |= {f"{inner['name']}.{task['name']}" for inner in listed["collections"] for task in inner["tasks"]}
    assert names == set(every_task())


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("invoke service.list --target ", "local"),
        ("invoke service.list --target=lo", "local"),
        ("invoke service.list --format j", "json"),
        ("./.venv/bin/invoke service.list --target lo", "local"),
    ],
)
def test_tab_completes_values(line: str, offered: str) -> None:
    assert offered in invoke("--complete", "--", *line.replace("=", " = ").split()).out.split()


def test_tab_completes_tasks_and_flags() -> None:
    assert "service.list" in invoke("--complete", "--", "invoke", "serv").out.split()
    assert "--target" in invoke("--complete", "--", "invoke", "service.list", "--t").out.split()


def test_tab_within_an_open_quote_says_nothing() -> None:
    ran = invoke("--complete", "--", "invoke", "migrate.new", "-m", "'add a")
    assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_tab_offers_the_tasks_that_are_listed_in_the_order_of_invoke() -> None:
    offered = invoke("--complete", "--", "invoke", "migr").out.split()
    assert offered == sorted(tasks.collect().task_names, key=task_name_sort_key)
