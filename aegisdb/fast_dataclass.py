"""`dataclass` as in the standard library, for frozen classes whose making must cost next to nothing.

The standard one writes the source of six methods and compiles it, 0.8 ms a class: with the fifty classes that status
imports, a tenth of that command. Here methods go through the fields instead; making an object takes 2 microseconds
more, so classes with thousands of objects keep to the standard one. Either kind inherits from the other, and `fields`,
`replace` and `asdict` see no difference.
"""

from __future__ import annotations

import dataclasses
from dataclasses import MISSING, Field, FrozenInstanceError
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Fields = tuple[Field[Any], ...]


def _frozen(*, frozen: bool, kw_only: bool = False, eq: bool = True) -> Callable[[type], type]:
    """Make a dataclass of a class.

    Raises:
        TypeError: it is not frozen, has slots or a `__post_init__`: only the standard one does that.
    """

    def made(cls: type) -> type:
        if not frozen or "__slots__" in vars(cls) or hasattr(cls, "__post_init__"):
            msg = f"{cls.__name__} needs the standard dataclass"
            raise TypeError(msg)
        _declare(cls, kw_only=kw_only)
        fields = dataclasses.fields(cls)
        own = vars(cls)
        methods: dict[str, object] = {
            "__init__": _init(fields),
            "__repr__": _repr(tuple(field.name for field in fields if field.repr)),
            "__match_args__": tuple(field.name for field in fields if not field.kw_only),
        }
        if eq:
            comparing = _comparing(fields)
            methods |= {"__eq__": _eq(comparing), "__hash__": _hash(comparing)}
        for name, method in methods.items():
            if own.get(name) is None:  # a class that says what is equal has None for a hash
                setattr(cls, name, method)
        _freeze(cls, frozenset(field.name for field in fields))
        return cls

    return made


def _declare(cls: type, *, kw_only: bool) -> None:
    """Give it the two attributes by which `dataclasses` knows its own: the fields, and that it is frozen."""
    own = vars(cls)
    annotations = own.get("__annotations__", {})
    # the standard one compiles nothing for a class that is neither frozen nor given methods; without its bases,
    # because it refuses frozen ones there
    namespace = {name: own[name] for name in annotations if name in own}
    # a class without a docstring would be given its signature, which takes longer than all the rest
    namespace |= {"__module__": cls.__module__, "__annotations__": annotations, "__doc__": cls.__doc__ or cls.__name__}
    bare: Any = type(cls.__name__, (), namespace)
    stated = dataclasses.dataclass(init=False, repr=False, eq=False, kw_only=kw_only)(bare).__dataclass_fields__
    for name in stated:
        if isinstance(own.get(name), Field):
            if stated[name].default is MISSING:
                delattr(cls, name)
            else:
                setattr(cls, name, stated[name].default)
    inherited: dict[str, Any] = {}
    for base in reversed(cls.__mro__[1:]):
        inherited |= vars(base).get("__dataclass_fields__", {})
    cls.__dataclass_fields__ = inherited | stated  # type: ignore[attr-defined]
    cls.__dataclass_params__ = _PARAMS  # type: ignore[attr-defined]


def _init(fields: Fields) -> Callable[..., None]:
    wanted = frozenset(field.name for field in fields)
    positional = tuple(field.name for field in fields if not field.kw_only)
    defaults = {field.name: field.default for field in fields if field.default is not MISSING}
    factories = {f.name: f.default_factory for f in fields if f.default_factory is not MISSING}

    def __init__(self: Any, *args: Any, **given: Any) -> None:  # noqa: N807
        values = vars(self)
        if not given and len(args) == len(positional) == len(wanted):  # most of those that are made by the thousand
            values.update(zip(positional, args, strict=True))
            return
        if not args and given.keys() == wanted:
            values.update(given)
            return
        values.update(defaults)
        values.update(zip(positional, args, strict=False))
        values.update(given)
        for name, make in factories.items():
            if name not in values:
                values[name] = make()
        twice = args and given and not given.keys().isdisjoint(positional[: len(args)])
        if twice or len(args) > len(positional) or values.keys() != wanted:
            raise TypeError(_wrong(type(self).__name__, wanted, values))

    return __init__


def _wrong(name: str, wanted: frozenset[str], values: Mapping[str, Any]) -> str:
    missing, unknown = sorted(wanted - values.keys()), sorted(values.keys() - wanted)
    return f"{name}() misses {missing}, does not know {unknown}, or was given too many or the same one twice"


def _repr(names: tuple[str, ...]) -> Callable[[Any], str]:
    def __repr__(self: Any) -> str:  # noqa: N807
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    return recursive_repr()(__repr__)


def _comparing(fields: Fields) -> Callable[[Any], Any]:
    names = tuple(field.name for field in fields if field.compare)
    return attrgetter(*names) if names else lambda _: ()


def _eq(comparing: Callable[[Any], Any]) -> Callable[[Any, object], bool]:
    def __eq__(self: Any, other: object) -> bool:  # noqa: N807
        return comparing(self) == comparing(other) if other.__class__ is self.__class__ else NotImplemented

    return __eq__


def _hash(comparing: Callable[[Any], Any]) -> Callable[[Any], int]:
    return lambda self: hash(comparing(self))


def _freeze(cls: type, names: frozenset[str]) -> None:
    def guarded(verb: str, plain: Callable[..., None]) -> Callable[..., None]:
        def refuse(self: Any, name: str, *value: Any) -> None:
            if type(self) is cls or name in names:
                msg = f"cannot {verb} field {name!r}"
                raise FrozenInstanceError(msg)
            plain(super(cls, self), name, *value)

        return refuse

    cls.__setattr__ = guarded("assign to", lambda above, *given: above.__setattr__(*given))  # type: ignore[method-assign]
    cls.__delattr__ = guarded("delete", lambda above, *given: above.__delattr__(*given))  # type: ignore[method-assign]


_PARAMS = dataclasses.dataclass(frozen=True)(type("_", (), {"__doc__": "_"})).__dataclass_params__  # type: ignore[attr-defined]

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # noqa: PLC0414  what type checkers see
else:
    dataclass = _frozen
