"""A project on the tests' server: its database carries a `test` marker (P3), so destructive tasks may act on it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aegisdb.postgres import databases, markers
from aegisdb.postgres.address import Address
from aegisdb.postgres.connection import connect
from aegisdb.postgres.scratch import orphans
from tests.invoke import Ran, invoke
from tests.monorepo import Rev, Svc, build_monorepo, table
from tests.running import eventually

URL_NAME = "THE_URL"
INIT = {"sql/base.sql": "CREATE TABLE notes (id int PRIMARY KEY, text text);\nINSERT INTO notes VALUES (1, 'fresh');\n"}
SHOP = Svc(
    revisions=(
        Rev(id="a1", up=table("shop_items"), down='op.execute("DROP TABLE shop_items")'),
        Rev(
            id="a2",
            up='op.execute("ALTER TABLE shop_items ADD price int")',
            down='op.execute("ALTER TABLE shop_items DROP price")',
        ),
    ),
    more={"seeds": [{"sql": "seed.sql", "fills": ["shop_items"]}]},
)


class Project:
    """services.yaml with one service, and commands that run in it."""

    def __init__(self, root: Path, address: Address) -> None:
        self.root = root
        self.address = address
        self.env = {URL_NAME: address.url()}

    def invoke(self, *words: str, env: dict[str, str] | None = None, timeout: float = 120) -> Ran:
        """Run a task on the target `local`."""
        return invoke(*words, cwd=self.root, env={**self.env, **(env or {})}, timeout=timeout)

    def text(self) -> str | None:
        """What the live database says in its table `notes`; None without the table."""
        with connect(self.address) as conn:
            if conn.value("SELECT to_regclass('notes')") is None:
                return None
            return str(conn.value("SELECT text FROM notes"))

    def write(self, text: str) -> None:
        """Change the live database, to see later whether it is the same one."""
        with connect(self.address) as conn:
            conn.execute("CREATE TABLE IF NOT EXISTS notes (id int PRIMARY KEY, text text)")
            conn.execute(
                "INSERT INTO notes VALUES (1, %s) ON CONFLICT (id) DO UPDATE SET text = excluded.text", (text,)
            )

    def databases(self) -> set[str]:
        """Names of all databases that belong to this one."""
        with databases.maintenance(self.address) as conn:
            sql = "SELECT datname FROM pg_database WHERE starts_with(datname, %s)"
            return {row[0] for row in conn.rows(sql, (self.address.database,))}

    def orphans(self) -> tuple[str, ...]:
        """Scratch databases that nobody uses any more."""
        with databases.maintenance(self.address) as conn:
            return orphans(conn, self.address.database)

    def sessions(self) -> int:
        """Sessions of our tools that stay on this server, this test's own left out."""
        sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'aegisdb: %%' AND datname = ANY (%s)"
        with databases.maintenance(self.address, application="the test looks") as conn:

            def found() -> int:
                return int(conn.value(sql, (["postgres", *self.databases()],)))

            # a session outlives its client by a moment
            return 0 if eventually(lambda: not found()) else found()

    def set_target(self, **keys: object) -> None:
        """Change keys of the target."""
        path = self.root / "services.yaml"
        document = json.loads(path.read_text())
        document["targets"]["local"].update(keys)
        if keys.get("protected"):
            document["targets"]["local"].pop("proof", None)  # a protected target gets no database of ours
        path.write_text(json.dumps(document))


@contextmanager
def project(root: Path, address: Address, *, kind: markers.Kind | None = "test") -> Iterator[Project]:
    """A project whose live database is `address`; everything that its tasks make on the server is dropped."""
    build_monorepo(root, {"shop": SHOP}, url=f"${{{URL_NAME}}}", init=INIT, extra={"project": address.database})
    (root / "services" / "shop" / "seed.sql").write_text("INSERT INTO shop_items VALUES (1, 10), (2, 20);\n")
    made = Project(root, address)
    with databases.maintenance(address) as conn:
        if kind:
            markers.mark(conn, address.database, kind)
    yield made
    with databases.maintenance(address) as conn:
        for name in made.databases() - {address.database}:
            databases.drop(conn, name, force=True)
