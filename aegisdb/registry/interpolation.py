"""`${VAR}` and `${VAR:-default}` in texts; `$${` is a literal `${`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aegisdb.registry.dotenv_file import INSIDE, REFERENCE, read_dotenv
from aegisdb.registry.lookup import Unfilled
from aegisdb.registry.problems import Problem

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping
    from pathlib import Path

    from aegisdb.registry.document import Key
    from aegisdb.registry.dotenv_file import DotenvFile


class Variables:
    """The environment, then `.env` beside the registry, which is read only when something asks for it."""

    def __init__(self, environ: Mapping[str, str], dotenv: Path) -> None:
        self._environ = environ
        self._dotenv = dotenv
        self._file: DotenvFile | None = None

    def get(self, name: str) -> str | None:
        """The value, None when the variable is set nowhere."""
        return self._environ[name] if name in self._environ else self._read().values.get(name)

    def unset(self, name: str) -> str:
        """The variable to set for one that `get` has no value of: another, where its line in `.env` refers to that."""
        return self._read().waiting.get(name, name)

    def _read(self) -> DotenvFile:
        if self._file is None:
            self._file = read_dotenv(self._dotenv, self._environ)
        return self._file


class Interpolation:
    """Fills variables into plain data; collects malformed references and unset variables by key."""

    def __init__(self, variables: Variables) -> None:
        self._variables = variables
        self.problems: list[Problem] = []
        self.unset: list[tuple[Key, str]] = []

    def fill(self, value: Any, key: Key = ()) -> Any:
        """Interpolate every text of the data; a text with an unset variable stays as written."""
        if isinstance(value, dict):
            return {name: self.fill(child, (*key, name)) for name, child in value.items()}
        if isinstance(value, list):
            return [self.fill(child, (*key, index)) for index, child in enumerate(value)]
        return self._text(value, key) if isinstance(value, str) and "$" in value else value

    def _text(self, text: str, key: Key) -> str:
        missing = len(self.unset) + len(self.problems)
        filled = REFERENCE.sub(lambda match: self._reference(match, key), text)
        return filled if len(self.unset) + len(self.problems) == missing else Unfilled(text)

    def _reference(self, match: re.Match[str], key: Key) -> str:
        if match["escaped"]:
            return "${"
        inside = INSIDE.fullmatch(match["inside"])
        if not inside or not match["end"]:
            hint = "write ${NAME} or ${NAME:-default}, or $${ for a literal ${"
            self.problems.append(Problem(key, "this ${...} cannot be read", hint))
            return ""
        value = self._variables.get(inside["name"])
        if not value and inside["default"] is not None:
            return inside["default"]
        if value is None:
            self.unset.append((key, self._variables.unset(inside["name"])))
        return value or ""
