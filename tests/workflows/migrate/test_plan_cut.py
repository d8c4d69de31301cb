"""How a plan is cut into parts, and what of two parts shows that they are not the whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from aegisdb.proofs.rehearsal import Rehearsal, Touched
from aegisdb.registry import load
from aegisdb.revisions.load import good_histories
from aegisdb.workflows.migrate.plan_parts import Part, Parts, hidden_dependency, put_together
from tests.monorepo import Rev, Svc, build_monorepo


def parts_of(root: Path, **texts: str) -> Parts:
    """How these services can be cut, each with one pending revision of this text."""
    build_monorepo(root, {name: Svc(revisions=(Rev(id=f"{name}1", up=text),)) for name, text in texts.items()})
    registry = load(root / "services.yaml", {})
    todo = [(history, tuple(history.ordered())) for history in good_histories(registry).values()]
    return Parts(registry, todo, {"common"})


FOREIGN_KEY = 'op.execute("ALTER TABLE {0}_t ADD FOREIGN KEY (a) REFERENCES a_t (id)")'


def test_a_part_applies_first_what_its_services_need_of_others(tmp_path: Path) -> None:
    parts = parts_of(
        tmp_path,
        a='op.execute("ALTER TABLE a_t ADD x int")',
        b=FOREIGN_KEY.format("b"),
        c=FOREIGN_KEY.format("c"),
        d='op.execute("UPDATE c_t SET a = 1")',
        e='op.execute("UPDATE e_t SET a = 1")',
    )
    assert parts.of({"e", "not pending"}) == Part(frozenset("e"))
    # two foreign keys to one table show the same in each order
    assert parts.of("c") == Part(frozenset("c"), frozenset("a"))
    assert parts.of("d") == Part(frozenset("d"), frozenset("ac"))
    cut = parts.cut("abcde", 2)
    assert sorted(name for part in cut for name in part.own) == [*"abcde"]
    assert max(len(part.applied) for part in cut) < 5
    assert parts.cut("e", 4) == [Part(frozenset("e"))]


@pytest.mark.parametrize(
    ("b", "c", "first"),
    [
        ('op.execute("UPDATE a_t SET x = 1")', 'op.execute("UPDATE a_t SET x = 2")', "b"),
        ('op.execute("UPDATE a_t SET x = 1")', FOREIGN_KEY.format("c"), "ab"),
        (FOREIGN_KEY.format("b"), 'op.execute("DELETE FROM a_t")', "ab"),
        (FOREIGN_KEY.format("b"), FOREIGN_KEY.format("c"), "a"),
        ('op.execute("SELECT common()")', 'op.execute("SELECT common()")', "b"),
        ('op.execute("SELECT 1")', 'op.execute("SELECT common()")', ""),
        ('op.execute("CREATE OR REPLACE FUNCTION b_f() RETURNS int RETURN 1")', 'op.execute("SELECT 1")', "b"),
        ("op.execute(\"SELECT setval('b_s', 5)\")", 'op.execute("SELECT 1")', "b"),
        ("op.execute(\"ALTER TYPE b_e ADD VALUE 'x'\")", 'op.execute("SELECT 1")', "b"),
        ("with op.get_context().autocommit_block(): pass", 'op.execute("SELECT 1")', "ab"),
    ],
)
def test_two_services_that_name_a_third_ones_table_wait_for_each_other(
    tmp_path: Path, b: str, c: str, first: str
) -> None:
    """What one changes the other would show, unless both only point at it."""
    needs_a = {"b", "c"} if "a_t" in b + c else set()
    parts = parts_of(tmp_path, a='op.execute("ALTER TABLE a_t ADD y int")', b=b, c=c)
    expected = {*first} | ({"a"} if needs_a and "a_t" in c else set())
    assert parts.of("c").first == expected


def test_what_only_a_downgrade_drops_is_no_reason(tmp_path: Path) -> None:
    services = {
        "a": Svc(revisions=(Rev(id="a1", up='op.execute("SELECT 1")', down='op.execute("DROP FUNCTION a_f()")'),)),
        "b": Svc(revisions=(Rev(id="b1", up='op.execute("SELECT 1")'),)),
    }
    build_monorepo(tmp_path, services)
    registry = load(tmp_path / "services.yaml", {})
    todo = [(history, tuple(history.ordered())) for history in good_histories(registry).values()]
    assert Parts(registry, todo, ()).of("b") == Part(frozenset("b"))


def test_services_in_turn_are_needed_both_ways(tmp_path: Path) -> None:
    """What comes first is a matter of their revisions then."""
    make = 'op.execute("CREATE TABLE {0}_t (id int PRIMARY KEY)")'
    point = 'op.execute("CREATE TABLE {0}_u (x int REFERENCES {1}_t (id))")'
    services = {
        one: Svc(revisions=(Rev(id=f"{one}1", up=make.format(one)), Rev(id=f"{one}2", up=point.format(one, other))))
        for one, other in ("ab", "ba")
    }
    build_monorepo(tmp_path, services)
    registry = load(tmp_path / "services.yaml", {})
    todo = [(history, tuple(history.ordered())) for history in good_histories(registry).values()]
    parts = Parts(registry, todo, ())
    assert parts.of("a") == Part(frozenset("a"), frozenset("b"))
    assert parts.of("b") == Part(frozenset("b"), frozenset("a"))


def told(service: str, lock: str, *, table: str = "public.x", **work: int) -> Rehearsal:
    lots = {"rows": 1, "exact": True, "stops": "", "rewritten": False, "origin": table, **work}
    touched = Touched(table=table, lock=lock, **lots)  # type: ignore[arg-type]
    nothing = {"message": "", "seconds": 0, "statements": (), "constraints": (), "invalid_indexes": ()}
    return Rehearsal(service=service, revision="1", tables=(touched,), **nothing)  # type: ignore[arg-type]


KEY, ROWS, DDL = "ShareRowExclusiveLock", "RowExclusiveLock", "AccessExclusiveLock"


@pytest.mark.parametrize(
    ("first", "then", "hidden"),
    [
        (told("a", ROWS, inserted=1), told("b", ROWS, inserted=1), True),
        (told("a", ROWS), told("b", ROWS, inserted=1), False),
        (told("a", KEY), told("b", KEY), False),
        (told("a", KEY), told("b", DDL), True),
        (told("a", KEY), told("b", ROWS, deleted=1), True),
        (told("a", KEY, inserted=1), told("b", KEY), True),
        (told("a", DDL), told("b", KEY), True),
        (told("a", "ShareLock"), told("b", "RowShareLock"), True),
        (told("a", DDL), told("b", DDL, table="public.y"), False),
    ],
)
def test_tables_that_two_parts_touched(first: Rehearsal, then: Rehearsal, *, hidden: bool) -> None:
    parts = [({"b"}, [then]), ({"a"}, [first])]
    expected = "a 1 and b 1 both touch public.x" if hidden else ""
    assert hidden_dependency(["a 1", "b 1"], parts) == expected
    assert hidden_dependency(["a 1", "b 1"], [({"a", "b"}, [then]), ({"a"}, [first])]) == ""


def test_parts_are_put_together_up_to_what_failed_first() -> None:
    order = ["a 1", "b 1", "a 2", "c 1"]
    assert put_together(order, [(["a 1", "a 2"], ""), (["b 1"], ""), (["c 1"], "")], str) == (order, "")
    assert put_together(order, [(["a 1", "a 2"], ""), ([], "b 1"), ([], "c 1")], str) == (["a 1"], "b 1")
