"""Values of flags: from text to what the task's parameter says, or exit code 2 with what is allowed."""

from __future__ import annotations

import inspect
from dataclasses import field
from typing import TYPE_CHECKING, Any

from aegisdb.fast_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from aegisdb.workspace import Workspace

# chosen once, so that a new parameter never takes the letter of an old one
SHORT_FLAGS = {"service": "s", "message": "m", "target": "t", "format": "f", "yes": "y"}
_FORMATS = ("text", "json")
FLEET = ("fleet", "match", "shard")
"""Flags of tasks that can ask the members of a fleet."""
_LIKE = 0.7
"""Likeness, 0 to 1, from which a name is suggested; a far-fetched suggestion is worse than none."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Properties of a task beside its parameters."""

    help: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    positional: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    heading: str = "{target}"
    workspace: bool = True
    writes: bool = False
    raw: bool = False
    warm: bool = False
    formats: tuple[str, ...] = ()
    fleet: bool = False


@dataclass(frozen=True)
class Flag:
    """A parameter of a task."""

    name: str
    default: Any
    choices: tuple[str, ...] = ()
    repeated: bool = False
    positional: bool = False

    @property
    def shown_to_invoke(self) -> Any:
        """The default that Invoke sees: it makes the kind of a flag from it, and only bool and text are safe."""
        if self.repeated:
            return []
        if isinstance(self.default, bool):
            return self.default
        # None makes a flag of text without a default; a required positional must have no default at all
        return inspect.Parameter.empty if self.positional and self.required else None

    @property
    def required(self) -> bool:
        """Whether it must be given."""
        return self.default is inspect.Parameter.empty

    @property
    def typed(self) -> str:
        """The flag as it is typed."""
        dashed = self.name.strip("_").replace("_", "-")
        return dashed.upper() if self.positional else f"--{dashed}"


def flags_of(body: Callable[..., Any], options: Options) -> dict[str, Flag]:
    """The parameters of a task's function after its first one, and the flags that every task has."""
    own = list(inspect.signature(body).parameters.values())[1:]
    flags = {
        p.name: Flag(
            p.name,
            p.default,
            options.choices.get(p.name, ()),
            p.name in options.lists,
            # Invoke knows no positional that may be left out
            p.name in options.positional and p.default is inspect.Parameter.empty,
        )
        for p in own
    }
    if options.writes:
        flags["lock_wait"] = Flag("lock_wait", 30.0)
    if options.fleet:
        flags |= {name: Flag(name, "", repeated=name == "match") for name in FLEET}
    return flags | {"target": Flag("target", ""), "format": Flag("format", "text", (*_FORMATS, *options.formats))}


def parse(flags: Mapping[str, Flag], given: Mapping[str, Any], *, command: str) -> dict[str, Any]:
    """Every flag's value in its own type.

    Raises:
        UsageError: a value is missing, no number, or none of the choices.
    """
    return {name: _value(flag, given.get(name), command) for name, flag in flags.items()}


def refuse_empty(flags: Mapping[str, Flag], given: Mapping[str, Any]) -> None:
    """Refuse a flag that was typed with an empty value: a variable of the shell that is not set is no "not given".

    Raises:
        UsageError: it names the flag.
    """
    for name, flag in flags.items():
        if given.get(name) == "" or (flag.repeated and "" in (given.get(name) or ())):
            from aegisdb.errors import UsageError

            raise UsageError(
                f"{flag.typed} needs a value, and what it was given is empty",
                hint="leave the flag out, or see why the variable of the shell behind it is not set",
                code="empty_value",
            )


def bound(
    flags: Mapping[str, Flag], words: tuple[Any, ...], given: Mapping[str, Any], *, command: str
) -> dict[str, Any]:
    """Return the values of a call by name.

    Raises:
        TypeError: a value too many, or for a flag that is not there.
    """
    names = [name for name in flags if name not in {"lock_wait", "target", "format", *FLEET}]
    values = dict(zip(names, words, strict=False)) | dict(given)
    unknown = sorted(set(values) - set(flags))
    if unknown or len(words) > len(names):
        raise TypeError(f"{command} takes {', '.join(flags)}; not {', '.join(unknown) or repr(words[-1])}")
    return values


def did_you_mean(wrong: str, right: Iterable[str]) -> str:
    """A hint: the nearest name, several where they are equally near, and all of them while they are few."""
    names = list(right)
    likeness = {name: _likeness(wrong, name) for name in names}
    best = max(likeness.values(), default=0.0)
    close = [repr(name) for name in names if likeness[name] == best >= _LIKE]
    few = len(names) <= 12  # noqa: PLR2004 - more would not be read
    parts = [
        f"did you mean {' or '.join(close)}?" if close else "",
        f"there are: {', '.join(names)}" if few and names else "",
    ]
    return " ".join(filter(None, parts))


def _likeness(wrong: str, name: str) -> float:
    """0 to 1; dashes do not count, and of a task its verb alone does too: `status` means `db.status`."""
    from difflib import SequenceMatcher

    given, *wanted = (word.replace("-", "").lower() for word in (wrong, name, name.rpartition(".")[2]))
    return max(SequenceMatcher(None, given, word).ratio() for word in wanted)


def describe(ws: Workspace) -> str:
    """The target, or the fleet, as the first line of text output names it."""
    if ws.fleet:
        asked, of = len(ws.fleet.members), ws.fleet.of
        return f"fleet {ws.fleet.fleet}: {asked if asked == of else f'{asked} of {of}'} member{'' if of == 1 else 's'}"
    return f"target {ws.target} ({ws.server.kind}) {ws.server.label()}"


def _value(flag: Flag, given: Any, command: str) -> Any:
    if flag.repeated:
        return tuple(given or ())
    if isinstance(flag.default, bool):
        return bool(given)
    from aegisdb.errors import UsageError

    if given is None:
        if flag.required:
            raise UsageError(f"{command} needs {flag.typed}", hint=f"invoke --help {command}", code="missing_flag")
        return flag.default
    if flag.choices and given not in flag.choices:
        raise UsageError(
            f"{flag.typed} does not know {given!r}", hint=did_you_mean(given, flag.choices), code="unknown_value"
        )
    if isinstance(flag.default, int | float):
        return _number(flag, given)
    return given


def _number(flag: Flag, given: str) -> int | float:
    from aegisdb.errors import UsageError

    kind = type(flag.default)
    try:
        number: int | float = kind(given)
    except ValueError:
        number = -1
    if not 0 <= number < float("inf"):
        what = "a whole number" if kind is int else "a number"
        raise UsageError(f"{flag.typed} needs {what}, 0 or more, not {given!r}", code="not_a_number")
    return number
