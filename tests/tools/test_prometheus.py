"""The adapter's way with a Prometheus that is down, wrong or hostile."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest

from domain.alert import Alert
from domain.errors import NightshiftError, Permanent, Transient
from lab.standins.history import Sample
from lab.standins.prometheus import Prometheus
from tools import prometheus as module
from tools.prometheus import PrometheusMetrics


@pytest.fixture
async def standin() -> AsyncIterator[Prometheus]:
    """A Prometheus that knows one series."""
    async with Prometheus(interval_s=60) as prometheus:
        prometheus.watch(lambda: [Sample(name="up", labels={"name": "web"}, value=1)])
        prometheus.scrape()
        yield prometheus


@pytest.fixture
def metrics(standin: Prometheus) -> Iterator[PrometheusMetrics]:
    """The adapter."""
    adapter = PrometheusMetrics(standin.url, timeout_s=2)
    yield adapter
    adapter.close()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, Permanent) for status in (400, 401, 404, 422)),
        *((status, Transient) for status in (429, 500, 503)),
    ],
)
async def test_a_status_says_whether_to_ask_again(
    standin: Prometheus, metrics: PrometheusMetrics, status: int, kind: type[NightshiftError]
) -> None:
    """Client errors are a no, server errors are worth another try."""
    standin.faults.add("/api/v1", status=status, body=b'{"error":"because"}')

    with pytest.raises(kind, match=f"HTTP {status}.*'because'"):
        await metrics.instant("up")
    with pytest.raises(kind):
        await metrics.firing()


@pytest.mark.parametrize("body", [b"<html>log in</html>", b"[]", b'{"data":{}}', b'{"data":null}'])
async def test_something_else_that_answers_is_permanent(
    standin: Prometheus, metrics: PrometheusMetrics, body: bytes
) -> None:
    """A login page or another program is named as such."""
    standin.faults.add("/api/v1", status=200, body=body)

    with pytest.raises(Permanent, match="not Prometheus"):
        await metrics.instant("up")
    with pytest.raises(Permanent, match="not Prometheus"):
        await metrics.firing()


async def test_samples_of_another_shape_are_permanent(
    standin: Prometheus, metrics: PrometheusMetrics
) -> None:
    """What cannot be parsed is not taken for "no data"."""
    body = b'{"status":"success","data":{"result":[{"metric":{},"value":["x"]}]}}'
    standin.faults.add("/api/v1", status=200, body=body)

    with pytest.raises(Permanent, match="not samples"):
        await metrics.instant("up")


async def test_who_asks_the_same_at_the_same_time_is_answered_together(
    standin: Prometheus, metrics: PrometheusMetrics
) -> None:
    """One evaluation, begun after all asked; another question, or the same later, is another."""
    found = await asyncio.gather(*(metrics.instant("up") for _ in range(5)), metrics.instant("x"))

    assert [len(one.samples) for one in found] == [1, 1, 1, 1, 1, 0]
    assert len([*standin.faults.seen("/api/v1/query")]) == 2
    await metrics.instant("up")
    assert len([*standin.faults.seen("/api/v1/query")]) == 3


async def test_one_who_gives_up_takes_nothing_from_the_others(metrics: PrometheusMetrics) -> None:
    """A cancelled asker leaves the question standing."""
    first, second = (asyncio.create_task(metrics.instant("up")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()

    assert len((await second).samples) == 1
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_nobody_there_is_transient_at_once() -> None:
    """A closed port is told without retries of the library's own."""
    metrics = PrometheusMetrics("http://user:hunter2@127.0.0.1:1")
    began = time.monotonic()

    with pytest.raises(Transient, match="cannot be reached") as caught:
        await metrics.instant("up")

    assert time.monotonic() - began < 5
    assert "hunter2" not in repr(caught.value)
    metrics.close()


async def test_a_broken_connection_is_transient(
    standin: Prometheus, metrics: PrometheusMetrics
) -> None:
    """A server that hangs up has not said no."""
    standin.faults.add("/api/v1", disconnect="before")

    with pytest.raises(Transient):
        await metrics.instant("up")


async def test_a_bad_url_is_permanent_and_keeps_its_password() -> None:
    """The error names its kind, not the URL."""
    metrics = PrometheusMetrics("gopher://user:hunter2@host/")

    with pytest.raises(Permanent, match="cannot be asked: Invalid") as caught:
        await metrics.instant("up")

    assert "hunter2" not in repr(caught.value)
    metrics.close()


async def test_an_endless_answer_is_cut(
    standin: Prometheus, metrics: PrometheusMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A query for everything cannot fill our memory."""
    monkeypatch.setattr(module, "MAX_ANSWER", 20)

    with pytest.raises(Permanent, match="AnswerTooLong"):
        await metrics.instant("up")


async def test_a_long_expression_is_not_sent(
    standin: Prometheus, metrics: PrometheusMetrics
) -> None:
    """The alert's poster does not decide how much our Prometheus has to read."""
    alert = Alert(
        fingerprint="f",
        status="firing",
        labels={"name": "web"},
        starts_at=datetime.now(UTC),
        generator_url="http://x/graph?g0.expr=up%3D%3D0" + "%20" * 4096,
    )

    assert (await metrics.expression(alert)).state == "blind"
    assert not list(standin.faults.seen("query"))


async def test_an_expression_without_an_answer_is_blind(
    standin: Prometheus, metrics: PrometheusMetrics
) -> None:
    """An outage of Prometheus does not clear an alert, nor does it raise."""
    standin.faults.add("/api/v1", status=503, body=b"{}")
    alert = Alert(
        fingerprint="f",
        status="firing",
        starts_at=datetime.now(UTC),
        generator_url="http://x/graph?g0.expr=up+%3D%3D+0",
    )

    found = await metrics.expression(alert)

    assert (found.state, found.query) == ("blind", "up == 0")


async def test_the_server_is_told_when_to_stop(
    metrics: PrometheusMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hostile expression ends on the server before we stop waiting for it."""
    asked: list[dict[str, str]] = []

    def note(query: str, params: dict[str, str]) -> list[object]:
        asked.append(params)
        return []

    monkeypatch.setattr(metrics._client, "custom_query", note)
    await metrics.instant("up")

    assert asked == [{"timeout": "1.600"}]
