"""The generic view, and that every special view belongs to a result that exists."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib import import_module
from pkgutil import iter_modules

from aegisdb.forms.in_steps import Fixed
from aegisdb.lint.packed import Findings
from aegisdb.lint.rule import Finding
from aegisdb.output import views
from aegisdb.output.layout import layout
from aegisdb.output.views import blocks_of
from aegisdb.results import Result
from aegisdb.seeds import SeedDone, SeedRunResult
from aegisdb.workflows.db.cache import Cached, CacheResult
from aegisdb.workflows.db.prepare import PrepareResult
from aegisdb.workflows.db.status import DbStatusResult
from aegisdb.workflows.migrate.lint import LintResult
from aegisdb.workflows.migrate.new import NewRevisionResult
from aegisdb.workflows.service.owners import OwnersResult
from tests.sources import of_engine


@dataclass(frozen=True)
class Item:
    name: str
    rows: Mapping[str, int]
    seconds: float
    bytes: int
    state: str
    empty: str = ""


@dataclass(frozen=True, kw_only=True)
class Anything(Result):
    title: str = "a title"
    when: datetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    done: bool = True
    nothing: str = ""
    names: tuple[str, ...] = ("a", "b")
    items: tuple[Item, ...] = (Item("x", {"skills": 3}, 0.25, 1_500_000, "pending 2"),)
    keyed: Mapping[str, Item] = field(default_factory=lambda: {"k": Item("y", {}, 2.0, 10, "at head")})
    sql: str = "BEGIN;\nCOMMIT;"


def test_any_result_is_readable() -> None:
    shown = list(layout(blocks_of(Anything(), "none.such"), width=None, colour=False))
    assert shown == [
        "title  a title",
        "when   2026-01-02 03:04:05",
        "done   yes",
        "names  a, b",
        "",
        "items",
        "name  rows      seconds  bytes  state",
        "x     skills 3  250 ms   2 MB   pending 2",
        "",
        "keyed",
        "keyed  name  seconds  bytes  state",
        "k      y     2.0 s    10 B   at head",
        "BEGIN;",
        "COMMIT;",
    ]


def test_a_state_has_a_colour() -> None:
    shown = "\n".join(layout(blocks_of(Anything(), ""), width=None, colour=True))
    assert "\x1b[33mpending 2\x1b[0m" in shown
    assert "\x1b[32mat head\x1b[0m" in shown


def test_owners_are_told_by_kind_tables_first() -> None:
    owned = {"shop": ("function public.total()", "table public.items", "table billing.items", "type public.state")}
    found = OwnersResult(owned=owned, counts={"shop": 40}, contested=(), orphaned=(), unowned=())
    assert list(layout(blocks_of(found, "service.owners"), width=None, colour=False)) == [
        "shop: 4 objects, 40 with all that belongs to them",
        "  table     billing.items, items",
        "  function  total()",
        "  type      state",
        "every object has one owner",
    ]


def test_counts_read_as_a_person_says_them() -> None:
    up = DbStatusResult(target="local", server="embedded", state="up", reached="aegis@127.0.0.1:5432", triggers=9)
    shown = "\n".join(layout(blocks_of(up, "db.status"), width=None, colour=False))
    assert "no other sessions" in shown
    assert "9, none disabled" in shown
    shown = "\n".join(layout(blocks_of(replace(up, sessions=1), "db.status"), width=None, colour=False))
    assert "1 other session\n" in shown


def test_a_prepared_database_has_a_line_for_each_thing_that_ran() -> None:
    done = PrepareResult(
        database="aegis", did="made", revisions=("shop at a2",), seeds=("shop: a", "shop: b"), seconds=1
    )
    assert list(layout(blocks_of(done, "db.prepare"), width=None, colour=False)) == [
        "revisions  shop at a2",
        "seeds      shop: a",
        "           shop: b",
        "database aegis is made",
    ]


def test_what_is_kept_is_summed_up() -> None:
    kept = Cached(name="aegis__tpl_base_1", kind="template", made="2026-11-22T15:20:01+00:00", bytes=10_000_000)
    found = CacheResult(dropped=False, databases=(kept,), bytes=10_000_000)
    assert list(layout(blocks_of(found, "db.cache"), width=None, colour=False)) == [
        "database           kind      made (UTC)            size",
        "aegis__tpl_base_1  template  2026-11-22 15:20:01  10 MB",
        "10 MB in all",
    ]
    clone = replace(kept, name="aegis__clone_1", kind="clone", made_for="db.clone")
    both = replace(found, databases=(kept, clone))
    assert list(layout(blocks_of(both, "db.cache"), width=None, colour=False))[:3] == [
        "database           kind      made (UTC)            size  for",
        "aegis__tpl_base_1  template  2026-11-22 15:20:01  10 MB",
        "aegis__clone_1     clone     2026-11-22 15:20:01  10 MB  db.clone",
    ]


def test_seeds_of_a_failed_reset_look_as_those_of_seed_run() -> None:
    done = SeedDone(service="shop", seed="sql a.sql", seconds=0.1, rows={"items": 2}, digest="0123456789abcdef")
    found = SeedRunResult(seeds=(done,), failed="shop: sql b.sql", not_started=("shop: sql c.sql",))
    shown = list(layout(blocks_of(found, "db.reset"), width=None, colour=False))
    assert shown == list(layout(blocks_of(found, "seed.run"), width=None, colour=False))
    assert not any("digest" in line or "0123456789abcdef" in line for line in shown)
    assert "not started: shop: sql c.sql" in shown


def test_every_view_belongs_to_a_result() -> None:
    results = {node.name for source in of_engine() for node in source.nodes(ast.ClassDef)}
    for module in iter_modules(views.__path__):
        if module.name != "generic":
            assert set(import_module(f"{views.__name__}.{module.name}").VIEWS) <= results


def test_a_revision_of_which_nothing_is_left_is_said_to_be_removed() -> None:
    fixed = tuple(Fixed(service="s", revision=name, path=f"{name}.py", removed=name == "b") for name in "ab")
    result = LintResult(findings=Findings(()), revisions=2, scope="all", ignored=0, notes=(), seconds=0.0, fixed=fixed)
    shown = list(layout(blocks_of(result, "migrate.lint"), width=None, colour=False))
    assert shown[:2] == [
        "a.py: written again, proven to lead to the same schema",
        "b.py: removed, all of it is in these steps, proven to lead to the same schema",
    ]


def test_fixing_lint_is_proposed_only_where_the_steps_were_not_tried() -> None:
    unsafe = (Finding(rule="unsafe-ddl", message="m", path="a.py", line=3, fix="f"),)
    plain = NewRevisionResult(service="s", path="a.py", lint=unsafe)
    for result, proposed in ((plain, True), (replace(plain, as_one=("t.c: why",)), False)):
        shown = list(layout(blocks_of(result, "migrate.new"), width=None, colour=False))
        assert any("migrate.lint --fix" in line for line in shown) is proposed
