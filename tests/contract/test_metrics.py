"""The port `Metrics` over Prometheus: one suite for the stand-in and for the real program."""

import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote_plus

import pytest

from domain.alert import Alert
from domain.errors import Permanent, Transient
from domain.facts import Mount, Network, Port
from domain.metrics import Metrics
from lab.standins.history import Sample
from lab.standins.prometheus import Prometheus
from nightshift.testing import container
from tests.contract.prometheus_grounds import RULES, Ground, RealGround, StandinGround
from tools.prometheus import PrometheusMetrics
from tools.promql import quote

STRANGE = 'a"b\\c\nd.*|{x}'
"""A label value that is all that quoting and escaping are for."""


@pytest.fixture(scope="module")
def process(real_prometheus: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealGround]:
    """One real Prometheus for the whole module."""
    directory: Path = tmp_path_factory.mktemp("prometheus")
    real = RealGround(real_prometheus, directory)
    yield real
    real.close()


@pytest.fixture(params=["standin", pytest.param("real", marks=pytest.mark.stack)])
async def ground(request: pytest.FixtureRequest) -> AsyncIterator[Ground]:
    """The suite's ground."""
    if request.param == "real":
        yield request.getfixturevalue("process")
        return
    async with Prometheus(interval_s=60, rules=RULES) as prometheus:
        yield StandinGround(prometheus)


@pytest.fixture
def metrics(ground: Ground) -> Iterator[PrometheusMetrics]:
    """The adapter under test."""
    adapter = PrometheusMetrics(ground.url, timeout_s=3)
    yield adapter
    adapter.close()


def shop_up(value: float, name: str = "web", *, at: float | None = None) -> Sample:
    """The one series that most tests need."""
    return Sample(name="shop_up", labels={"name": name}, value=value, at=at)


def disk(mountpoint: str, size: int, room: int) -> list[Sample]:
    """A file system as node_exporter tells it."""
    labels = {"instance": "node:9100", "mountpoint": mountpoint}
    sizes = {"node_filesystem_size_bytes": size, "node_filesystem_avail_bytes": room}
    return [Sample(name=name, labels=labels, value=value) for name, value in sizes.items()]


def alert(expression: str, **labels: str) -> Alert:
    """An alert whose rule has this expression, linked at a host that must not be asked."""
    return Alert(
        fingerprint="f",
        status="firing",
        labels={"alertname": "ShopDown", "severity": "critical", **labels},
        starts_at=datetime.now(UTC),
        generator_url=f"http://poster.invalid/graph?g0.expr={quote_plus(expression)}&g0.tab=1",
    )


async def test_it_is_the_port(metrics: PrometheusMetrics) -> None:
    """PrometheusMetrics has everything that nodes ask of metrics."""
    assert isinstance(metrics, Metrics)


async def test_instant_gives_value_labels_and_time(
    ground: Ground, metrics: PrometheusMetrics
) -> None:
    """An instant query returns every series with its labels, dated now."""
    await ground.show(shop_up(1), shop_up(0, "db"))

    answer = await metrics.instant("shop_up")

    assert {one.labels["name"]: one.value for one in answer.samples} == {"web": 1.0, "db": 0.0}
    assert abs(answer.samples[0].at.timestamp() - time.time()) < 5
    assert answer.query == "shop_up"


async def test_no_data_is_an_answer(ground: Ground, metrics: PrometheusMetrics) -> None:
    """A query without series is answered with no samples, not with an error."""
    await ground.show()

    assert (await metrics.instant("shop_of_nobody")).samples == []


async def test_a_scalar_is_one_sample_without_labels(metrics: PrometheusMetrics) -> None:
    """Scalars come back like series, so that callers read one shape."""
    answer = await metrics.instant("1 + 1")

    assert [(one.labels, one.value) for one in answer.samples] == [({}, 2.0)]


async def test_a_bad_query_is_permanent(metrics: PrometheusMetrics) -> None:
    """Asking again would not help, and the reason is Prometheus' own."""
    with pytest.raises(Permanent, match="unexpected end of input inside braces"):
        await metrics.instant("up{")


async def test_no_answer_in_time_is_transient(ground: Ground) -> None:
    """A Prometheus that hangs holds nobody longer than the time-out."""
    hurried = PrometheusMetrics(ground.url, timeout_s=0.3)
    began = time.monotonic()

    with ground.frozen(), pytest.raises(Transient, match="did not answer within"):
        await hurried.instant("up")

    assert time.monotonic() - began < 10
    hurried.close()


async def test_quoting_keeps_any_label_value_exact(
    ground: Ground, metrics: PrometheusMetrics
) -> None:
    """A label value full of syntax selects its own series and no other."""
    await ground.show(shop_up(1, STRANGE), shop_up(1, "other"))

    answer = await metrics.instant(f"shop_up{{name={quote(STRANGE)}}}")

    assert [one.labels["name"] for one in answer.samples] == [STRANGE]


async def test_range_gives_one_sample_a_step(ground: Ground, metrics: PrometheusMetrics) -> None:
    """A window is answered step by step, to the exact ends that were asked for."""
    await ground.show(shop_up(1))
    end = datetime.now(UTC).replace(microsecond=250_000) + timedelta(seconds=2)

    answer = await metrics.range("shop_up", start=end - timedelta(seconds=2), end=end, step_s=0.5)

    times = [one.at for one in answer.samples]
    assert times[-2:] == [end - timedelta(seconds=0.5), end]


async def test_a_senseless_window_is_permanent(metrics: PrometheusMetrics) -> None:
    """More than 11,000 steps are refused by Prometheus; it is not asked again."""
    now = datetime.now(UTC)

    with pytest.raises(Permanent, match="11,000"):
        await metrics.range("up", start=now - timedelta(days=2), end=now, step_s=1)


async def test_firing_lists_alerts_as_alertmanager_would(
    ground: Ground, metrics: PrometheusMetrics
) -> None:
    """Firing alerts carry Alertmanager's fingerprint; pending ones are not listed."""
    await ground.show(shop_up(0), Sample(name="shop_slow", value=1))

    found = [one for one in await metrics.firing() if one.labels.get("name") == "web"]

    assert [(one.name, one.severity, one.summary) for one in found] == [
        ("ShopDown", "critical", "web is down")
    ]
    assert "ShopSlow" not in {one.name for one in await metrics.firing()}


async def test_expression_fires_for_its_own_labels_only(
    ground: Ground, metrics: PrometheusMetrics
) -> None:
    """Another target's failure does not make this alert fire."""
    await ground.show(shop_up(0, "web"), shop_up(1, "db"))

    web = await metrics.expression(alert("shop_up == 0", name="web"))
    db = await metrics.expression(alert("shop_up == 0", name="db"))

    assert (web.state, db.state) == ("firing", "clear")


async def test_an_empty_result_without_series_is_blind(
    ground: Ground, metrics: PrometheusMetrics
) -> None:
    """Nothing matches because nothing is measured: that is not "clear"."""
    await ground.show(shop_up(1, "db"))

    found = await metrics.expression(alert("shop_up == 0", name="web"))

    assert found.state == "blind"
    assert "no series" in found.detail


async def test_a_series_that_went_away_is_blind(ground: Ground, metrics: PrometheusMetrics) -> None:
    """An exporter that drops a series takes the proof with it."""
    await ground.show(shop_up(0))
    await ground.show()

    assert (await metrics.expression(alert("shop_up == 0", name="web"))).state == "blind"


async def test_an_old_sample_is_blind(ground: Ground, metrics: PrometheusMetrics) -> None:
    """A series that lives on by its own old time stamp says nothing about now."""
    await ground.show(shop_up(1, "stale", at=time.time() - 120))

    found = await metrics.expression(alert("shop_up == 0", name="stale"))

    assert found.state == "blind"
    assert "last sampled" in found.detail


async def test_labels_of_the_rule_do_not_blind_it(
    ground: Ground, metrics: PrometheusMetrics
) -> None:
    """A label that the rule adds, or one side of a join pins, is not looked for in the series."""
    await ground.show(
        Sample(name="shop_state", labels={"name": "web", "status": "sick"}, value=0),
        Sample(name="shop_state", labels={"name": "web", "status": "running"}, value=1),
    )
    joined = 'shop_state{status="sick"} == 1 and on (name) shop_state{status="running"} == 1'

    found = await metrics.expression(alert(joined, name="web", status="sick", team="shop"))

    assert found.state == "clear"


async def test_strange_labels_are_data(ground: Ground, metrics: PrometheusMetrics) -> None:
    """Syntax in an alert's labels matches itself: neither an injection nor a pattern."""
    await ground.show(shop_up(1, STRANGE), shop_up(1, "abc"))

    exact = await metrics.expression(alert("shop_up == 0", name=STRANGE))
    pattern = await metrics.expression(alert("shop_up == 0", name="ab."))

    assert (exact.state, pattern.state) == ("clear", "blind")


async def test_a_bad_expression_is_blind(metrics: PrometheusMetrics) -> None:
    """What Prometheus refuses, or what is no expression, proves nothing."""
    states = [
        (await metrics.expression(alert(text, name="web"))).state
        for text in ("nonsense(shop_up)", "shop_up ==", "¡", "")
    ]

    assert states == ["blind"] * 4


async def test_the_reach_of_an_expression_is_told(
    ground: Ground, metrics: PrometheusMetrics
) -> None:
    """`increase(x[15m])` sees 15 minutes back: an act must be older for it to count."""
    await ground.show(shop_up(1))

    found = await metrics.expression(alert("changes(shop_up[15m]) > 90", name="web"))

    assert (found.state, found.range_s) == ("clear", 900.0)


async def test_probe_of_a_published_port(ground: Ground, metrics: PrometheusMetrics) -> None:
    """The worst of the fresh probes of a container counts; other ports are not its own."""
    facts = container("shop", ports=[Port(container="80/tcp", host_ip="", host_port=8123)])
    labels = {"instance": "http://127.0.0.1:8123/health"}
    other = {"instance": "http://127.0.0.1:8124/health"}
    await ground.show(
        Sample(name="probe_success", labels=labels, value=1),
        Sample(name="probe_success", labels=other, value=0),
    )

    probe = await metrics.probe(facts)

    assert (probe.state, probe.detail) == ("good", "probe of http://127.0.0.1:8123/health")
    assert probe.at is not None


async def test_the_worst_fresh_probe_counts(ground: Ground, metrics: PrometheusMetrics) -> None:
    """Two probes, one by name and one by address: one failure is a failure."""
    facts = container("shop", networks=[Network(name="n", aliases=["www"], ip="10.9.8.7")])
    await ground.show(
        Sample(name="probe_success", labels={"name": "shop", "instance": "x"}, value=1),
        Sample(name="probe_success", labels={"instance": "10.9.8.7:80"}, value=0),
    )

    probe = await metrics.probe(facts)

    assert (probe.state, probe.detail) == ("bad", "probe of 10.9.8.7:80")


async def test_nobody_probes_it(ground: Ground, metrics: PrometheusMetrics) -> None:
    """No probe of this container is "absent", whatever else is probed."""
    await ground.show(Sample(name="probe_success", labels={"name": "other"}, value=1))

    assert (await metrics.probe(container("shop"))).state == "absent"


async def test_a_stale_probe_is_unknown(ground: Ground, metrics: PrometheusMetrics) -> None:
    """A probe that has stopped says nothing, even if its last word was "good"."""
    old = time.time() - 100
    await ground.show(Sample(name="probe_success", labels={"name": "late"}, value=1, at=old))

    assert (await metrics.probe(container("late"))).state == "unknown"


async def test_volumes_are_those_under_the_mounts(
    ground: Ground, metrics: PrometheusMetrics
) -> None:
    """The longest mount point that carries a mount's source counts, as a share of its size."""
    data = Mount(kind="bind", source="/srv/data/db", destination="/var/lib/db", writable=True)
    for_node = {"instance": "node:9100"}
    await ground.show(
        *(
            Sample(
                name=f"node_filesystem_{what}_bytes", labels=for_node | {"mountpoint": at}, value=v
            )
            for at, size, room in (("/", 100, 90), ("/srv", 100, 50), ("/srv/data", 200, 8))
            for what, v in (("size", size), ("avail", room))
        )
    )

    answer = await metrics.volumes(container("db", mounts=[data]))

    assert [(one.labels["mountpoint"], one.value) for one in answer.samples] == [
        ("/srv/data", 0.04)
    ]
