"""One revision file as data, read from its syntax tree: nothing of it is imported or run."""

from __future__ import annotations

import ast
import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aegisdb import python_source
from aegisdb.errors import BadPhase, HistoryError
from aegisdb.fast_dataclass import dataclass
from aegisdb.revisions.literals import Literals, NotWritten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_REFERENCES = re.compile(r'\bREFERENCES\s+((?:"[^"]+"|[\w$]+)(?:\s*\.\s*(?:"[^"]+"|[\w$]+))?)', re.IGNORECASE)
FIELDS = ("revision", "down_revision", "depends_on", "branch_labels", "one_way", "requires")
PHASES = ("expand", "contract")
_NO_CODE = frozenset({"ctx", "kind", "type_comment", "type_ignores"})
_REFERENT_ARGUMENT = 2  # op.create_foreign_key(name, source, REFERENT, ...)


@dataclass(frozen=True)
class Revision:
    """A revision file as data."""

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
    requires: tuple[str, ...] = ()
    """Revisions of other services that must be applied before it, as `service@revision`."""
    phase: str = ""
    """One of `PHASES`: old code bears it, or it takes away what old code may use; empty where it does not say."""

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


class NoLiteral(HistoryError):
    """An id or label that only running the file tells."""


def scan(path: Path, known: Mapping[str, Any] | None = None) -> Revision:
    """Read one file; `known` are the values of its `FIELDS`, where running it told them.

    Raises:
        HistoryError: a syntax error, no `revision`, no such `phase`; NoLiteral: a value that is not written out; both
            with file and line.
    """
    try:
        source = path.read_bytes()
    except OSError as error:
        raise HistoryError(f"{path.name} cannot be read: {error.strerror}", where=str(path)) from None
    return scan_source(source, path, known)


def scan_source(source: bytes | str, path: Path, known: Mapping[str, Any] | None = None) -> Revision:
    """Read the text of a revision file; `path` is where it is or was. Raises as `scan`."""
    tree = _parse(source, path)
    literals = Literals(tree)
    values = _assignments(literals, path) if known is None else known
    identifier = values.get("revision")
    if not isinstance(identifier, str) or not identifier:
        raise HistoryError(
            f"{path.name} is not a revision: it assigns no text to `revision`, and Alembic stops at it",
            where=str(path),
            hint="move the file out of the versions directory",
        )
    one_way = values.get("one_way")
    code = _Code(tree)
    return Revision(
        id=identifier,
        down=_texts(values.get("down_revision")),
        depends_on=_texts(values.get("depends_on")),
        labels=_texts(values.get("branch_labels")),
        message=_message(tree),
        file=str(path),
        line=literals.lines.get("revision", 1),
        one_way=str(one_way) if one_way else None,
        digest=code.digest,
        references=tuple(dict.fromkeys(code.references())),
        imports=tuple(sorted(set(code.imports()))),
        requires=_texts(values.get("requires")),
        phase=_phase(literals, path),
    )


def _parse(source: bytes | str, path: Path) -> ast.Module:
    try:
        return python_source.parse(source, str(path))
    except SyntaxError as error:
        raise HistoryError(
            f"{path.name} does not compile: {error.msg}", where=f"{path}:{error.lineno or 1}", code="syntax"
        ) from None
    except ValueError as error:
        raise HistoryError(f"{path.name} cannot be read: {error}", where=str(path)) from None


def _assignments(literals: Literals, path: Path) -> Mapping[str, Any]:
    values: dict[str, Any] = {}
    for name in FIELDS:
        if not literals.has(name):
            continue
        try:
            values[name] = literals.value(name)
        except NotWritten:
            raise NoLiteral(
                f"`{name}` in {path.name} is not a literal, so the history cannot be read without running it",
                where=f"{path}:{literals.lines.get(name, 1)}",
                hint=f"write the value of `{name}` out",
            ) from None
    return values


def _phase(literals: Literals, path: Path) -> str:
    """The phase; it decides what may run, so it is read from the text alone, also where ids are not."""
    if not literals.has("phase"):
        return ""
    try:
        value = literals.value("phase")
        wrong = "" if value is None or value in PHASES else f"is {value!r}, and there is no such phase"
    except NotWritten:
        value, wrong = None, "is not a literal"
    if wrong:
        raise BadPhase(
            f"`phase` in {path.name} {wrong}",
            where=f"{path}:{literals.lines.get('phase', 1)}",
            hint='write phase = "expand" or phase = "contract"',
        )
    return value or ""


def _texts(value: Any) -> tuple[str, ...]:
    if not value:
        return ()
    return (value,) if isinstance(value, str) else tuple(str(item) for item in value)


def _message(tree: ast.Module) -> str:
    # Alembic's own rule: the first paragraph of the docstring
    paragraph = (ast.get_docstring(tree) or "").split("\n\n", maxsplit=1)[0]
    return " ".join(paragraph.split())


class _Code:
    """What a file does: its syntax tree without docstrings, gone through once."""

    def __init__(self, tree: ast.Module) -> None:
        told: list[str] = []
        self._calls: list[ast.Call] = []
        self._imports: list[ast.Import | ast.ImportFrom] = []
        self._referring: list[str] = []
        notes: dict[type[ast.AST], Callable[[Any], None]] = {
            ast.Constant: self._constant,
            ast.Call: self._calls.append,
            ast.Import: self._imports.append,
            ast.ImportFrom: self._imports.append,
        }
        # a stack of our own: what a file holds may be nested deeper than Python's calls
        left: list[str | ast.AST] = [tree]
        while left:
            node = left.pop()
            if isinstance(node, str):
                told.append(node)
                continue
            note = notes.get(node.__class__)
            if note is not None:
                note(node)
            parts = _canonical(node)
            parts.reverse()
            left += parts
        self.digest = hashlib.sha256("".join(told).encode("utf-8", "surrogatepass")).hexdigest()
        """Equal on every Python version, which `ast.dump` is not."""

    def _constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and "REFERENCES" in node.value.upper():
            self._referring.append(node.value)

    def references(self) -> Iterator[str]:
        """Tables that foreign keys point at, in SQL and in calls."""
        for text in self._referring:
            yield from (_table(found) for found in _REFERENCES.findall(text))
        for call in self._calls:
            yield from _references_of_call(call)

    def imports(self) -> Iterator[str]:
        """Top-level names of modules."""
        for node in self._imports:
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif node.module and not node.level:
                yield node.module.partition(".")[0]


def _canonical(node: ast.AST) -> list[str | ast.AST]:
    """A node in the words of the digest, with the nodes inside it where they stand."""
    found: list[str | ast.AST] = []
    words = f"({type(node).__name__}"
    for name in node._fields:
        value = getattr(node, name, None)
        # an absent field and an empty one are the same thing, whichever Python wrote it down
        if value is None or name in _NO_CODE or value == []:
            continue
        words += f" {name}="
        held = _without_docstring(node, value) if name == "body" else value
        for part in held if isinstance(held, list) else (held,):
            if isinstance(part, ast.AST):
                found += (words, part)
                words = ""
            else:
                words += repr(part)
    found.append(f"{words})")
    return found


def _without_docstring(node: ast.AST, body: Any) -> Any:
    documented = isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    if documented and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        first = body[0].value.value
        return body[1:] if isinstance(first, str) else body
    return body


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
