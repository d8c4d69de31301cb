"""What tests/faults/without.py takes out is still there to be taken out; the mutants themselves are run by hand."""

from __future__ import annotations

import ast
from functools import cache

import pytest

from tests.faults.features import MUTATIONS
from tests.faults.mutants import Change, Mutation, answers, argument, call, instead, never, swap, text
from tests.faults.test_table import functions_of, named
from tests.sources import of_engine

FAULTS = range(18, 32)


def test_each_fault_has_a_feature_that_can_be_taken_out() -> None:
    assert sorted({mutation.fault for mutation in MUTATIONS}) == list(FAULTS)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: f"{mutation.fault} {mutation.feature}")
def test_its_place_is_there_once_and_tests_of_the_row_must_fail(mutation: Mutation) -> None:
    text, tree = _whole(mutation.file)
    assert ast.dump(ast.parse(mutation.applied(text))) != tree
    tests = [test.partition("[")[0] for test in mutation.tests]
    assert tests
    assert set(tests) <= set(named()[mutation.fault])
    assert [test for test in tests if test.partition("::")[2] not in functions_of(test.partition("::")[0])] == []


@cache
def _whole(file: str) -> tuple[str, str]:
    (source,) = (source for source in of_engine() if source.place == f"aegisdb/{file}")
    return source.text, ast.dump(source.tree)


_TEXT = """
class Shop:
    def sell(self, goods):
        # a remark
        if not goods or self.closed:
            raise ValueError("nothing")
        return [pay(one, till="left") for one in goods if one.price]
"""


@pytest.mark.parametrize(
    ("change", "left"),
    [
        (never("closed"), "if False:"),
        (never("price"), "for one in goods if False]"),
        (call("pay", "0"), "return [0 for one in goods"),
        (argument("till", "None"), "till=None"),
        (text("noth", "someth"), "ValueError('something')"),
        (swap("self.closed", "False"), "goods or False:"),
        (instead("ValueError", "return []"), "return []"),
    ],
)
def test_a_change_is_found_by_a_word_of_its_function(change: Change, left: str) -> None:
    assert left in _mutant("Shop.sell", change).applied(_TEXT)


@pytest.mark.parametrize(
    ("function", "change", "said"),
    [
        ("Shop.buy", answers("None"), "no such function"),
        ("sell", never("open"), "fits 0 places"),
        ("sell", swap("goods", "()"), "fits 2 places"),
    ],
)
def test_a_mutant_that_went_stale_says_so(function: str, change: Change, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        _mutant(function, change).applied(_TEXT)


def _mutant(function: str, change: Change) -> Mutation:
    return Mutation(18, "selling", f"shop.py:{function}", (change,), ())
