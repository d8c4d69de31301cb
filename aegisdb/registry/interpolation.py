"""`${VAR}` and `${VAR:-default}` in texts; `$${` is a literal `${`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from aegisdb.registry.lookup import Unfilled
from aegisdb.registry.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from aegisdb.registry.document import Key

_REFERENCE = re.compile(r"\$(?P<escaped>\$\{)|\$\{(?P<inside>[^}]*)(?P<end>\}?)")
_INSIDE = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^{]*))?", re.DOTALL)


class Variables:
    """The environment, then `.env` beside the registry, which is read only when something asks for it."""

    def __init__(self, environ: Mapping[str, str], dotenv: Path) -> None:
        self._environ = environ
        self._dotenv = dotenv
        self._file: Mapping[str, str | None] | None = None

    def get(self, name: str) -> str | None:
        """The value, None when the variable is set nowhere."""
        if name in self._environ:
            return self._environ[name]
        if self._file is None:
            self._file = _read_dotenv(self._dotenv)
        return self._file.get(name)


def _read_dotenv(path: Path) -> Mapping[str, str | None]:
    if not path.is_file():
        return {}
    from dotenv import dotenv_values

    # interpolation inside .env would look at os.environ, which is not ours to read here
    return dotenv_values(path, interpolate=False)


class Interpolation:
    """Fills variables into plain data; collects malformed references and unset variables by key."""

    def __init__(self, variables: Variables) -> None:
        self._variables = variables
        self.problems: list[Problem] = []
        self.unset: list[tuple[Key, str]] = []

    def fill(self, value: Any, key: Key = ()) -> Any:
        """The same data with every text interpolated; a text with an unset variable stays as written."""
        if isinstance(value, dict):
            return {name: self.fill(child, (*key, name)) for name, child in value.items()}
        if isinstance(value, list):
            return [self.fill(child, (*key, index)) for index, child in enumerate(value)]
        return self._text(value, key) if isinstance(value, str) and "$" in value else value

    def _text(self, text: str, key: Key) -> str:
        missing = len(self.unset) + len(self.problems)
        filled = _REFERENCE.sub(lambda match: self._reference(match, key), text)
        return filled if len(self.unset) + len(self.problems) == missing else Unfilled(text)

    def _reference(self, match: re.Match[str], key: Key) -> str:
        if match["escaped"]:
            return "${"
        inside = _INSIDE.fullmatch(match["inside"])
        if not inside or not match["end"]:
            hint = "write ${NAME} or ${NAME:-default}, or $${ for a literal ${"
            self.problems.append(Problem(key, "this ${...} cannot be read", hint))
            return ""
        value = self._variables.get(inside["name"])
        if not value and inside["default"] is not None:
            return inside["default"]
        if value is None:
            self.unset.append((key, inside["name"]))
        return value or ""
