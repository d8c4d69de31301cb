"""Embeddings without a model: hashed character n-grams.

They see spelling, not meaning: texts that share words and numbers are near, synonyms are not. They need no
download and give the same vector on every machine, which is what seeds and tests want. A real deployment
replaces `embed` and raises `MODEL`; the column `embedding_model` tells the vectors of two models apart.
"""

from __future__ import annotations

import hashlib
import math
import re

DIMENSIONS = 256
MODEL = "hashed-ngrams-v1"
_SIZES = (3, 4, 5)


def embed(text: str) -> list[float]:
    """A unit vector of DIMENSIONS floats; the zero text gives the zero vector's stand-in, the first axis."""
    vector = [0.0] * DIMENSIONS
    for gram in _ngrams(text):
        digest = hashlib.blake2b(gram.encode(), digest_size=8).digest()
        number = int.from_bytes(digest, "big")
        # one bit chooses the sign, so that collisions cancel out on average instead of adding up
        vector[number % DIMENSIONS] += 1.0 if number >> 63 else -1.0
    length = math.sqrt(sum(value * value for value in vector))
    if not length:
        return [1.0, *vector[1:]]
    return [value / length for value in vector]


def _ngrams(text: str) -> list[str]:
    words = re.findall(r"[a-z0-9]+", text.lower())
    padded = [f" {word} " for word in words]
    return [word[i : i + size] for word in padded for size in _SIZES for i in range(len(word) - size + 1)]
