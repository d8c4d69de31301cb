"""What is said of models that could not be compared."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import CompileError
from sqlalchemy.schema import CreateIndex

from aegisdb.models.problems import models_problems
from aegisdb.models.results import ModelsCompared

NOBODY: Any = None
DIALECT = sa.make_url("postgresql+psycopg://").get_dialect()()


def test_a_value_that_sqlalchemy_cannot_write_is_told_with_the_way() -> None:
    """A full text index as SQLAlchemy 1.4 took it; 2.0 has no literal form of REGCONFIG."""
    pages = sa.Table("pages", sa.MetaData(), sa.Column("body", sa.Text))
    index = sa.Index("i", sa.func.to_tsvector("english", pages.c.body), postgresql_using="gin")
    with pytest.raises(CompileError) as caught:
        str(CreateIndex(index).compile(dialect=DIALECT))
    (problem,) = models_problems(NOBODY, "shop", ModelsCompared(not_built={"pages": str(caught.value)}))
    assert "table pages of the models was not compared: it cannot be built: No literal value" in problem.message
    assert problem.hint == """SQLAlchemy cannot write a REGCONFIG into DDL: give it as sa.text("'english'")"""


def test_another_reason_leads_to_the_model() -> None:
    (problem,) = models_problems(NOBODY, "shop", ModelsCompared(not_built={"": "type x does not exist"}))
    assert "a type of the models was not compared: it cannot be built: type x does not exist" in problem.message
    assert problem.hint.startswith("fix the model, or")
