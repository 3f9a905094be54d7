"""The stand-in's HTTP API, in the words of the recorded one."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from lab.standins.history import Sample
from lab.standins.prometheus import Prometheus
from lab.standins.rules import Rule


@pytest.fixture
async def prometheus() -> AsyncIterator[Prometheus]:
    """One series, one rule."""
    rules = [Rule(name="Down", expr="up == 0"), Rule(name="Broken", expr="up * on (job) up")]
    async with Prometheus(interval_s=60, rules=rules) as standin:
        names = ("web", "db")
        standin.watch(
            lambda: [Sample(name="up", labels={"name": n, "job": "a"}, value=0) for n in names]
        )
        standin.scrape()
        yield standin


async def get(prometheus: Prometheus, path: str, **params: Any) -> httpx.Response:
    """Ask the API."""
    async with httpx.AsyncClient(base_url=prometheus.url) as client:
        return await client.get(path, params=params)


def shape(value: Any) -> Any:
    """The keys and types of an answer, of lists the first item."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    return [shape(value[0])] if isinstance(value, list) and value else type(value).__name__


@pytest.mark.parametrize(
    ("recording", "path", "params"),
    [
        ("query_empty", "query", {"query": "nobody"}),
        ("query_scalar", "query", {"query": "1"}),
        ("labels", "labels", {}),
    ],
)
async def test_answers_have_the_recorded_shape(
    prometheus: Prometheus, data: Path, recording: str, path: str, params: dict[str, str]
) -> None:
    """Envelope, result type and value pairs are the real ones'."""
    recorded = json.loads((data / f"prometheus/{recording}.json").read_text())

    answer = (await get(prometheus, f"/api/v1/{path}", **params)).json()

    assert shape(answer) == shape(recorded)


@pytest.mark.parametrize(
    ("recording", "query"), [("error_bad_query", "up{"), ("error_missing", "")]
)
async def test_errors_are_the_recorded_ones(
    prometheus: Prometheus, data: Path, recording: str, query: str
) -> None:
    """Status, type and wording."""
    recorded = json.loads((data / f"prometheus/{recording}.json").read_text())

    answer = await get(prometheus, "/api/v1/query", query=query)

    assert {"status": answer.status_code, "body": answer.json()} == recorded


async def test_values_are_written_without_exponents(prometheus: Prometheus) -> None:
    """`1e21` is twenty-one zeros, infinity and not-a-number have names."""
    asked = ["1e21", "0.5", "1/0", "-1/0", "0/0", "1e-7"]

    told = [
        (await get(prometheus, "/api/v1/query", query=one)).json()["data"]["result"][1]
        for one in asked
    ]

    assert told == ["1" + "0" * 21, "0.5", "+Inf", "-Inf", "NaN", "0.0000001"]


async def test_series_that_cannot_be_combined_are_422(prometheus: Prometheus) -> None:
    """The query is well formed, executing it fails."""
    answer = await get(prometheus, "/api/v1/query", query="up * on (job) up")

    assert (answer.status_code, answer.json()["errorType"]) == (422, "execution")


async def test_a_range_is_answered_by_steps(prometheus: Prometheus) -> None:
    """From start to end, both included, as numbers or dates."""
    now = time.time()

    answer = await get(
        prometheus, "/api/v1/query_range", query='up{name="web"}', start=now, end=now + 2, step="1s"
    )

    (series,) = answer.json()["data"]["result"]
    assert [value for _, value in series["values"]] == ["0", "0", "0"]


@pytest.mark.parametrize(
    "params",
    [
        {"start": 0, "end": 20_000, "step": 1},
        {"start": "soon", "end": 1, "step": 1},
        {"start": 0, "end": 1, "step": 0},
        {"start": 0, "end": 1, "step": "often"},
    ],
)
async def test_a_senseless_window_is_400(prometheus: Prometheus, params: dict[str, Any]) -> None:
    """Too many steps, no time, no step."""
    answer = await get(prometheus, "/api/v1/query_range", query="up", **params)

    assert (answer.status_code, answer.json()["errorType"]) == (400, "bad_data")


async def test_alerts_and_rules_are_listed(prometheus: Prometheus) -> None:
    """Also a rule that cannot be evaluated, with its error."""
    alerts = (await get(prometheus, "/api/v1/alerts")).json()["data"]["alerts"]
    (group,) = (await get(prometheus, "/api/v1/rules")).json()["data"]["groups"]

    assert [one["state"] for one in alerts] == ["firing", "firing"]
    assert [(one["name"], one["state"], one["health"]) for one in group["rules"]] == [
        ("Down", "firing", "ok"),
        ("Broken", "inactive", "err"),
    ]


async def test_series_are_listed_by_selector(prometheus: Prometheus) -> None:
    """Labels only."""
    answer = await get(prometheus, "/api/v1/series", **{"match[]": 'up{name="web"}'})
    refused = await get(prometheus, "/api/v1/series", **{"match[]": "1"})

    assert answer.json()["data"] == [{"__name__": "up", "name": "web", "job": "a"}]
    assert refused.status_code == 400


async def test_it_is_ready_and_knows_its_version(prometheus: Prometheus) -> None:
    """What doctors ask for."""
    assert (await get(prometheus, "/-/ready")).status_code == 200
    answer = await get(prometheus, "/api/v1/status/buildinfo")
    assert answer.json()["data"]["version"]


async def test_it_samples_by_itself() -> None:
    """Every interval, until the block ends."""
    taken = asyncio.Event()
    async with Prometheus(interval_s=0.01) as prometheus:
        prometheus.watch(lambda: [taken.set() or Sample(name="up", value=1)][:1])  # type: ignore[func-returns-value]  # notes the visit
        async with asyncio.timeout(5):
            await taken.wait()

    assert taken.is_set()


async def test_faults_break_it_on_demand(prometheus: Prometheus) -> None:
    """The same injection as the other stand-ins have."""
    prometheus.faults.add("/query", status=503, times=1)

    first = await get(prometheus, "/api/v1/query", query="up")
    second = await get(prometheus, "/api/v1/query", query="up")

    assert (first.status_code, second.status_code) == (503, 200)
