"""Text view of `aegisdb explain`: the page as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aegisdb.output.blocks import Block, Text

if TYPE_CHECKING:
    from collections.abc import Iterator


def page(result: Any) -> Iterator[Block]:
    """Yield the text."""
    yield Text(result.text, verbatim=True)


VIEWS = {"ExplainResult": page}
