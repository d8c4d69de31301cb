"""Arithmetic over histories."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegisdb.errors import HistoryError, UsageError
from aegisdb.revisions.history import History
from aegisdb.revisions.locations import Locations, Places
from aegisdb.revisions.parse import Revision
from aegisdb.revisions.revision_map import arrange

HERE = Locations(Places("x", "", "", "x", ("x",), recursive=False))


def rev(identifier: str, *down: str, needs: tuple[str, ...] = (), labels: tuple[str, ...] = ()) -> Revision:
    return Revision(
        id=identifier,
        down=down,
        depends_on=needs,
        labels=labels,
        message="",
        file=f"{identifier}.py",
        line=1,
        one_way=None,
        digest="",
    )


def history(*revisions: Revision) -> History:
    return History("svc", "alembic_version", None, HERE, arrange("svc", revisions))


LINE = history(rev("c", "b"), rev("a"), rev("b", "a"), rev("d", "c"))
DIAMOND = history(rev("a"), rev("b", "a"), rev("c", "a"), rev("m", "b", "c"), rev("t", "m"))
BRANCHES = history(rev("a", labels=("core",)), rev("b", "a"), rev("x", labels=("extra",)), rev("y", "x", needs=("b",)))


def ids(revisions: tuple[Revision, ...]) -> list[str]:
    return [revision.id for revision in revisions]


def test_a_line() -> None:
    assert ids(LINE.ordered()) == ["a", "b", "c", "d"]
    assert (LINE.heads, LINE.bases) == (("d",), ("a",))
    assert ids(LINE.pending(("b",))) == ["c", "d"]
    assert ids(LINE.pending(("d",))) == []
    assert ids(LINE.pending((), "c")) == ["a", "b", "c"]
    assert ids(LINE.path_down(("d",), steps=2)) == ["d", "c"]
    assert ids(LINE.path_down(("c",), to="a")) == ["c", "b"]
    assert ids(LINE.path_down(("c",), to="base")) == ["c", "b", "a"]
    assert LINE.unknown(("d", "zz")) == ("zz",)


def test_rows_after_each_step() -> None:
    assert LINE.after(("b",), "c", up=True) == ("c",)
    assert LINE.after(("a",), "a", up=False) == ()
    assert DIAMOND.after(("b",), "c", up=True) == ("b", "c")
    assert DIAMOND.after(("b", "c"), "m", up=True) == ("m",)
    assert DIAMOND.after(("m",), "m", up=False) == ("b", "c")
    # as Alembic does: a dependency is covered by what depends on it
    assert BRANCHES.after(("b", "x"), "y", up=True) == ("y",)
    assert BRANCHES.after(("y",), "y", up=False) == ("b", "x")


def test_a_merge_and_branches() -> None:
    assert ids(DIAMOND.pending(("b",))) == ["c", "m", "t"]
    assert ids(DIAMOND.path_down(("t",), to="a")) == ["t", "m", "c", "b"]
    assert BRANCHES.heads == ("b", "y")
    assert ids(BRANCHES.pending((), "extra@head")) == ["a", "b", "x", "y"]
    # as Alembic has it: what depends on a branch is not in it
    assert (BRANCHES.resolve("core@head"), BRANCHES.resolve("extra@head")) == (("b",), ("y",))
    with pytest.raises(UsageError, match="ambiguous"):
        BRANCHES.path_down(("b", "x"))


@pytest.mark.parametrize(
    ("typed", "applied", "found"),
    [("head", (), ("d",)), ("base", (), ()), ("b", (), ("b",)), ("+1", ("b",), ("c",)), ("+1", (), ("a",)),
     ("-1", ("b",), ("a",)), ("d-2", (), ("b",)), ("a+2", (), ("c",))],
)  # fmt: skip
def test_what_a_person_types(typed: str, applied: tuple[str, ...], found: tuple[str, ...]) -> None:
    assert LINE.resolve(typed, applied) == found


def test_abbreviations() -> None:
    named = history(rev("abc1"), rev("abd2", "abc1"))
    assert named.resolve("abd") == ("abd2",)
    with pytest.raises(UsageError, match="several"):
        named.resolve("ab")
    with pytest.raises(UsageError, match="no revision"):
        named.resolve("zz")


def test_faults_name_both_files() -> None:
    twin = rev("a")
    other = Revision(**{**twin.__dict__, "file": "copy.py"})
    with pytest.raises(HistoryError) as duplicate:
        arrange("svc", [twin, other])
    assert "a.py" in duplicate.value.message
    assert "copy.py" in duplicate.value.message
    with pytest.raises(HistoryError, match=r"b\.py revises gone"):
        arrange("svc", [rev("a"), rev("b", "gone")])
    with pytest.raises(HistoryError, match="circle") as cycle:
        arrange("svc", [rev("a", "b"), rev("b", "c"), rev("c", "a"), rev("z")])
    assert all(name in cycle.value.where for name in ("a.py", "b.py", "c.py"))


@pytest.mark.parametrize(
    ("found", "said", "files"),
    [
        ([rev("a"), rev("b@c", "a")], "b@c.py is revision b@c", ["b@c.py"]),
        ([rev("a", labels=("x",)), rev("b", labels=("x",))], "the label x of b.py is a.py's already", ["a.py", "b.py"]),
        ([rev("a"), rev("b", labels=("a",))], "the label a of b.py is a.py's already", ["a.py", "b.py"]),
        ([rev("a"), rev("b", "a", needs=("gone",))], "b.py depends on gone", ["b.py"]),
    ],
)
def test_what_alembic_refuses_is_refused_before_it_loads(found: list[Revision], said: str, files: list[str]) -> None:
    with pytest.raises(HistoryError) as refused:
        arrange("svc", found)
    assert said in refused.value.message
    assert all(name in refused.value.where for name in files)
    assert refused.value.hint


def test_a_dependency_may_be_a_label_or_an_abbreviation() -> None:
    found = history(rev("abc", labels=("core",)), rev("x", needs=("core",)), rev("y", needs=("ab",)))
    assert found.revisions["x"].depends_on == ("abc",)
    assert found.revisions["y"].depends_on == ("abc",)


def test_two_thousand_revisions_are_no_matter() -> None:
    long = history(rev("r0"), *(rev(f"r{n}", f"r{n - 1}") for n in range(1, 2000)))
    assert long.heads == ("r1999",)
    assert len(long.pending(("r999",))) == 1000


DEPENDS = history(rev("a1"), rev("b1", needs=("a1",)))


def test_a_head_on_which_another_depends_needs_no_row() -> None:
    assert DEPENDS.heads == ("a1", "b1")
    assert DEPENDS.topmost(DEPENDS.heads) == ("b1",)
    assert [rows for rows in ((), ("a1",), ("b1",), ("a1", "b1"), ("b1", "zz")) if DEPENDS.is_at_head(rows)] == [
        ("b1",),
        ("a1", "b1"),
    ]
    assert not LINE.is_at_head(("c",))
    assert LINE.is_at_head(("d",))
    assert DIAMOND.topmost(("b", "c")) == ("b", "c")


def test_a_row_stays_beside_what_depends_on_it_and_never_beside_what_revises_it() -> None:
    more = history(rev("a1"), rev("a2", "a1"), rev("b1", needs=("a1",)), rev("b2", "b1"))
    assert more.beside_rows(("a1", "b1"), ("b2",)) == ("a1",)
    assert more.beside_rows(("a1",), ("a2",)) == ()
    assert more.beside_rows(("a1", "b1"), ("a2", "b1")) == ()


@st.composite
def _any_history(draw: st.DrawFn) -> History:
    """Up to seven revisions, each of which revises and needs some of those before it."""
    made: list[Revision] = []
    for number in range(draw(st.integers(1, 7))):
        before = [one.id for one in made]
        some = st.lists(st.sampled_from(before), max_size=2, unique=True) if before else st.just([])
        made.append(rev(f"r{number}", *draw(some), needs=tuple(draw(some))))
    return history(*made)


@given(known=_any_history(), choices=st.lists(st.integers(0, 20), max_size=12))
def test_a_step_is_told_without_a_look_at_all_revisions_as_with_one(known: History, choices: list[int]) -> None:
    applied: set[str] = set()
    rows: tuple[str, ...] = ()
    for choice in choices:
        up = [one for one in known.revisions if one not in applied and known.ancestors([one]) - {one} <= applied]
        down = [one for one in applied if known.descendants([one]) & applied == {one}]
        steps = [(one, True) for one in up] + [(one, False) for one in sorted(down)]
        if not steps:
            break
        one, is_up = steps[choice % len(steps)]
        applied ^= {one}
        after = known.after(rows, one, up=is_up)
        assert after == known.topmost(applied)
        beside = known.ancestors(after) - known.line(after)
        assert known.beside_rows(rows, after) == tuple(row for row in rows if row not in after and row in beside)
        rows = after
