"""The variables of `.env`, with `${NAME}` inside of their values filled in as Docker Compose and a shell do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from aegisdb.errors import BadInput
from aegisdb.fast_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

REFERENCE = re.compile(r"\$(?P<escaped>\$\{)|\$\{(?P<inside>[^}]*)(?P<end>\}?)")
INSIDE = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^{]*))?", re.DOTALL)
_BARE = re.compile(r"\$[A-Za-z_$]")


@dataclass(frozen=True)
class DotenvFile:
    """The variables that the file sets."""

    values: Mapping[str, str]
    waiting: Mapping[str, str]
    """Variables without a value yet, each with the one inside of it that is set nowhere."""


class _Line(NamedTuple):
    name: str
    value: str
    literal: bool
    """Whether it stands between single quotes."""


def read_dotenv(path: Path, environ: Mapping[str, str]) -> DotenvFile:
    """Read the file; what a value refers to is taken from `environ`, else from the lines above it.

    python-dotenv reads the lines; its own filling looks at `os.environ`, and between single quotes too.

    Raises:
        BadInput: it is no UTF-8.
    """
    values: dict[str, str] = {}
    waiting: dict[str, str] = {}
    for line in _lines(path):
        known, missing = {**values, **environ}, [""]

        def fill(match: re.Match[str], known: Mapping[str, str] = known, missing: list[str] = missing) -> str:
            if match["escaped"]:
                return "${"
            inside = INSIDE.fullmatch(match["inside"])
            if not inside or not match["end"]:
                return match[0]
            value = known.get(inside["name"]) or inside["default"]
            if value is None and inside["name"] not in known:
                missing[0] = waiting.get(inside["name"], inside["name"])
            return value or ""

        filled = line.value if line.literal else REFERENCE.sub(fill, line.value)
        for former in (values, waiting):
            former.pop(line.name, None)
        if missing[0]:
            waiting[line.name] = missing[0]
        else:
            values[line.name] = filled
    return DotenvFile(values, waiting)


def read_otherwise_by_compose(path: Path) -> list[str]:
    """Return the variables with a `$` that Docker Compose fills in and python-dotenv leaves: `pa$word`, `pa$$word`."""
    found = {line.name: not line.literal and _BARE.search(line.value) for line in _lines(path)}
    return [name for name, bare in found.items() if bare]


def _lines(path: Path) -> Iterator[_Line]:
    if not path.is_file():
        return
    from dotenv.parser import parse_stream

    try:
        with path.open(encoding="utf-8") as stream:
            for binding in parse_stream(stream):
                if binding.key is not None and binding.value is not None:
                    after = binding.original.string.partition("=")[2].lstrip()
                    yield _Line(binding.key, binding.value, literal=after.startswith("'"))
    except UnicodeDecodeError as error:
        raise BadInput(f"{path.name} is not UTF-8: {error.reason}", where=str(path), hint="save it as UTF-8") from None
