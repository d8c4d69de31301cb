"""`aegisdb explain`: the documentation that ships, by error code, lint rule or page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import aegisdb
from aegisdb.errors import UsageError
from aegisdb.registry.choice import did_you_mean
from aegisdb.results import Result

_ROW = re.compile(r"^\| `([a-z_]+)` \| (.*?) \| (.*?) \| (.*?) \|$", re.MULTILINE)
_ALSO_CALLED = {"services.yaml": "registry", "schema": "services.schema.json", "exit codes": "errors"}


@dataclass(frozen=True, kw_only=True)
class ExplainResult(Result):
    """The text of a page."""

    code: str
    text: str


def explain(code: str) -> ExplainResult:
    """The page of an error code or of a lint rule, or any page of the documentation.

    Raises:
        UsageError: there is no such code, rule or page.
    """
    pages, rows = _pages(), error_rows()
    name = _ALSO_CALLED.get(code, code.removeprefix("docs/").removesuffix(".md"))
    found = [rows[name]] if name in rows else []
    found += [pages[page].read_text("utf-8").rstrip() for page in (name, f"lint/{name}") if page in pages]
    if not found:
        names = [*rows, *(page.removeprefix("lint/") for page in pages)]
        raise UsageError(
            f"there is no code, rule or page {code!r}",
            hint=f"{did_you_mean(code, names)}`aegisdb explain errors` has all codes, `aegisdb explain lint` all rules",
            code="unknown_value",
        )
    return ExplainResult(code=code, text="\n\n".join(found))


def error_rows() -> dict[str, str]:
    """Every error code of docs/errors.md as a page of its own."""
    text = (folder() / "errors.md").read_text("utf-8")
    return {
        code: f"# {code}\nExit code {exits}.\n\nMeans: {means}.\n\nWhat to do: {todo}."
        for code, exits, means, todo in _ROW.findall(text)
    }


def folder() -> Path:
    """Where the documentation is: beside the code of a wheel, at the top of a checkout."""
    shipped = Path(aegisdb.__file__).with_name("docs")
    return shipped if shipped.is_dir() else shipped.parents[1] / "docs"


def _pages() -> dict[str, Path]:
    root = folder()
    pages = {path.relative_to(root).with_suffix("").as_posix(): path for path in root.rglob("*.md")}
    return {
        **pages,
        "lint": root / "lint" / "README.md" if (root / "lint" / "README.md").is_file() else root / "migrate.md",
        "services.schema.json": root / "services.schema.json",
    }
