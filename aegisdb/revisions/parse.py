"""One revision file as data, read from its syntax tree: nothing of it is imported or run."""

from __future__ import annotations

import ast
import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aegisdb.errors import HistoryError
from aegisdb.fast_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

_REFERENCES = re.compile(r'\bREFERENCES\s+((?:"[^"]+"|[\w$]+)(?:\s*\.\s*(?:"[^"]+"|[\w$]+))?)', re.IGNORECASE)
_FIELDS = ("revision", "down_revision", "depends_on", "branch_labels", "one_way")
_REFERENT_ARGUMENT = 2  # op.create_foreign_key(name, source, REFERENT, ...)


@dataclass(frozen=True)
class Revision:
    """One revision file."""

    id: str
    down: tuple[str, ...]
    """Parents (`down_revision`), empty for a base."""
    depends_on: tuple[str, ...]
    labels: tuple[str, ...]
    message: str
    file: str
    """Its path."""
    line: int
    """Line of `revision = ...`."""
    one_way: str | None
    """Why it cannot be reverted, where it says so."""
    digest: str
    """sha256 over the normalised syntax tree: comments, docstrings and formatting do not count."""
    references: tuple[str, ...] = ()
    """Tables that its foreign keys point at, as far as the text tells."""
    imports: tuple[str, ...] = ()
    """Top-level names of the modules that it imports, sorted."""

    @property
    def parents(self) -> tuple[str, ...]:
        """Everything that must be applied before it."""
        return self.down + self.depends_on

    @property
    def path(self) -> Path:
        """The file. Made when it is asked for: of a thousand revisions, few are."""
        return Path(self.file)

    @property
    def source(self) -> str:
        """The file's text."""
        return self.path.read_text(encoding="utf-8", errors="replace")


def scan(path: Path) -> Revision:
    """Read one file.

    Raises:
        HistoryError: a syntax error, no `revision`, or a value that is not a literal; with file and line.
    """
    try:
        source = path.read_bytes()
    except OSError as error:
        raise HistoryError(f"{path.name} cannot be read: {error.strerror}", where=str(path)) from None
    return scan_source(source, path)


def scan_source(source: bytes | str, path: Path) -> Revision:
    """Read the text of a revision file; `path` is where it is or was. Raises as `scan`."""
    tree = _parse(source, path)
    values, line = _assignments(tree, path)
    identifier = values.get("revision")
    if not isinstance(identifier, str) or not identifier:
        raise HistoryError(
            f"{path.name} is no revision: it assigns no text to `revision`, and Alembic stops at it",
            where=str(path),
            hint="move the file out of the versions directory",
        )
    one_way = values.get("one_way")
    return Revision(
        id=identifier,
        down=_texts(values.get("down_revision")),
        depends_on=_texts(values.get("depends_on")),
        labels=_texts(values.get("branch_labels")),
        message=_message(tree),
        file=str(path),
        line=line,
        one_way=str(one_way) if one_way else None,
        digest=digest(tree),
        references=tuple(dict.fromkeys(_references(tree))),
        imports=tuple(sorted(set(_imports(tree)))),
    )


def _parse(source: bytes | str, path: Path) -> ast.Module:
    try:
        return ast.parse(source, filename=str(path))
    except SyntaxError as error:
        raise HistoryError(
            f"{path.name} does not compile: {error.msg}", where=f"{path}:{error.lineno or 1}", code="syntax"
        ) from None
    except ValueError as error:
        raise HistoryError(f"{path.name} cannot be read: {error}", where=str(path)) from None


def _assignments(tree: ast.Module, path: Path) -> tuple[dict[str, Any], int]:
    values: dict[str, Any] = {}
    line = 1
    for node in tree.body:
        name, value = _assigned(node)
        if name not in _FIELDS or value is None:
            continue
        try:
            values[name] = ast.literal_eval(value)
        except ValueError:
            raise HistoryError(
                f"`{name}` in {path.name} is not a literal, so the history cannot be read without running it",
                where=f"{path}:{node.lineno}",
                hint=f"write the value of `{name}` out",
            ) from None
        line = node.lineno if name == "revision" else line
    return values, line


def _assigned(node: ast.stmt) -> tuple[str, ast.expr | None]:
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id, node.value
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id, node.value
    return "", None


def _texts(value: Any) -> tuple[str, ...]:
    if not value:
        return ()
    return (value,) if isinstance(value, str) else tuple(str(item) for item in value)


def _message(tree: ast.Module) -> str:
    # Alembic's own rule: the first paragraph of the docstring
    paragraph = (ast.get_docstring(tree) or "").split("\n\n", maxsplit=1)[0]
    return " ".join(paragraph.split())


def digest(tree: ast.Module) -> str:
    """Hash of what the file does, equal on every Python version (ast.dump is not)."""
    return hashlib.sha256("".join(_canonical(tree)).encode("utf-8", "surrogatepass")).hexdigest()


def _canonical(node: Any) -> Iterator[str]:
    if isinstance(node, ast.AST):
        yield f"({type(node).__name__}"
        for name, value in ast.iter_fields(node):
            # an absent field and an empty one are the same thing, whichever Python wrote it down
            if value is None or value == [] or name in {"ctx", "kind", "type_comment", "type_ignores"}:
                continue
            yield f" {name}="
            yield from _canonical(_without_docstring(node, value) if name == "body" else value)
        yield ")"
    elif isinstance(node, list):
        for item in node:
            yield from _canonical(item)
    else:
        yield repr(node)


def _without_docstring(node: ast.AST, body: Any) -> Any:
    documented = isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    if documented and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        first = body[0].value.value
        return body[1:] if isinstance(first, str) else body
    return body


def _references(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from (_table(found) for found in _REFERENCES.findall(node.value))
        elif isinstance(node, ast.Call):
            yield from _references_of_call(node)


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _references_of_call(call: ast.Call) -> Iterator[str]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name == "ForeignKey" and call.args:
        yield from (column.rpartition(".")[0] for column in _strings(call.args[0]))
    elif name == "ForeignKeyConstraint" and len(call.args) > 1:
        yield from (column.rpartition(".")[0] for column in _strings(call.args[1]))
    elif name == "create_foreign_key":
        named = [keyword.value for keyword in call.keywords if keyword.arg == "referent_table"]
        positional = call.args[_REFERENT_ARGUMENT : _REFERENT_ARGUMENT + 1]
        yield from (text for value in named + positional for text in _strings(value))


def _strings(node: ast.expr) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


def _table(written: str) -> str:
    return ".".join(part.strip().strip('"') for part in written.split("."))
