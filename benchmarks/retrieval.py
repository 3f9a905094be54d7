"""How well and how fast past incidents are found.

    python -m benchmarks.retrieval likeness
    python -m benchmarks.retrieval speed --engine edge|local|exact --points 10000

`likeness` stores the `known` half of renamed_alerts.yaml, asks with the `renamed` half and
reports the mean reciprocal rank of the right incident. `speed` fills an index with made-up
episodes and reports the time of one question, embedding left out; `local` is the alternative
that lost, qdrant-client's local mode. Results are JSON on standard output.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from benchmarks.episodes import entry, made, question
from domain.incident import Episode
from domain.recall import symptom_text
from memory.edge import EdgeIndex
from memory.exact import ExactIndex
from memory.fusion import ranked
from memory.index import Entry, Index, Question

RULES = Path(__file__).with_name("renamed_alerts.yaml")
CANDIDATES = 50
QUESTIONS = 40
BATCH = 500
Rule = tuple[str, str, str, str]
Ask = Callable[[Question], object]


def likeness(index: Index | None = None, *, with_service: bool = True) -> dict[str, float]:
    """MRR and hit@1 of the renamed rules, with service and kind in the text or without."""
    pairs = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    index = index or ExactIndex()
    index.put([entry(_stored(n, pair["known"], with_service)) for n, pair in enumerate(pairs)])
    ranks = [
        _rank(index, _symptom(pair["renamed"], with_service), made(n).incident)
        for n, pair in enumerate(pairs)
    ]
    found = [1 / rank if rank else 0.0 for rank in ranks]
    return {
        "pairs": len(pairs),
        "mrr": round(statistics.fmean(found), 3),
        "hit_at_1": round(ranks.count(1) / len(ranks), 3),
    }


def _stored(number: int, rule: Rule, with_service: bool) -> Episode:
    name, service, kind, _ = rule
    return made(
        number,
        alert_name=name,
        service=service if with_service else "",
        kind=kind if with_service else "",
        symptom=_symptom(rule, with_service),
        healed_by=None,
    )


def _symptom(rule: Rule, with_service: bool) -> str:
    name, service, kind, seen = rule
    where = (service, kind) if with_service else ("", "")
    return symptom_text(name, service=where[0], kind=where[1], summary=seen)


def _rank(index: Index, symptom: str, incident: str) -> int:
    """The place of that incident, from 1; 0 when it was not found."""
    found = ranked(symptom, index.search(question(symptom), limit=CANDIDATES), limit=CANDIDATES)
    order = [past.episode.incident for past in found]
    return order.index(incident) + 1 if incident in order else 0


def speed(engine: str, points: int) -> dict[str, Any]:
    """Milliseconds a question takes at that many points, and seconds the filling took."""
    with tempfile.TemporaryDirectory() as folder:
        put, ask = ENGINES[engine](Path(folder))
        began = time.perf_counter()
        for first in range(0, points, BATCH):
            put([entry(made(n)) for n in range(first, min(first + BATCH, points))])
        filled = time.perf_counter() - began
        took = [_timed(ask, made(n * 97 % points)) for n in range(QUESTIONS)]
    return {
        "engine": engine,
        "points": points,
        "median_ms": round(statistics.median(took), 2),
        "p95_ms": round(statistics.quantiles(took, n=20)[-1], 2),
        "filled_s": round(filled, 1),
    }


def _timed(ask: Ask, episode: Episode) -> float:
    asked = question(f"{episode.alert_name} {episode.service} {episode.symptom}")
    began = time.perf_counter()
    ask(asked)
    return (time.perf_counter() - began) * 1000


Opened = tuple[Callable[[Sequence[Entry]], None], Ask]


def _edge(folder: Path) -> Opened:
    index = EdgeIndex(folder, name="bench", dim=512)
    return index.put, lambda asked: index.search(asked, limit=CANDIDATES)


def _exact(folder: Path) -> Opened:
    index = ExactIndex()
    return index.put, lambda asked: index.search(asked, limit=CANDIDATES)


def _local(folder: Path) -> Opened:
    """The same two vectors in qdrant-client's local mode, joined by its own rank fusion."""
    from qdrant_client import QdrantClient, models

    client = QdrantClient(path=str(folder))
    client.create_collection(
        "episodes",
        vectors_config={"dense": models.VectorParams(size=512, distance=models.Distance.COSINE)},
        sparse_vectors_config={"lexical": models.SparseVectorParams()},
    )

    def sparse(terms: dict[int, float]) -> models.SparseVector:
        return models.SparseVector(indices=list(terms), values=list(terms.values()))

    def put(entries: Sequence[Entry]) -> None:
        points = [
            models.PointStruct(
                id=str(uuid.UUID(each.episode.incident)),
                vector={"dense": each.dense, "lexical": sparse(each.sparse)},
                payload=each.episode.plain(),
            )
            for each in entries
        ]
        client.upsert("episodes", points)

    def ask(asked: Question) -> object:
        return client.query_points(
            "episodes",
            prefetch=[
                models.Prefetch(query=asked.dense, using="dense", limit=CANDIDATES),
                models.Prefetch(query=sparse(asked.sparse), using="lexical", limit=CANDIDATES),
            ],
            query=models.FusionQuery(fusion=models.Fusion.RRF),
            limit=CANDIDATES,
        )

    return put, ask


ENGINES: dict[str, Callable[[Path], Opened]] = {"edge": _edge, "exact": _exact, "local": _local}


def main() -> None:
    """Read the command line and write one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.retrieval")
    parser.add_argument("what", choices=["likeness", "speed"])
    parser.add_argument("--engine", choices=list(ENGINES), default="edge")
    parser.add_argument("--points", type=int, default=10_000)
    given = parser.parse_args()
    if given.what == "speed":
        result: dict[str, Any] = speed(given.engine, given.points)
    else:
        result = {"with_service": likeness(), "name_and_summary": likeness(with_service=False)}
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
