"""What is said of models that could not be compared."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import CompileError
from sqlalchemy.schema import CreateIndex

from aegisdb.models.problems import models_problems
from aegisdb.models.results import ModelsCompared
from aegisdb.registry import load
from aegisdb.registry.types import Registry
from tests.monorepo import Svc, build_monorepo

DIALECT = sa.make_url("postgresql+psycopg://").get_dialect()()


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """One service in public, one in a schema of its own."""
    root = build_monorepo(tmp_path, {"shop": Svc(), "own": Svc(schema="own", owns=())})
    return load(root / "services.yaml", {})


def test_a_value_that_sqlalchemy_cannot_write_is_told_with_the_way(registry: Registry) -> None:
    """A full text index as SQLAlchemy 1.4 took it; 2.0 has no literal form of REGCONFIG."""
    pages = sa.Table("pages", sa.MetaData(), sa.Column("body", sa.Text))
    index = sa.Index("i", sa.func.to_tsvector("english", pages.c.body), postgresql_using="gin")
    with pytest.raises(CompileError) as caught:
        str(CreateIndex(index).compile(dialect=DIALECT))
    (problem,) = models_problems(registry, "shop", ModelsCompared(not_built={"pages": str(caught.value)}))
    assert "table pages of the models was not compared: it cannot be built: No literal value" in problem.message
    assert problem.hint == """SQLAlchemy cannot write a REGCONFIG into DDL: give it as sa.text("'english'")"""


def test_another_reason_leads_to_the_model(registry: Registry) -> None:
    (problem,) = models_problems(registry, "shop", ModelsCompared(not_built={"": "type x does not exist"}))
    assert "a type of the models was not compared: it cannot be built: type x does not exist" in problem.message
    assert problem.hint.startswith("fix the model, or")


@pytest.mark.parametrize(
    ("service", "reason", "hint"),
    [
        ("shop", 'type "vector" does not exist', "CREATE EXTENSION IF NOT EXISTS vector comes first"),
        ("shop", "type geometry does not exist", "CREATE EXTENSION IF NOT EXISTS postgis comes first"),
        ("own", 'type "vector" does not exist', "with `schema: own` the search_path is that schema alone"),
        ("shop", 'schema "till" does not exist', 'op.execute("CREATE SCHEMA till") comes first'),
        (
            "shop",
            'data type integer has no default operator class for access method "gist"',
            "CREATE EXTENSION IF NOT EXISTS btree_gist comes first",
        ),
    ],
)
def test_what_a_model_needs_besides_tables_is_named(registry: Registry, service: str, reason: str, hint: str) -> None:
    (problem,) = models_problems(registry, service, ModelsCompared(not_built={"t": reason}))
    assert problem.hint.startswith(hint)
