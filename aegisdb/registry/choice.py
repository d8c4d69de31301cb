"""Unions whose variant is chosen by looking at the value, so that a fault names one variant and not all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aegisdb.fast_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

STRICT = {"extra": "forbid", "use_attribute_docstrings": True}
"""Pydantic's settings of every class of the registry."""


@dataclass(frozen=True, eq=False)
class Choice:
    """Annotation of a union: `pick` names the variant of a value, or None; `message` says what there is to choose.

    `hint` may guess what was meant. What only a faulty file needs is asked for when there is one.
    """

    pick: Callable[[Any], str | None]
    variants: Callable[[], Mapping[str, Any]]
    message: Callable[[], str]
    hint: Callable[[Any], str] = lambda value: ""  # noqa: ARG005 - the signature of a real hint

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Give pydantic a tagged union; called only where pydantic is loaded."""
        from pydantic_core import core_schema

        del source
        return core_schema.tagged_union_schema(
            {tag: handler.generate_schema(variant) for tag, variant in self.variants().items()},
            discriminator=self.pick,
            custom_error_type="choice",
            custom_error_message=self.message(),
        )


def text_or_list(message: str) -> Choice:
    """Let a value be one text or a list of texts; `message` says what it is."""
    return Choice(
        lambda value: "<text>" if isinstance(value, str) else "<list>" if isinstance(value, list | tuple) else None,
        lambda: {"<text>": str, "<list>": tuple[str, ...]},
        lambda: message,
    )


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean X? `, or nothing when no known word is near."""
    from difflib import get_close_matches

    near = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]}? " if near else ""
