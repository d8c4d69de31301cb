"""A kind of seed or of target is one module: it is found, read, judged, hashed and run without another line of ours."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import aegisdb.seed_kinds
import aegisdb.target_kinds
from aegisdb.errors import RegistryError
from aegisdb.postgres.address import Address, Secret
from aegisdb.registry import load
from aegisdb.registry.kinds import SEEDS, TARGETS
from aegisdb.registry.shape import adapter
from aegisdb.seeds import seed_digest
from aegisdb.seeds.deadline import Deadline
from aegisdb.seeds.run import SeedRun
from aegisdb.servers import server_for
from tests.sources import Source, of_engine

LINES = '''
from aegisdb.fast_dataclass import dataclass
from aegisdb.registry.kinds import Seed
from aegisdb.registry.problems import Problem


@dataclass(frozen=True, kw_only=True)
class LinesSeed(Seed):
    """A seed that copies a file."""

    EXAMPLE = "lines: FILE"
    HEADING = "`seeds` with `lines`"
    PATHS = ("lines",)

    lines: str
    """The file, relative to the service."""

    @classmethod
    def problems(cls, key, plain):
        yield from super().problems(key, plain)
        if plain["lines"].endswith(".exe"):
            yield Problem((*key, "lines"), "no text")

    def run(self, run):
        (run.home / "copied").write_text((run.home / self.lines).read_text())


KIND = LinesSeed
'''
CLOUD = '''
from aegisdb.fast_dataclass import dataclass
from aegisdb.registry.kinds import Target


@dataclass(frozen=True, kw_only=True)
class CloudTarget(Target):
    """A server of a cloud."""

    EXAMPLE = "server: cloud"
    HEADING = "`targets.NAME` with `server: cloud`"

    server: str
    """Kind of server."""
    region: str = "here"
    """Where it is."""

    def make_server(self, registry, name):
        return f"{registry.file.project} {name} {self.region}"


KIND = CloudTarget
'''
REGISTRY = """
version: 1
project: p
targets: {far: {server: cloud, region: north}}
database: {name: p, user: p}
services:
  shop: {path: shop, seeds: [{lines: a.txt}]}
"""


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry with two kinds that only this test has."""
    kinds = tmp_path / "kinds"
    for package, name, text, found in (
        (aegisdb.seed_kinds, "lines", LINES, SEEDS),
        (aegisdb.target_kinds, "cloud", CLOUD, TARGETS),
    ):
        (kinds / name).mkdir(parents=True)
        (kinds / name / f"{name}.py").write_text(text)
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(kinds / name)])
        _forget(found)
    root = tmp_path / "repository"
    (root / "shop").mkdir(parents=True)
    (root / "shop" / "a.txt").write_text("1")
    (root / "services.yaml").write_text(REGISTRY)
    return root / "services.yaml"


@pytest.fixture(autouse=True)
def _as_before() -> object:
    yield
    _forget(SEEDS)
    _forget(TARGETS)


def _forget(kinds: object) -> None:
    vars(kinds).pop("names", None)
    adapter.cache_clear()


def test_a_seed_of_a_new_kind(registry: Path) -> None:
    loaded = load(registry, {})
    (seed,) = loaded.services["shop"].seeds
    assert (seed.label, seed.timeout) == ("lines a.txt", 120)
    before = seed_digest(loaded, "shop", seed)
    (registry.parent / "shop" / "a.txt").write_text("2")
    assert seed_digest(loaded, "shop", seed) != before
    nowhere = Address("localhost", 1, "p", Secret(""), "p")
    seed.run(
        SeedRun(
            registry=loaded,
            service="shop",
            address=nowhere,
            deadline=Deadline(5),
            bindir=None,
            listen=lambda _event: None,
        )
    )
    assert (registry.parent / "shop" / "copied").read_text() == "2"


def test_a_target_of_a_new_kind(registry: Path) -> None:
    assert str(server_for(load(registry, {}), "far")) == "p far north"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("lines: a.txt", "lines: b.txt", "services.shop.seeds[0].lines: no file b.txt"),
        ("lines: a.txt", "lines: a.exe", "services.shop.seeds[0].lines: no text"),
        ("lines: a.txt", "lines: a.txt, timeout: 0", "a deadline is more than 0 seconds"),
        ("lines: a.txt", "lnies: a.txt", "a seed has one of"),
        ("server: cloud", "server: clod", "a target has"),
    ],
)
def test_their_faults(registry: Path, old: str, new: str, told: str) -> None:
    registry.write_text(registry.read_text().replace(old, new))
    with pytest.raises(RegistryError) as raised:
        load(registry, {})
    messages = [fault.message for fault in raised.value.faults if told in fault.message]
    assert messages
    if told.startswith(("a seed", "a target")):
        assert all("`lines: FILE`" in message or "`server: cloud`" in message for message in messages)


def test_nobody_asks_which_kind_it_is() -> None:
    classes = {kind.__name__ for kinds in (SEEDS, TARGETS) for kind in kinds.all().values()}
    asked: list[str] = []
    for source in of_engine():
        if source.path.parent.name not in {"target_kinds", "seed_kinds"}:
            asked += [f"{source.place}: {what}" for what in _asked(source, classes)]
    assert asked == []


def _asked(source: Source, classes: set[str]) -> Iterator[str]:
    yield from (node.name for node in source.nodes(ast.alias) if node.name in classes)
    for node in source.nodes(ast.Compare):
        for side in (node.left, *node.comparators):
            if isinstance(side, ast.Attribute) and side.attr == "kind" and "server" in ast.unparse(side.value):
                yield ast.unparse(node)
