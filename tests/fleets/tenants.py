"""A fleet of tenants on the tests' server: copies of one migrated database."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aegisdb.postgres import databases
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from tests.invoke import Ran, invoke
from tests.monorepo import Rev, Svc, build_monorepo, table

NAMES = ("acme", "globex", "initech", "umbrella", "hooli", "stark")
REGIONS = ("eu", "eu", "eu", "us", "us", "us")
URL_NAME = "TENANT_SERVER"
MODEL = """
class Item(Base):
    __tablename__ = "shop_items"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    price: Mapped[int | None]
"""
SHOP = Svc(
    revisions=(
        Rev(id="a1", up=table("shop_items"), down='op.execute("DROP TABLE shop_items")'),
        Rev(id="a2", up='op.execute("ALTER TABLE shop_items ADD price int")', down="pass"),
    ),
    models=MODEL,
    more={"one_way": True},
)


@dataclass
class Tenants:
    """The project, and the databases of its members by name."""

    root: Path
    maintenance: Address
    prefix: str
    env: dict[str, str] = field(default_factory=dict)
    names: tuple[str, ...] = NAMES

    def invoke(self, *words: str, env: dict[str, str] | None = None, timeout: float = 120) -> Ran:
        """Run a task of the project."""
        return invoke(*words, cwd=self.root, env={**self.env, **(env or {})}, timeout=timeout)

    def database(self, name: str) -> Address:
        """The database of a member."""
        return self.maintenance.with_database(f"{self.prefix}_{name}")

    def execute(self, name: str, sql: str) -> None:
        """Change a member by hand."""
        with connect(self.database(name)) as conn:
            conn.execute(sql)

    def make(self, name: str, template: str = "template") -> None:
        """Make a member's database: a copy of the one that is at head, or of another."""
        with databases.maintenance(self.maintenance) as conn:
            conn.execute(f'CREATE DATABASE "{self.prefix}_{name}" TEMPLATE "{self.prefix}_{template}"')

    def drop(self, name: str) -> None:
        """Drop a member's database."""
        with databases.maintenance(self.maintenance) as conn:
            databases.drop(conn, f"{self.prefix}_{name}", force=True)

    def change(self, **keys: object) -> None:
        """Change keys of the fleet."""
        path = self.root / "services.yaml"
        document = json.loads(path.read_text())
        document["fleets"]["tenants"].update(keys)
        path.write_text(json.dumps(document))


@contextmanager
def tenants(root: Path, maintenance: Address, shop: Svc = SHOP, to: str = "head") -> Iterator[Tenants]:
    """Six tenants at `to`, three in each of two regions, listed in a file; `local` builds the references."""
    prefix = f"fleet_{uuid.uuid4().hex[:8]}"
    made = Tenants(root, maintenance, prefix)
    server = maintenance.with_database(prefix).url().rpartition("/")[0]
    made.env = {URL_NAME: server}
    url = f"${{{URL_NAME}}}/{prefix}"
    fleets = {"tenants": {"members": {"file": "tenants.csv"}, "url": f"{url}_{{name}}", "proof": "local"}}
    build_monorepo(root, {"shop": shop}, url=f"{url}_template", extra={"project": prefix, "fleets": fleets})
    listed = [f"{name},{region}" for name, region in zip(NAMES, REGIONS, strict=True)]
    (root / "tenants.csv").write_text("\n".join(["name,region", *listed, ""]))
    try:
        with databases.maintenance(maintenance) as conn:
            conn.execute(f'CREATE DATABASE "{prefix}_template"')
        done = made.invoke("migrate.apply", "--service", "shop", "--to", to)
        assert done.code == 0, done.err
        for name in NAMES:
            made.make(name)
        yield made
    finally:
        with databases.maintenance(maintenance) as conn:
            found = conn.rows("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", (prefix,))
            for (name,) in found:
                databases.drop(conn, name, force=True)
