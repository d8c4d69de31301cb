"""A docstring begins with a verb or a noun that names its thing (docs/design.md), and one thing is no "1 things"."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator

from tests.sources import Source, sources

VAGUE = re.compile(
    r"(It|Both|Who|Whoever|They|That|Those|There|He|She|What somebody"
    r"|The same|The one that|How it|Everyone|Of|Without)\b"
)
"""Words that name nothing."""


def _docstrings(source: Source) -> Iterator[tuple[int, str]]:
    """Every text that stands as a statement: docstrings, and what is said about attributes and constants."""
    for node in source.nodes(ast.Expr):
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value


def test_docstrings_name_their_thing() -> None:
    wrong = [
        f"{source.place}:{line}"
        for source in sources().values()
        for line, text in _docstrings(source)
        if VAGUE.match(text.strip())
    ]
    assert not wrong, "\n".join(wrong)


SEVERAL = re.compile(r" (?!is\b|as\b|has\b|does\b|others\b|times\b|else\b)[a-z ]*?[a-z]{2}s\b")
MORE_THAN_ONE = {
    "applied.status": "heads",
    "building.buildable": "services",
    "members.choice": "members",
    "postgres.url_hosts": "hosts",
    "revisions.history": "heads",
    "runtime.usual_traps": "characters",
    "workflows.migrate.plan_elsewhere": "parts",
    "workflows.migrate.rebase": "heads",
    "workflows.migrate.roundtrip_problems": "revisions",
}
"""By module, what is only told where there are several."""


def test_what_is_counted_agrees_with_its_number() -> None:
    """`plain_text.number_of` tells "1 revision"; a text with `{len(...)} revisions` needs it, or is of several."""
    wrong = []
    for name, source in sources().items():
        several = MORE_THAN_ONE.get(name.removeprefix("aegisdb."), "nothing")
        for node in source.nodes(ast.JoinedStr):
            for value, text in itertools.pairwise(node.values):
                counted = isinstance(value, ast.FormattedValue) and ast.unparse(value.value).startswith("len(")
                if (
                    counted
                    and isinstance(text, ast.Constant)
                    and SEVERAL.match(str(text.value))
                    and several not in str(text.value)
                ):
                    wrong.append(f"{source.place}:{node.lineno}: {text.value!r}")
    assert not wrong, "\n".join(wrong)
