"""Rules, their input and their findings."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from aegisdb import python_source
from aegisdb.errors import HistoryError
from aegisdb.files import shown
from aegisdb.lint.steps import Step, steps, walk
from aegisdb.revisions.downgrades import function_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from aegisdb.registry.types import Registry
    from aegisdb.revisions.history import History
    from aegisdb.revisions.parse import Revision

_TREES = 300
"""Files whose syntax trees are kept at a time; some more than squawk is asked about at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """A place that a rule objects to."""

    rule: str
    message: str
    path: str
    """Relative to services.yaml."""
    line: int
    fix: str
    """How to fix it."""
    service: str = ""
    last_line: int = 0
    """Last line of the call, where it has several."""

    @property
    def where(self) -> str:
        """path:line."""
        return f"{self.path}:{self.line}"


@dataclass(frozen=True, eq=False)
class RevisionFile:
    """A revision file with its syntax tree."""

    service: str
    revision: Revision
    shown: str
    """Its path relative to services.yaml."""
    source: str
    tree: ast.Module

    @cached_property
    def upgrade(self) -> tuple[Step, ...]:
        """The steps of `upgrade()`, in order."""
        return steps(self.tree, "upgrade")

    @cached_property
    def downgrade(self) -> tuple[Step, ...]:
        """The steps of `downgrade()`, in order."""
        return steps(self.tree, "downgrade")

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Every node of the tree."""
        return tuple(walk(self.tree))

    @cached_property
    def statements(self) -> tuple[ast.stmt, ...]:
        """The statements among `nodes`."""
        return tuple(node for node in self.nodes if isinstance(node, ast.stmt))

    def function(self, name: str) -> ast.FunctionDef | None:
        """A function of the file's top level."""
        return function_of(self.tree, name)


@dataclass(frozen=True, kw_only=True)
class Context:
    """Facts from outside of the file that rules may ask for."""

    registry: Registry
    histories: Mapping[str, History | HistoryError]
    added: frozenset[Path] = frozenset()
    """Files that are not on the default branch."""
    before: Mapping[Path, str] = field(default_factory=dict)
    """Digest at the merge base of files that are there and differ, or are gone, now; "" where it did not compile."""
    gone: frozenset[Path] = frozenset()
    """Files of `before` that are no more, and whose code no revision has now."""
    tampered: frozenset[tuple[str, str]] = frozenset()
    """(service, revision) of what is applied to the target's database with another text, as its journal says."""

    owners: dict[str, str] = field(default_factory=dict)
    """Owners of tables that were asked for before: with many services the answer costs."""
    read: dict[tuple[str, str], RevisionFile] = field(default_factory=dict)
    """Files that were parsed lately, by service and path; see `read_file`."""
    identities: dict[str, list[int]] = field(default_factory=dict)
    """What each file was when it was first asked for; see `Remembered`."""
    key: list[str] = field(default_factory=list)
    """What every finding depends on besides its file, once it is known."""
    resting: set[str] = field(default_factory=set)
    """Files, as they are shown, about which other files had a say."""

    @cached_property
    def version_tables(self) -> frozenset[str]:
        """Names of Alembic's tables of all services, without schemas."""
        return frozenset(s.alembic.version_table for s in self.registry.services.values() if s.alembic is not None)

    def shown(self, path: Path) -> str:
        """A path relative to services.yaml."""
        return shown(path, self.registry.root)

    def good(self) -> Mapping[str, History]:
        """Histories that can be read."""
        return {name: h for name, h in self.histories.items() if not isinstance(h, HistoryError)}


def read_file(context: Context, service: str, revision: Revision) -> RevisionFile:
    """A revision with its syntax tree; it compiled when the history was read.

    Several look at a file one after the other, and a tree is large: some hundred are kept.
    """
    key = service, revision.file
    if key not in context.read:
        if len(context.read) >= _TREES:
            context.read.clear()
        path = revision.path
        source = path.read_text(encoding="utf-8", errors="replace")
        context.read[key] = RevisionFile(service, revision, context.shown(path), source, python_source.parse(source))
    return context.read[key]


Complaint = tuple[int, str] | tuple[int, str, str]
"""Line, message, and where the rule's own fix does not fit another one."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One convention. `check` looks at one file, `survey` at everything at once."""

    id: str
    """Stable; the name of its page in docs/lint."""
    summary: str
    fix: str
    check: Callable[[RevisionFile, Context], Iterable[Complaint]] | None = None
    survey: Callable[[Context], Iterable[Finding]] | None = None
