"""What tests/faults/without.py takes out is still there to be taken out; the mutants themselves are run by hand."""

from __future__ import annotations

import ast

import pytest

from tests.faults.features import MUTATIONS, Mutation
from tests.faults.test_table import functions_of, named
from tests.invoke import ROOT

FAULTS = range(18, 32)


def test_each_fault_has_a_feature_that_can_be_taken_out() -> None:
    assert sorted({mutation.fault for mutation in MUTATIONS}) == list(FAULTS)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: f"{mutation.fault} {mutation.feature}")
def test_its_text_is_there_once_and_tests_of_the_row_must_fail(mutation: Mutation) -> None:
    whole = (ROOT / "aegisdb" / mutation.file).read_text("utf-8")
    assert ast.dump(ast.parse(mutation.applied(whole))) != ast.dump(ast.parse(whole))
    tests = [test.partition("[")[0] for test in mutation.tests]
    assert tests
    assert set(tests) <= set(named()[mutation.fault])
    assert [test for test in tests if test.partition("::")[2] not in functions_of(test.partition("::")[0])] == []
