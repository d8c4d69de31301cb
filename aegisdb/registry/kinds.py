"""Kinds of targets and of seeds: a module each, found in its package and called by the word that chooses the kind.

A module has `KIND`, a dataclass whose fields are the keys of services.yaml; its methods are all that is to be known
about the kind. It is loaded when a registry has one, so what it needs to run is imported where it runs.
"""

from __future__ import annotations

from dataclasses import field, fields
from functools import cached_property
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, Literal, TypeVar

from aegisdb.fast_dataclass import dataclass
from aegisdb.registry.choice import STRICT, did_you_mean, text_or_list
from aegisdb.registry.values import connection_problems, seed_problems

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from _typeshed import DataclassInstance

    from aegisdb.registry.document import Key
    from aegisdb.registry.problems import Problem


GateCheck = Literal["lint", "tamper", "drift", "roundtrip", "plan"]

Deployed = Annotated[
    str | tuple[str, ...], text_or_list("deployed is a git ref, or a command as a list of words, which prints some")
]


def _key(*, default: Any, meaning: str) -> Any:
    """A key that several kinds have: pydantic reads no docstring of an inherited attribute."""
    return field(default=default, metadata={"description": meaning})


def keys_of(kind: type[DataclassInstance]) -> list[str]:
    """Keys of a class of the registry, its own before those that it shares with others."""
    return sorted((item.name for item in fields(kind)), key=lambda name: name not in vars(kind)["__annotations__"])


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An entry of services.yaml whose kind is one of several."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT
    EXAMPLE: ClassVar[str]
    """How one is written, for whom nothing fits."""
    PATHS: ClassVar[tuple[str, ...]] = ()
    """Keys that name files."""
    HEADING: ClassVar[str]
    """How docs/registry.md calls the mapping."""

    @classmethod
    def kind(cls) -> str:
        """The word that chooses it: the name of its module."""
        return cls.__module__.rpartition(".")[2]

    @classmethod
    def problems(cls, key: Key, plain: Mapping[str, Any]) -> Iterator[Problem]:
        """Faults in how its values are written; the types have been looked at already."""
        del key, plain
        yield from ()


@dataclass(frozen=True, kw_only=True)
class Target(Entry):
    """A target: one database to work on."""

    READS_DOTENV: ClassVar[bool] = False
    """Whether its server's own program reads `.env` too, by rules of its own."""

    protected: bool = _key(
        default=False,
        meaning="Never run a destructive task here, whatever is confirmed, nor make a database of ours beside it.",
    )
    gate: tuple[GateCheck, ...] | None = _key(
        default=None,
        meaning="What `migrate.apply` looks at first: `lint` and `tamper`, as without this key; `drift`; `roundtrip`;"
        " `plan`.",
    )
    deployed: Deployed | None = _key(
        default=None,
        meaning="Which code runs against it: a git ref, or a command (a list of words) that prints `REF` or"
        " `SERVICE REF` lines.",
    )
    proof: str = _key(
        default="",
        meaning="Target on whose server databases for references and proofs are made; its own name allows them beside"
        " it.",
    )

    def require(self, registry: Any, name: str) -> None:
        """Refuse when a value that it needs is not set or cannot be read, before anything is contacted.

        Raises:
            BadInput: a variable is not set, or a URL cannot be read; Refused: a URL names a service.
        """
        del name
        registry.require("database")

    def urls(self) -> tuple[str, ...]:
        """URLs with a password in them, to be hidden wherever they appear."""
        return ()

    def places(self) -> frozenset[tuple[str, int, str]]:
        """Host, port and database that its URLs lead to; empty where they cannot be read, or a server of ours is it."""
        return frozenset()

    def own_password(self, registry: Any, name: str) -> str | None:
        """The password that is drawn for it, empty before it is; None for one that has that of `database`."""
        del registry, name
        return None

    def way_to_own_password(self, name: str) -> str:
        """What to do so that its password stands in no file of git; empty where that is not decided here."""
        del name
        return ""

    def starts_here(self) -> bool:
        """Whether its server is one of this project that what is installed here can start at any time."""
        return False

    def local_port(self) -> int | None:
        """The port on this machine that services.yaml gives it."""
        return None

    def make_server(self, registry: Any, name: str) -> Any:
        """The `servers.Server` of the target `name` of a `registry.types.Registry`."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Seed(Entry):
    """A seed: a step that fills data."""

    RUNS_PYTHON: ClassVar[bool] = False
    """Whether it runs a Python module, for which a process may be warmed."""
    ALL_OR_NOTHING: ClassVar[bool] = False
    """Whether a failed run leaves nothing behind."""

    fills: tuple[str, ...] = _key(default=(), meaning="Tables that hold at least one row after it.")
    timeout: float = _key(default=120, meaning="Deadline in seconds for all of it, with the start of what it calls.")

    @classmethod
    def problems(cls, key: Key, plain: Mapping[str, Any]) -> Iterator[Problem]:
        """A name that no table has, and a deadline that is none."""
        yield from super().problems(key, plain)
        yield from seed_problems(key, plain)

    @property
    def what(self) -> str:
        """The thing that the seed runs, as services.yaml says it."""
        return str(getattr(self, self.kind()))

    @property
    def label(self) -> str:
        """How tables, errors and the ledger call it: kind and what it runs."""
        return f"{self.kind()} {self.what}"

    def files(self) -> tuple[str, ...]:
        """Files that it reads, relative to its service; part of its digest."""
        values = [getattr(self, name) for name in self.PATHS]
        return tuple(text for value in values for text in ((value,) if isinstance(value, str) else value))

    def drivers(self) -> tuple[str, ...]:
        """SQLAlchemy's drivers in the URLs that it hands to programs."""
        return ()

    def code(self) -> str:
        """The dotted module whose source is part of its digest; empty for none."""
        return ""

    def beyond_files(self, home: Any) -> str:
        """Why the files of its service, in the folder `home`, do not tell what it does; empty where they do."""
        del home
        return ""

    def run(self, run: Any) -> None:
        """Run it: `run` is a `seeds.run.SeedRun`, which says where and how long."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class ProgramSeed(Seed):
    """A seed that is a program of the service's own, which gets the URL of the database and may read files."""

    PATHS = ("inputs",)

    url_env: str = _key(default="DATABASE_URL", meaning="Environment variable in which the program gets its URL.")
    driver: str = _key(default="", meaning="SQLAlchemy driver of that URL; empty for plain postgresql://.")
    inputs: tuple[str, ...] = _key(
        default=(), meaning="Files the seed reads, relative to the service; part of its hash."
    )

    @classmethod
    def problems(cls, key: Key, plain: Mapping[str, Any]) -> Iterator[Problem]:
        """A variable or a driver that cannot be one, and what every seed can have wrong."""
        yield from connection_problems(key, plain)
        yield from super().problems(key, plain)

    def drivers(self) -> tuple[str, ...]:
        """Return the driver that `driver` names."""
        return (self.driver,)


E = TypeVar("E", bound=Entry)


class Kinds(Generic[E]):
    """The kinds that a package has modules for."""

    def __init__(self, package: str, *, chosen_by: str = "") -> None:
        self._package = package
        self._chosen_by = chosen_by
        """A key whose value is the kind; in an entry without it, the first key that names a kind chooses it."""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The words that choose a kind."""
        return tuple(sorted(module.name for module in iter_modules(import_module(self._package).__path__)))

    def __getitem__(self, name: str) -> type[E]:
        kind: type[E] = import_module(f"{self._package}.{name}").KIND
        return kind

    def of(self, plain: Any) -> type[E] | None:
        """The kind of an entry; None where none is meant, or none that is there."""
        if not isinstance(plain, dict):
            return None
        word = plain.get(self._chosen_by)
        if word is None:
            word = next((key for key in plain if key in self.names), "")
        return self[word] if word in self.names else None

    def build(self, plain: Mapping[str, Any]) -> E:
        """The entry of a sound registry."""
        kind = self.of(plain)
        assert kind is not None  # noqa: S101 - the shape was judged
        return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()})

    def all(self) -> dict[str, type[E]]:
        """Every kind by its word."""
        return {name: self[name] for name in self.names}

    def pick(self, plain: Any) -> str | None:
        """The tag under which pydantic knows an entry's kind."""
        kind = self.of(plain)
        return f"<{kind.kind()}>" if kind else None

    def variants(self) -> dict[str, type[E]]:
        """The kinds by their tags."""
        return {f"<{name}>": kind for name, kind in self.all().items()}

    def message(self, what: str) -> str:
        """A sentence that lists the kinds, e.g. `a seed has one of ...`."""
        *most, last = [f"`{kind.EXAMPLE}`" for kind in self.all().values()]
        return f"{what} {', '.join(most)} or {last}"

    def hint(self, plain: Any) -> str:
        """Which kind may have been meant."""
        if not isinstance(plain, dict):
            return ""
        words = [plain.get(self._chosen_by)] if self._chosen_by else [key for key in plain if isinstance(key, str)]
        return next(filter(None, (did_you_mean(word, self.names) for word in words if isinstance(word, str))), "")


TARGETS: Kinds[Target] = Kinds("aegisdb.target_kinds", chosen_by="server")
SEEDS: Kinds[Seed] = Kinds("aegisdb.seed_kinds")
