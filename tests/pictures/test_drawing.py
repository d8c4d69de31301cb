"""Pictures as files: well-formed, complete, safe with odd names; and a look at them in a real browser."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from aegisdb.pictures import diagram, history_graph, mermaid
from aegisdb.pictures.history_graph import Node, Tree
from aegisdb.pictures.tables import Column, ForeignKey, Schema, Table
from tests.browser import measure, needs_chromium, screenshot

SVG = "{http://www.w3.org/2000/svg}"
ODD = 'a<b & "c" #;--> <script>'


def generated(count: int) -> Schema:
    """Tables of several owners, each pointing at two earlier ones."""
    identifier = Column("id", "uuid", not_null=True, primary=True, foreign=False)

    def other(number: int) -> Column:
        return Column(f"c{number}_id", "uuid", not_null=False, primary=False, foreign=number < 2)

    tables = tuple(
        Table(
            f"public.t{n}",
            f"table_number_{n}",
            f"service-{n % 7}" if n % 9 else "base",
            (
                identifier,
                *(Column(f"c{c}_id", "uuid", not_null=False, primary=False, foreign=c < 2) for c in range(n % 8)),
            ),
        )
        for n in range(count)
    )
    keys = tuple(
        ForeignKey(f"public.t{n}", f"public.t{n // d}", f"fk_{n}_{d}", (f"c{d - 2}_id",))
        for n in range(4, count)
        for d in (2, 3)
        if n % 8 >= d
    )
    return Schema(tables, keys)


def history(service: str, count: int, *, after: tuple[str, ...] = ()) -> Tree:
    ids = [f"{n:012x}" for n in range(count)]
    nodes = [
        Node(
            ids[n],
            f"change number {n} of {service}",
            (ids[n - 1],) if n else (),
            applied=n < count - 2,
            is_head=n == count - 1,
            is_here=n == count - 3,
        )
        for n in range(count)
    ]
    return Tree(service, tuple(reversed(nodes)), after)


@pytest.mark.parametrize("count", [0, 1, 10, 100])
def test_every_table_and_every_key_is_in_the_diagram(count: int) -> None:
    schema = generated(count)
    root = ET.fromstring(diagram.draw(schema, title="test"))  # noqa: S314  our own text
    texts = {element.text for element in root.iter(f"{SVG}text")}
    assert {table.title for table in schema.tables} <= texts
    assert len(
        [e for e in root.iter("{http://www.w3.org/2000/svg}path") if str(e.get("class")).startswith("edge ")]
    ) == len(schema.keys)


def test_odd_names_are_text_in_every_format() -> None:
    column = Column(ODD, ODD, not_null=True, primary=True, foreign=True)
    schema = Schema((Table(ODD, ODD, ODD, (column,), ODD),), (ForeignKey(ODD, ODD, ODD, (ODD,)),))
    tree = Tree(ODD, (Node(ODD, ODD, (), applied=True, is_head=True, is_here=True),), fault="")
    for svg in (diagram.draw(schema, title=ODD), history_graph.draw([tree], title=ODD)):
        root = ET.fromstring(svg)  # noqa: S314  our own text
        assert ODD in {element.text for element in root.iter(f"{SVG}text")}
        assert "<script" not in svg
    assert "<script" not in mermaid.diagram(schema, title="t") + mermaid.histories([tree], title="t")


def test_a_branch_gets_a_lane_of_its_own() -> None:
    def node(name: str, *parents: str) -> Node:
        return Node(name, name, parents, applied=True, is_head=name in "bc", is_here=False)

    svg = history_graph.draw([Tree("s", (node("c", "a"), node("b", "a"), node("a")))], title="t")
    circles = ET.fromstring(svg).iter(f"{SVG}circle")  # noqa: S314  our own text
    assert len({circle.get("cx") for circle in circles}) == 2
    assert "2 heads" in svg


def test_mermaid_names_every_revision_and_its_parent() -> None:
    text = mermaid.histories([history("identity", 5), history("billing", 4, after=("identity",))], title="t")
    assert text.count("-->") == 7
    assert "identity -.-> billing" in text
    assert text.count(":::pending") == 4


@needs_chromium
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (400, True)])
def test_a_browser_draws_it(tmp_path: Path, width: int, dark: bool) -> None:  # noqa: FBT001
    page = tmp_path / "page.html"
    trees = [history("identity", 5), history("billing", 4, after=("identity",))]
    pictures = diagram.draw(generated(10), title="test"), history_graph.draw(trees, title="test")
    page.write_text(f"<body>{''.join(pictures)}</body>")
    widths = measure(page, width=width, dark=dark)["svgs"]
    assert len(widths) == 2
    assert min(widths) > 200
    assert screenshot(page, tmp_path / "page.png", width=width, dark=dark) > 15_000
