"""Our `dataclass` does what the standard one does, and compiles nothing."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from aegisdb import fast_dataclass
from aegisdb.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    Decorator = Callable[..., Callable[[type], type]]

ours: Decorator = fast_dataclass.dataclass
standard: Decorator = dataclasses.dataclass
BOTH = pytest.mark.parametrize("dataclass", [ours, standard])


def _shop(dataclass: Decorator) -> Any:
    @dataclass(frozen=True)
    class Shop:
        """A shop."""

        kind: ClassVar[str] = "shop"
        name: str
        owner: str = "nobody"
        rooms: dict[str, int] = dataclasses.field(default_factory=dict, compare=False)
        key: str = dataclasses.field(default="", repr=False)

        @property
        def shown(self) -> str:
            """Its name."""
            return self.name.title()

    return Shop


@BOTH
def test_objects(dataclass: Decorator) -> None:
    shop = _shop(dataclass)
    one = shop("tea", rooms={"a": 1}, key="k")
    assert one == shop(name="tea", owner="nobody", key="k")  # rooms are not compared
    assert one != shop("tea")
    assert one != "tea"
    assert hash(one) == hash(shop("tea", key="k"))
    assert repr(one) == f"{shop.__qualname__}(name='tea', owner='nobody', rooms={{'a': 1}})"
    assert one.shown == "Tea"
    assert shop("a").rooms == {}
    assert shop("a").rooms is not shop("a").rooms
    assert shop.owner == "nobody"
    assert not hasattr(shop, "rooms")
    assert shop.__match_args__ == ("name", "owner", "rooms", "key")
    assert shop.__doc__ == "A shop."


@BOTH
def test_what_the_standard_library_does_with_them(dataclass: Decorator) -> None:
    shop = _shop(dataclass)
    one: Any = shop("tea", rooms={"a": 1})
    assert dataclasses.is_dataclass(type(one))
    assert [field.name for field in dataclasses.fields(shop)] == ["name", "owner", "rooms", "key"]
    assert dataclasses.asdict(one) == {"name": "tea", "owner": "nobody", "rooms": {"a": 1}, "key": ""}
    assert dataclasses.replace(one, name="ink") == shop("ink")
    assert copy.deepcopy(one) == copy.copy(one) == one


@BOTH
@pytest.mark.parametrize(
    ("args", "given"), [((), {}), (("a",), {"name": "b"}), (("a",), {"nonsense": 1}), (("a", "b", {}, "d", "e"), {})]
)
def test_wrong_arguments(dataclass: Decorator, args: tuple[Any, ...], given: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        _shop(dataclass)(*args, **given)


@BOTH
def test_nothing_is_assigned_or_deleted(dataclass: Decorator) -> None:
    shop = _shop(dataclass)
    one = shop("tea")
    for name in ("name", "other"):
        with pytest.raises(dataclasses.FrozenInstanceError, match=f"cannot assign to field '{name}'"):
            setattr(one, name, "ink")
        with pytest.raises(dataclasses.FrozenInstanceError, match=f"cannot delete field '{name}'"):
            delattr(one, name)
    plain = type("Plain", (shop,), {})("tea")
    plain.other = 1
    assert plain.other == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        plain.name = "ink"


@pytest.mark.parametrize("below", [ours, standard])
@BOTH
def test_either_kind_inherits_from_the_other(dataclass: Decorator, below: Decorator) -> None:
    @dataclass(frozen=True, kw_only=True)
    class Base:
        one: int
        two: int = 2

    @below(frozen=True, kw_only=True)
    class Derived(Base):
        three: int
        two: int = 22

    made: Any = Derived
    assert [field.name for field in dataclasses.fields(made)] == ["one", "two", "three"]
    assert made(one=1, three=3) == made(one=1, two=22, three=3) != Base(one=1, two=22)
    assert made.__match_args__ == ()
    with pytest.raises(TypeError):
        made(1, three=3)
    with pytest.raises(dataclasses.FrozenInstanceError):
        made(one=1, three=3).one = 2


@BOTH
def test_what_a_class_says_itself_stays(dataclass: Decorator) -> None:
    @dataclass(frozen=True)
    class Named:  # noqa: PLW1641  a frozen dataclass gets its hash
        name: str

        def __eq__(self, other: object) -> bool:
            return True

        def __repr__(self) -> str:
            return "named"

    made: Any = Named
    assert made("a") == made("b")
    assert repr(made("a")) == "named"
    assert hash(made("a")) != hash(made("b"))


@BOTH
def test_without_equality(dataclass: Decorator) -> None:
    @dataclass(frozen=True, eq=False)
    class Choice:
        name: str

    made: Any = Choice
    assert made("a") != made("a")
    assert len({made("a"), made("a")}) == 2


def test_what_only_the_standard_one_does_is_refused() -> None:
    with pytest.raises(TypeError, match="standard"):
        ours(frozen=False)(type("A", (), {}))
    with pytest.raises(TypeError, match="standard"):
        ours(frozen=True)(type("B", (), {"__slots__": ()}))
    with pytest.raises(TypeError, match="standard"):
        ours(frozen=True)(type("C", (), {"__post_init__": lambda _: None}))


def test_nothing_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: str, *scope: dict[str, Any]) -> None:
        # from Python 3.13 on, even a class that is given no methods has an empty function compiled
        assert " def " not in source.removeprefix("def "), source
        exec(source, *scope)  # noqa: S102  in the place of the standard library

    monkeypatch.setattr(dataclasses, "exec", refuse, raising=False)
    assert _shop(ours)("tea").name == "tea"
    with pytest.raises(AssertionError):
        _shop(standard)


def test_objects_travel() -> None:
    fault = Fault("a", "b", "c")
    assert pickle.loads(pickle.dumps(fault)) == fault  # noqa: S301  our own
