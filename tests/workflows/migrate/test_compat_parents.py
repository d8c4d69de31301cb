"""`migrate.compat` on rows that others refer to: these are made anew for each trial, and get another key each time."""

from __future__ import annotations

from pathlib import Path

import pytest

from aegisdb.postgres.address import Address
from tests.invoke import invoke
from tests.lint.repository import commit, git
from tests.monorepo import Rev, Svc, build_monorepo, write_revision
from tests.workflows.migrate.compat_shop import sql

MODELS = """
from uuid import UUID

from sqlalchemy import ForeignKey, text


class Run(Base):
    __tablename__ = "app_runs"
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("gen_random_uuid()"))


class Step(Base):
    __tablename__ = "app_steps"
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("gen_random_uuid()"))
    run: Mapped[UUID] = mapped_column(ForeignKey("app_runs.id"))
    number: Mapped[int]
"""
MADE = (
    "CREATE TABLE app_runs (id uuid PRIMARY KEY DEFAULT gen_random_uuid())",
    (
        "CREATE TABLE app_steps (id uuid PRIMARY KEY DEFAULT gen_random_uuid(),"
        " run uuid NOT NULL CONSTRAINT leads REFERENCES app_runs, number int NOT NULL, UNIQUE (run, number))"
    ),
)


@pytest.mark.parametrize(
    ("change", "restricted"),
    [
        ("ALTER TABLE app_runs ADD note text", {}),
        ("ALTER TABLE app_steps ADD CONSTRAINT few CHECK (number > 1000000)", {"public.app_steps": "(few)"}),
        (
            (
                "ALTER TABLE app_steps DROP CONSTRAINT leads; CREATE TABLE app_others (id uuid PRIMARY KEY);"
                " ALTER TABLE app_steps ADD CONSTRAINT leads FOREIGN KEY (run) REFERENCES app_others"
            ),
            {"public.app_steps.run": "(leads)"},
        ),
    ],
)
def test_a_row_that_leads_elsewhere_now_is_not_refused(
    tmp_path: Path, database: Address, change: str, restricted: dict[str, str]
) -> None:
    build_monorepo(tmp_path, {"app": Svc(revisions=(Rev(id="a1", up=sql(*MADE)),), models=MODELS)}, url=database.url())
    commit(tmp_path, "deployed")
    git(tmp_path, "switch", "-q", "-c", "feature")
    write_revision(tmp_path / "services" / "app", Rev(id="a2", up=sql(*change.split("; "))), "a1")
    ran = invoke("migrate.compat", "--format", "json", cwd=tmp_path)
    (service,) = ran.json["services"]
    found = {one["subject"]: one["why"] for one in service["unsettled"] if one["kind"] == "restricted"}
    assert found.keys() == restricted.keys(), ran.err
    assert all(name in found[subject] for subject, name in restricted.items())
