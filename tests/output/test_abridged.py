"""Twenty thousand of a kind are named by a dozen and their number."""

from __future__ import annotations

from pathlib import Path

from aegisdb.building.inspection import Content
from aegisdb.errors import Problem
from aegisdb.output.layout import layout
from aegisdb.output.presenter import abridged
from aegisdb.output.views import blocks_of
from aegisdb.plain_text import some_of
from aegisdb.workflows.db.contents import made_of
from aegisdb.workflows.migrate.verify import Difference, ServiceVerdict, VerifyResult
from aegisdb.workspace import open_workspace
from tests.monorepo import Svc, build_monorepo

MANY = 20_000


def test_names_beyond_a_dozen_are_counted() -> None:
    assert some_of(["a"]) == "a"
    assert some_of([str(number) for number in range(12)]).endswith("10, 11")
    assert some_of([str(number) for number in range(13)]).endswith("10, 11, and 1 more")


def test_a_reset_of_many_tables_is_a_short_row(tmp_path: Path) -> None:
    ws = open_workspace(cwd=build_monorepo(tmp_path, {"shop": Svc()}), environ={})
    tables = tuple(("public", f"shop_{number}") for number in range(MANY))
    (made,) = made_of(ws.registry, Content(extensions={}, graphs=(), tables=tables, revisions={}, seeds={}))
    assert made.what.startswith("20000: shop_0, shop_1,")
    assert made.what.endswith(", and 19988 more")


def test_problems_of_one_kind_are_a_dozen_and_the_last_ones_stay_last() -> None:
    models = [Problem(code="models", message=f"shop: drop table t{number}") for number in range(MANY)]
    others = [Problem(code="models", message=f"crm: drop table t{number}") for number in range(12)]
    faults = [Problem(code="registry", message=f"fault {number}") for number in range(30)]
    told = [problem.message for problem in abridged([*others, *models, *faults])]
    assert told[:12] == [problem.message for problem in others]
    assert told[12] == "shop: 19988 more like the following"
    assert told[13:25] == [f"shop: drop table t{number}" for number in range(MANY - 12, MANY)]
    assert told[25:] == [problem.message for problem in faults], "each of another thing"


def test_verify_shows_a_dozen_of_each_difference() -> None:
    gone = tuple(Difference(kind="removed", object=f"table public.t{n}", expected="x", found="") for n in range(MANY))
    more = (Difference(kind="added", object="table public.other", expected="", found="y"),)
    proposed = tuple(f"drop table t{number}" for number in range(MANY))
    service = ServiceVerdict(
        service="shop",
        applied=("a1",),
        head=("a1",),
        pending=0,
        state="at head",
        models=proposed,
        drift=(*gone, *more),
        tampered=(),
    )
    result = VerifyResult(services=(service,), others={}, invalid_indexes=())
    text = "\n".join(layout(blocks_of(result, "migrate.verify"), width=100, colour=False))
    assert text.count("removed table") == text.count("drop table") == 12
    assert text.count("and 19988 more") == 2
    assert "added table public.other" in text
    assert f"{MANY} differ" in text
