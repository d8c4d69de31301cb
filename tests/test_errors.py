"""Errors keep what they are when something is added to them, and are told apart by their class."""

from __future__ import annotations

import ast
import pickle
from collections.abc import Iterator

import pytest

from aegisdb.errors import AegisError, Failed, Fault, NoDatabase, RegistryError, StatementFailed, Unreachable
from aegisdb.results import Result
from tests.sources import Source, of_engine

FACTS = {"message", "hint", "where", "code", "result", "args"}


def raised(error: AegisError) -> AegisError:
    try:
        raise error from OSError("first")
    except AegisError as found:
        return found


@pytest.mark.parametrize(
    "error",
    [
        StatementFailed("a", sqlstate="42P01", statement="SELECT", hint="h", where="w"),
        RegistryError((Fault("1:1", "a", "h"), Fault("2:1", "b"))),
        NoDatabase("a", hint="h"),
        Failed("a", code="special", result=Result()),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_amended_error_is_the_same_but_for_what_is_said(error: AegisError) -> None:
    before = raised(error)
    plain = before.amended()
    assert type(plain) is type(before)
    assert vars(plain) == vars(before)
    assert (plain.__cause__, plain.__traceback__) == (before.__cause__, before.__traceback__)
    other = before.amended(message="new", hint="do", result=Result())
    assert (str(other), other.message, other.hint, other.code) == ("new", "new", "do", before.code)
    assert other.result == Result()
    assert (str(before), before.message) == ("a", "a")


def test_a_class_has_its_code() -> None:
    assert isinstance(NoDatabase("x"), Unreachable)
    assert (NoDatabase("x").code, NoDatabase("x").exit_code) == ("no_database", 7)


def test_nobody_changes_an_error_or_compares_its_code() -> None:
    assert [place for source in of_engine() for place in _changed_or_compared(source)] == []


def _changed_or_compared(source: Source) -> Iterator[str]:
    changed = [fact for node in source.nodes(ast.Assign) for fact in node.targets if _of_an_error(fact) in FACTS]
    compared = [fact for node in source.nodes(ast.Compare) for fact in (node.left, *node.comparators)]
    for fact in (*changed, *(one for one in compared if _of_an_error(one) == "code")):
        yield f"{source.place}:{fact.lineno}"


def _of_an_error(node: ast.expr) -> str:
    named = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "error"
    return node.attr if named and isinstance(node, ast.Attribute) else ""


def classes(kind: type[AegisError]) -> set[type[AegisError]]:
    """All errors below one."""
    return {kind, *(found for below in kind.__subclasses__() for found in classes(below))}


@pytest.mark.parametrize("kind", sorted(classes(AegisError), key=repr))
def test_an_error_comes_out_of_another_process_as_it_went_in(kind: type[AegisError]) -> None:
    error = kind.__new__(kind, "said")
    vars(error).update(
        message="said", hint="h", where="w", code="c", result=Result(), service="s", faults=(), errors={}
    )
    found = pickle.loads(pickle.dumps(error))  # noqa: S301  our own bytes
    assert (type(found), vars(found), str(found)) == (kind, vars(error), "said")
