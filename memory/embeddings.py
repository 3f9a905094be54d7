"""Texts as vectors without a model: dense (shape of words) and sparse (BM25 terms).

Not here: where vectors are kept, or what their scores mean together (memory/fusion.py).
Hashes are CRC-32, so the same text has the same vectors in every process and on every backend.
"""

import math
from collections import Counter, defaultdict
from zlib import crc32

from memory.vocabulary import terms, words

Sparse = dict[int, float]
"""Term hash (32 bits) to weight; what Qdrant calls indices and values."""

_SATURATION = 1.2  # BM25's k1
_LENGTH = 0.75  # BM25's b
_USUAL_LENGTH = 14.0  # terms of an ordinary symptom; fixed, for the reason given in vocabulary


class LexicalEmbeddings:
    """Character n-grams, words and concepts, hashed to `dim` signed buckets; needs no download.

    Spelling is what it sees: `OOMKilled` is near `OomKill`, and by the concepts of the
    vocabulary `offline` is near `down`. The version in `name` rises when its vectors change.
    """

    name = "lexical-1"

    def __init__(self, dim: int = 512) -> None:
        self.dim = dim

    async def embed(self, texts: list[str]) -> list[list[float]]:
        """One vector of length 1 a text; all zeros for a text without words."""
        return [self.vector(text) for text in texts]

    def vector(self, text: str) -> list[float]:
        """The same for one text, without an event loop."""
        buckets = [0.0] * self.dim
        for feature, weight in _features(text).items():
            place = crc32(feature.encode())
            buckets[place % self.dim] += math.sqrt(weight) * (1 if place >> 31 else -1)
        length = math.sqrt(sum(value * value for value in buckets))
        return [value / length for value in buckets] if length else buckets


def _features(text: str) -> dict[str, float]:
    """Feature to weight: `#ngrams` once a place, word stems twice, a concept as three."""
    found: defaultdict[str, float] = defaultdict(float)
    for word in words(text):
        for gram in _grams(f"<{word}>"):
            found[gram] += 1.0
    for term, weight in terms(text):
        if term.startswith("="):
            found[term] = 3 * weight
        else:
            found[term] += 2 * weight
    return found


def _grams(word: str) -> list[str]:
    return [f"#{word[at : at + size]}" for size in (3, 4) for at in range(len(word) - size + 1)]


def document_terms(text: str) -> Sparse:
    """BM25's document side: term frequencies, saturated, corrected for length."""
    counts = Counter(term for term, _ in terms(text))
    long = 1 - _LENGTH + _LENGTH * counts.total() / _USUAL_LENGTH
    return {
        crc32(term.encode()): count * (_SATURATION + 1) / (count + _SATURATION * long)
        for term, count in counts.items()
    }


def query_terms(text: str) -> Sparse:
    """BM25's query side: each term once, with its fixed weight in place of a corpus's IDF."""
    return {crc32(term.encode()): weight for term, weight in terms(text)}


def dot(left: Sparse, right: Sparse) -> float:
    """Their inner product, as an engine scores sparse vectors."""
    return sum(weight * right.get(term, 0.0) for term, weight in left.items())
