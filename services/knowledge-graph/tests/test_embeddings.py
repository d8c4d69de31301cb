"""The stand-in for a model: deterministic, normalised, nearer for texts that share words."""

from __future__ import annotations

import math

import pytest

from knowledge_graph.embeddings import DIMENSIONS, embed


def cosine(left: str, right: str) -> float:
    """Cosine similarity of two texts."""
    return sum(a * b for a, b in zip(embed(left), embed(right), strict=True))


@pytest.mark.parametrize("text", ["", "Form W-1", "Größe 5½", "x" * 10_000])
def test_a_vector_has_unit_length(text: str) -> None:
    vector = embed(text)
    assert len(vector) == DIMENSIONS
    assert math.isclose(math.sqrt(sum(v * v for v in vector)), 1.0)


def test_texts_with_common_words_are_nearer() -> None:
    query = "gas flaring permit"
    assert cosine(query, "A permit for flaring gas") > 2 * cosine(query, "Surface casing is cemented")


def test_case_and_punctuation_do_not_count() -> None:
    assert embed("Rule 37: spacing!") == embed("rule 37 spacing")
