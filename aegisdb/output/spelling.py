"""How commands are spelled in what is printed: `invoke db.reset`, or `aegisdb db.reset` where that was typed."""

from __future__ import annotations

import re

_COMMAND = re.compile(
    r"\binvoke (?=--(?:list|help)\b|(?:db|migrate|seed|deploy|service|rollout)\.[a-z]"
    r"|(?:doctor|ci|report|explain|init)\b)"
)
_program = "invoke"


def type_as(program: str) -> None:
    """Say from now on by which program people type commands."""
    global _program  # noqa: PLW0603  one process is typed by one name
    _program = program


def spelled(text: str) -> str:
    """Return the text with its commands as this person types them."""
    return text if _program == "invoke" or "invoke " not in text else _COMMAND.sub(f"{_program} ", text)
