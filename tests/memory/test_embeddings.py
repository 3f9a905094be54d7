import math
import subprocess
import sys

import pytest

from benchmarks.retrieval import likeness
from memory.embeddings import LexicalEmbeddings, document_terms, dot, query_terms

TEXT = "Container OOM Killed; jellyfin; container; ran out of memory"


def _cosine(left: str, right: str) -> float:
    model = LexicalEmbeddings()
    return sum(a * b for a, b in zip(model.vector(left), model.vector(right), strict=True))


def test_another_process_makes_the_same_vectors() -> None:
    """Hashes do not depend on PYTHONHASHSEED: what is stored today is found tomorrow."""
    code = f"from memory.embeddings import *;print(LexicalEmbeddings().vector({TEXT!r}))"
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]

    assert runs == [f"{LexicalEmbeddings().vector(TEXT)}\n"] * 2


async def test_vectors_have_the_promised_size_and_length() -> None:
    """One vector a text, `dim` floats each, of length 1."""
    model = LexicalEmbeddings(dim=128)
    vectors = await model.embed([TEXT, "web is down"])

    assert [len(vector) for vector in vectors] == [model.dim] * 2
    assert [math.hypot(*vector) for vector in vectors] == pytest.approx([1.0, 1.0])


def test_a_text_without_words_is_no_error() -> None:
    """Empty and unreadable texts have an empty vector."""
    assert not any(LexicalEmbeddings().vector("… 。"))
    assert query_terms("") == document_terms("") == {}


def test_meaning_counts_where_spelling_differs() -> None:
    """A renamed alert is nearer than another alert of the same service."""
    same = _cosine("Redis Down; redis; offline", "Cache unreachable; redis; gone")
    other = _cosine("Redis Down; redis; offline", "Cache evictions; redis; maxmemory")

    assert same > other


def test_a_term_counts_once_in_a_question_and_saturates_in_a_document() -> None:
    """Repeating a word ten times does not make a document ten times as fitting."""
    question = query_terms("disk disk disk")
    once, often = (dot(question, document_terms("disk " * times + "x" * 3)) for times in (1, 10))

    assert once < often < 3 * once


def test_renamed_alerts_are_found_without_a_model() -> None:
    """The promise of the design: an MRR of at least .80 over the renamed rules, without a key."""
    assert likeness()["mrr"] >= 0.85


def test_renamed_alerts_are_mostly_found_by_their_words_alone() -> None:
    """Also without service and kind, which tell much of the answer."""
    assert likeness(with_service=False)["mrr"] >= 0.65
