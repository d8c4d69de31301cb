"""Pictures as Mermaid text, which Markdown viewers draw."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aegisdb.pictures.canvas import MADE_BY
from aegisdb.plain_text import guarded, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aegisdb.pictures.history_graph import Node, Tree
    from aegisdb.pictures.tables import Column, Schema, Table


def diagram(schema: Schema, *, title: str) -> str:
    """An `erDiagram`; key columns only. Labels of graphs have no keys and are left out."""
    tables = [table for table in schema.tables if not table.graph]
    names = {table.key: _word(table.title) for table in tables}
    lines = ["erDiagram", f"  %% {one_line(title)}, {MADE_BY}"]
    for table in tables:
        lines += _entity(table, names[table.key])
    lines += [
        f'  {names[key.target]} ||--o{{ {names[key.source]} : "{_plain(", ".join(key.columns))}"'
        for key in schema.keys
        if key.source in names and key.target in names
    ]
    return "\n".join(lines) + "\n"


def _entity(table: Table, name: str) -> Iterator[str]:
    yield f"  {name} {{"
    for column in table.columns:
        if column.primary or column.foreign:
            yield f"    {_word(column.type)} {_word(column.name)} {_marks(column)}"
    yield "  }"


def _marks(column: Column) -> str:
    return ", ".join(mark for mark, there in (("PK", column.primary), ("FK", column.foreign)) if there)


def histories(trees: Iterable[Tree], *, title: str) -> str:
    """A `flowchart`, newest at the bottom; pending revisions are dashed, the database's place is bold."""
    trees = tuple(trees)
    lines = ["flowchart LR", f"  %% {one_line(title)}, {MADE_BY}"]
    for tree in trees:
        lines.append(f'  subgraph {_word(tree.service)}["{_plain(tree.service)}: {_plain(tree.summary)}"]')
        lines += [f"    {_node(tree, node)}" for node in reversed(tree.nodes)]
        known = {node.id for node in tree.nodes}
        lines += [
            f"    {_id(tree, parent)} --> {_id(tree, node.id)}"
            for node in reversed(tree.nodes)
            for parent in node.parents
            if parent in known
        ]
        lines.append("  end")
    shown = {tree.service for tree in trees}
    lines += [f"  {_word(n)} -.-> {_word(tree.service)}" for tree in trees for n in tree.after if n in shown]
    lines += ["  classDef pending stroke-dasharray: 4 3", "  classDef here stroke-width: 3px"]
    return "\n".join(lines) + "\n"


def _node(tree: Tree, node: Node) -> str:
    css = ":::here" if node.is_here else "" if node.applied else ":::pending"
    return f'{_id(tree, node.id)}["{_plain(node.id)}<br/>{_plain(node.message)}"]{css}'


def _id(tree: Tree, revision: str) -> str:
    return f"{_word(tree.service)}_{_word(revision)}"


def _word(text: str) -> str:
    """A name that Mermaid takes without quotes."""
    return re.sub(r"\W+", "_", text).strip("_") or "_"


def _plain(text: str) -> str:
    # Mermaid's own entity for a quotation mark; everything else is text
    return guarded(one_line(text)).replace("#", "#35;").replace('"', "#quot;").replace("<", "#lt;").replace(">", "#gt;")
