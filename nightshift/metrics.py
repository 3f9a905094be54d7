"""Nightshift's own metrics for Prometheus, in a registry of their own. Not here: the route."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from domain.alert import Alert, AlertStatus
from domain.store import Spending, Stats


@dataclass(frozen=True, kw_only=True)
class Live:
    """How the service is now: `components` say `ok` or a reason, `maybe_doubled` by channel."""

    ready: bool
    components: Mapping[str, str]
    maybe_doubled: Mapping[str, int] = field(default_factory=dict)


class Meters:
    """What is counted while it happens; all else is read from the ledger at each scrape."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        accepted = Counter(
            "nightshift_alerts_accepted",
            "Alerts written down.",
            ["status"],
            registry=self.registry,
        )
        self._accepted = {status: accepted.labels(status) for status in get_args(AlertStatus)}
        self._refused = Counter(
            "nightshift_deliveries_refused",
            "Deliveries, or alerts of them, that were not taken.",
            ["reason"],
            registry=self.registry,
        )

    def accepted(self, alerts: Sequence[Alert]) -> None:
        """These alerts are stored."""
        for alert in alerts:
            self._accepted[alert.status].inc()

    def refused(self, reason: str) -> None:
        """One delivery, or one alert of it, was not taken."""
        self._refused.labels(reason).inc()

    def exposition(self, stats: Stats | None, live: Live | None = None) -> bytes:
        """All of it in Prometheus' text format; without `stats` where the ledger is silent."""
        once = CollectorRegistry()
        if stats is not None:
            once.register(_FromLedger(stats))
        if live is not None:
            once.register(_OfNow(live))
        return generate_latest(self.registry) + generate_latest(once)


class _OfNow(Collector):
    """What the service knows of itself and of what it stands on."""

    def __init__(self, live: Live) -> None:
        self.live = live

    def collect(self) -> Iterable[Metric]:
        """Readiness, degraded components, and messages that may stand twice."""
        live = self.live
        degraded = {name: int(word != "ok") for name, word in live.components.items()}
        yield _gauge("ready", "1 while alerts can be taken and worked on.", {"": int(live.ready)})
        yield _gauge("degraded", "1 while this component is not well.", degraded, "component")
        yield _counter(
            "messages_maybe_doubled",
            "Messages sent again after a send that nobody answered.",
            "channel",
            live.maybe_doubled,
        )


class _FromLedger(Collector):
    """The ledger's counters; they survive a restart of the process."""

    def __init__(self, stats: Stats) -> None:
        self.stats = stats

    def collect(self) -> Iterable[Metric]:
        """One family per counter of `Stats`."""
        stats = self.stats
        yield _counter("incidents_closed", "Incidents by outcome.", "outcome", stats.by_outcome)
        yield _counter("refusals", "Refusals by rule of the policy.", "rule", stats.refused)
        yield _counter("actions", "Remedies carried out.", "remedy", stats.actions)
        yield _gauge("incidents", "Incidents by status.", stats.by_status, "status")
        yield _gauge("queue_depth", "Segments that wait for a worker.", {"": stats.queue_depth})
        yield _gauge("unsorted", "Accepted alerts not sorted yet.", {"": stats.unsorted})
        yield _gauge("set_aside", "Deliveries that cannot be sorted.", {"": stats.set_aside})
        yield _gauge("outbox_behind", "Messages not yet up to date.", {"": stats.outbox_behind})
        yield from _model(stats.model)
        yield _gauge("audit_lines", "Lines of the audit trail.", {"": stats.audit.lines})
        head = {stats.audit.head: 1.0} if stats.audit.head else {}
        yield _gauge("audit_head_info", "The hash that seals the audit trail.", head, "head")
        yield _gauge("latched", "Targets that are latched.", {"": len(stats.latched)})
        yield _gauge("paused", "1 while the kill switch is on.", {"": int(bool(stats.paused))})


def _model(spending: Spending) -> Iterable[Metric]:
    """What the model cost: in all, today and this month (UTC)."""
    total, today, month = spending.total, spending.today, spending.month
    tokens = {"prompt": total.prompt_tokens, "completion": total.completion_tokens}
    dollars = {"day": today.dollars, "month": month.dollars}
    asked = {"": spending.incidents}
    yield _counter("model_incidents", "Incidents in which the model was asked.", "", asked)
    yield _counter("model_calls", "Calls of the model.", "", {"": total.model_calls})
    yield _counter("model_tokens", "Tokens of the model, by kind.", "kind", tokens)
    yield _counter("model_dollars", "What the model cost.", "", {"": total.dollars})
    yield _gauge(
        "model_spent_dollars", "What it cost in this UTC day and month.", dollars, "window"
    )


def _counter(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(f"nightshift_{name}", text, labels=[label] if label else [])
    for key, value in values.items():
        family.add_metric([key] if label else [], value)
    return family


def _gauge(name: str, text: str, values: Mapping[str, float], label: str = "") -> Metric:
    family = GaugeMetricFamily(f"nightshift_{name}", text, labels=[label] if label else [])
    for key, value in values.items():
        family.add_metric([key] if label else [], value)
    return family
