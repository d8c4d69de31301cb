"""A fleet on two embedded servers: copies of one database, for runs by hand that kill what works on them."""

from __future__ import annotations

import json
import os
import signal
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from aegisdb.postgres import databases
from aegisdb.postgres.address import Address
from tests.fleets.deaths import SHOP
from tests.fleets.tenants import Tenants
from tests.invoke import invoke
from tests.monorepo import build_monorepo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.invoke import Ran

PER_SERVER = 8
STAGES = [
    {"name": "eu", "match": {"region": "eu"}, "parallel": 12, "per_server": PER_SERVER},
    {"name": "rest", "parallel": 12, "per_server": PER_SERVER},
]
_PASSWORD = "bench"  # noqa: S105  of servers that live as long as this run


@dataclass(frozen=True)
class Embedded:
    """The embedded server of one project."""

    root: Path

    def address(self) -> Address:
        """The address of its maintenance database, once it runs."""
        self.resume()
        return Address.from_url(self.url()).with_database("postgres")

    def url(self) -> str:
        """The URL of its database."""
        return str(good(invoke("db.url", "--format", "json", cwd=self.root)).json["result"]["url"])

    def halt(self, how: str) -> None:
        """Kill it."""
        assert how == "kill"
        os.kill(self.pid, signal.SIGKILL)

    @property
    def pid(self) -> int:
        """Its process."""
        port = self.url().rpartition(":")[2].partition("/")[0]
        lines = [path.read_text().split("\n") for path in Path("/dev/shm").glob("aegisdb-*/*/postmaster.pid")]  # noqa: S108
        return next(int(found[0]) for found in lines if found[3] == port)

    def resume(self) -> None:
        """Start it again."""
        good(invoke("db.up", cwd=self.root, timeout=600))


@dataclass(frozen=True)
class Fleet:
    """The members, by server."""

    parts: tuple[Tenants, ...]
    servers: tuple[Embedded, ...]

    def invoke(self, *words: str) -> Ran:
        """Run a task of the project that has the fleet."""
        return self.parts[0].invoke(*words, timeout=900)

    @property
    def events(self) -> Path:
        """What the coordinator tells of."""
        return self.parts[0].root / "events.jsonl"

    def part_of(self, member: str) -> Tenants:
        """The server of a member."""
        return next(part for part in self.parts if member in part.names)


@contextmanager
def two_servers(home: Path, *sizes: int) -> Iterator[Fleet]:
    """Members on as many servers as there are sizes, all copies of one database at a1."""
    servers = tuple(Embedded(home / f"server{number}") for number in range(len(sizes)))
    shop = replace(SHOP, revisions=SHOP.revisions[:1], more={})
    with ExitStack() as ending:
        for server in servers:
            build_monorepo(server.root, {"shop": shop}, database={"password": _PASSWORD})
            _make_volatile(server.root)
            ending.callback(invoke, "db.down", "--volumes", "--yes", cwd=server.root)
        parts = []
        for number, (server, size) in enumerate(zip(servers, sizes, strict=True)):
            names = tuple(f"t{number}x{place:03d}" for place in range(size))
            parts.append(Tenants(servers[0].root, server.address(), "tenant", names=names))
        _list(servers[0].root, parts)
        fleet = Fleet(tuple(parts), servers)
        for number, part in enumerate(parts):
            with databases.maintenance(part.maintenance) as conn:
                conn.execute('CREATE DATABASE "tenant_template"')
            good(fleet.invoke("migrate.apply", "--target", f"templates/server{number}"))
            for name in part.names:
                part.make(name)
        yield fleet


def _make_volatile(root: Path) -> None:
    """Keep the data in memory: after a crash PostgreSQL flushes 60,000 files, which is minutes of a busy disk."""
    document = json.loads((root / "services.yaml").read_text())
    document["targets"]["local"]["volatile"] = True
    (root / "services.yaml").write_text(json.dumps(document))


def _list(root: Path, parts: list[Tenants]) -> None:
    """Name the fleet in services.yaml: the first fifth of the members of each server is in region eu."""
    lines = ["name,region,port"]
    for part in parts:
        regions = ("eu" if place < len(part.names) / 5 else "us" for place in range(len(part.names)))
        lines += [f"{n},{region},{part.maintenance.port}" for n, region in zip(part.names, regions, strict=True)]
    (root / "tenants.csv").write_text("\n".join(lines) + "\n")
    url = f"postgresql://{parts[0].maintenance.user}:{_PASSWORD}@127.0.0.1:{{port}}/tenant_"
    listed = [{"name": f"server{number}", "port": str(part.maintenance.port)} for number, part in enumerate(parts)]
    document = json.loads((root / "services.yaml").read_text())
    document["fleets"] = {
        "tenants": {"members": {"file": "tenants.csv"}, "url": f"{url}{{name}}", "proof": "local", "stages": STAGES},
        "templates": {"members": {"list": listed}, "url": f"{url}template", "proof": "local"},
    }
    (root / "services.yaml").write_text(json.dumps(document))


def good(ran: Ran) -> Ran:
    """The same run, if it went well."""
    require(ran.code == 0, f"exit {ran.code}: {ran.err[-2000:]}")
    return ran


def require(holds: bool, otherwise: str) -> None:  # noqa: FBT001  an assertion that no flag takes away
    """End everything unless it holds."""
    if not holds:
        raise SystemExit(otherwise)
