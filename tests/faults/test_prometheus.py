"""Prometheus down, slow and lying, over real HTTP."""

import json
import time

import pytest

from domain.incident import Incident
from tests.faults.houses import House, down, lying, slow

QUERY = "/api/v1/query"


def unproved(row: Incident, house: House) -> bool:
    """Acted on what Alertmanager and Docker said, once; told as what it is: not proved."""
    once = house.verbs() == ["start web"]
    return once and row.outcome == "escalated" and "cannot tell whether it is healed" in row.reason


async def test_down(house: House) -> None:
    """The fix is made on two other sources' word, and not told as proved."""
    async with house.at_work() as nightshift:
        down(house.prometheus.faults)
        row = await nightshift.end(await house.crash(nightshift))
        told = await house.chat(lambda words: "Needs you" in words)
        word = await house.degraded(nightshift, "prometheus")
        house.prometheus.faults.clear()

        assert await house.degraded(nightshift, "prometheus") == ""
    assert unproved(row, house)
    assert "Degraded:" in told
    assert "Prometheus cannot be reached" in told
    assert word == "Prometheus cannot be reached"


async def test_slow(house: House) -> None:
    """No answer in time is no answer."""
    async with house.at_work() as nightshift:
        slow(house.prometheus.faults, by_s=1.0)
        row = await nightshift.end(await house.crash(nightshift))
        word = await house.degraded(nightshift, "prometheus")
        house.prometheus.faults.clear()

    assert unproved(row, house)
    assert word == "Prometheus did not answer within 0.3 s"


async def test_lies_that_it_knows_nothing(house: House) -> None:
    """Success and no series: nobody probes it, so Docker's own health check has to prove it."""
    async with house.at_work() as nightshift:
        nothing = {"status": "success", "data": {"resultType": "vector", "result": []}}
        lying(house.prometheus.faults, QUERY, json.dumps(nothing).encode())
        row = await nightshift.end(await house.crash(nightshift))

    assert (row.outcome, house.verbs()) == ("resolved", ["start web"])
    assert row.verdict
    assert "expression" in row.verdict.blind


@pytest.mark.parametrize("body", [b"<html>hello</html>", b'{"status":"success"}', b"[]", b""])
async def test_lies_with_garbage(house: House, body: bytes) -> None:
    """Something else answers at its address."""
    async with house.at_work() as nightshift:
        lying(house.prometheus.faults, QUERY, body)
        row = await nightshift.end(await house.crash(nightshift))

    assert unproved(row, house)


@pytest.mark.parametrize("off_s", [-3600, 3600])
async def test_lies_about_the_time(house: House, off_s: int) -> None:
    """All is well, says a Prometheus whose clock is not ours: it has not seen what we did."""
    async with house.at_work() as nightshift:
        metric = {"__name__": "probe_success", "instance": "web", "name": "web"}
        at = time.time() + off_s
        series = [{"metric": metric, "value": [at, "1"]}]
        said = {"status": "success", "data": {"resultType": "vector", "result": series}}
        lying(house.prometheus.faults, QUERY, json.dumps(said).encode())
        row = await nightshift.end(await house.crash(nightshift))
        word = await house.degraded(nightshift, "prometheus")

    assert unproved(row, house)
    assert word.startswith("Prometheus' clock is 3")


async def test_lies_with_old_samples(house: House) -> None:
    """It answers, but has not scraped for an hour: old good news prove nothing."""
    async with house.at_work() as nightshift:
        metric = {"instance": "web", "name": "web"}
        now = time.time()
        stale = [{"metric": metric, "value": [now, str(now - 3600)]}]
        said = {"status": "success", "data": {"resultType": "vector", "result": stale}}
        lying(house.prometheus.faults, QUERY, json.dumps(said).encode())
        row = await nightshift.end(await house.crash(nightshift))

    assert unproved(row, house)
