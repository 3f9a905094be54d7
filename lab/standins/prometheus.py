"""A stand-in for Prometheus: its HTTP API over samples taken from sources in this process.

Not here: the query language (expression.py, evaluation.py), rules (rules.py) or what is
measured (series.py).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Self

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from lab.standins.evaluation import CannotExecute, Value, evaluate
from lab.standins.expression import BadQuery, Series, parse
from lab.standins.faults import FaultInjector, Faults
from lab.standins.fields import fields
from lab.standins.functions import Item, Window
from lab.standins.history import History, Labels, Line, Source
from lab.standins.rules import Active, Rule, Rules
from lab.standins.serving import serving
from tools.promql import Unreadable, seconds

MAX_STEPS = 11_000
Answer = Callable[[dict[str, str]], Any]


class Prometheus:
    """Samples its sources every `interval_s` and serves `/api/v1`, as long as the block lasts.

    `async with Prometheus(...) as prometheus:` then `prometheus.url`. Unknown parts of the
    query language are answered with Prometheus' 400. `faults` breaks routes.
    """

    def __init__(self, *, interval_s: float = 0.5, rules: Sequence[Rule] = ()) -> None:
        self.faults = Faults()
        self.rules = Rules(rules)
        self.history = History()
        self.url = ""
        self._interval_s = interval_s
        self._sources: list[tuple[Source, list[Line]]] = []
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Take a first sample, serve, and go on sampling."""
        self.scrape()
        self.url = await self._stack.enter_async_context(
            serving(FaultInjector(self._app(), self.faults))
        )
        task = asyncio.create_task(self._go_on())
        self._stack.push_async_callback(_end, task)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop sampling and serving."""
        await self._stack.aclose()

    def watch(self, source: Source) -> None:
        """Sample this source too, from the next scrape on."""
        self._sources.append((source, []))

    def scrape(self) -> None:
        """Take one sample of every source now and evaluate the rules."""
        now = time.time()
        self._sources = [
            (source, self.history.scrape(source(), now, before)) for source, before in self._sources
        ]
        self.rules.evaluate(self._items, now)

    def query(self, expression: str, at: float | None = None) -> Value:
        """Evaluate an expression, now by default. Raises BadQuery."""
        return evaluate(parse(expression), self.history, time.time() if at is None else at)

    def _items(self, expression: str) -> list[Item]:
        found = self.query(expression)
        return [] if isinstance(found, float) else [one for one in found if isinstance(one, Item)]

    async def _go_on(self) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            self.scrape()

    def _app(self) -> Starlette:
        answers: dict[str, Answer] = {
            "query": self._instant,
            "query_range": self._range,
            "alerts": self._alerts,
            "rules": self._rules,
            "labels": lambda _: self.history.label_names(),
            "series": self._series,
            "status/buildinfo": lambda _: {"version": "2.42.0", "goVersion": "stand-in"},
        }
        routes = [
            Route(f"/api/v1/{path}", _endpoint(answer), methods=["GET", "POST"])
            for path, answer in answers.items()
        ]
        return Starlette(routes=[*routes, Route("/-/ready", _ready)])

    def _instant(self, asked: dict[str, str]) -> Any:
        at = _moment(asked, "time", time.time())
        return _result(self.query(asked.get("query", ""), at), at)

    def _range(self, asked: dict[str, str]) -> Any:
        tree = parse(asked.get("query", ""))
        start, end = _moment(asked, "start"), _moment(asked, "end")
        step = seconds(asked.get("step", ""))
        if step <= 0:
            raise BadQuery("zero or negative query resolution step widths are not accepted")
        if (end - start) / step > MAX_STEPS:
            raise BadQuery("exceeded maximum resolution of 11,000 points per timeseries")
        rows: dict[tuple[tuple[str, str], ...], list[list[Any]]] = {}
        for at in (start + step * count for count in range(int((end - start) / step) + 1)):
            for labels, value in _flat(evaluate(tree, self.history, at)):
                rows.setdefault(tuple(sorted(labels.items())), []).append([at, _text(value)])
        result = [{"metric": dict(key), "values": values} for key, values in rows.items()]
        return {"resultType": "matrix", "result": result}

    def _alerts(self, _: dict[str, str]) -> Any:
        return {"alerts": [_alert(one) for one in self.rules.alerts("pending", "firing")]}

    def _rules(self, _: dict[str, str]) -> Any:
        rules = [_rule(rule, self.rules) for rule in self.rules.rules]
        return {"groups": [{"name": "lab", "file": "lab", "rules": rules}]}

    def _series(self, asked: dict[str, str]) -> Any:
        tree = parse(asked.get("match[]", ""))
        if not isinstance(tree, Series):
            raise BadQuery('invalid parameter "match[]": not a series selector')
        return [line.labels for line in self.history.select(tree.matchers)]


def _endpoint(answer: Answer) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint in Prometheus' envelope, errors included."""

    async def endpoint(request: Request) -> Response:
        asked = await fields(request)
        try:
            return JSONResponse({"status": "success", "data": answer(asked)})
        except CannotExecute as error:
            return _error("execution", error, 422)
        except (BadQuery, Unreadable) as error:
            return _error("bad_data", error, 400)

    return endpoint


def _error(kind: str, error: Exception, status: int) -> Response:
    return JSONResponse({"status": "error", "errorType": kind, "error": str(error)}, status)


async def _ready(_: Request) -> Response:
    return PlainTextResponse("Prometheus Server is Ready.\n")


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _moment(asked: dict[str, str], name: str, default: float | None = None) -> float:
    """A time or step: Unix seconds or RFC 3339. Raises BadQuery."""
    given = asked.get(name)
    if given is None and default is not None:
        return default
    with suppress(ValueError):
        return float(given or "")
    try:
        return datetime.fromisoformat(given or "").timestamp()
    except ValueError:
        raise BadQuery(
            f'invalid parameter "{name}": cannot parse "{given or ""}" to a valid timestamp'
        ) from None


def _flat(value: Value) -> Iterable[tuple[Labels, float]]:
    if isinstance(value, float):
        return [({}, value)]
    return [(one.labels, one.value) for one in value if isinstance(one, Item)]


def _result(value: Value, at: float) -> Any:
    if isinstance(value, float):
        return {"resultType": "scalar", "result": [at, _text(value)]}
    if any(isinstance(one, Window) for one in value):
        windows = [one for one in value if isinstance(one, Window) and one.points]
        return {"resultType": "matrix", "result": [_window(one) for one in windows]}
    result = [{"metric": labels, "value": [at, _text(found)]} for labels, found in _flat(value)]
    return {"resultType": "vector", "result": result}


def _window(window: Window) -> Any:
    points = [[at, _text(value)] for at, value in window.points]
    return {"metric": window.labels, "values": points}


def _text(value: float) -> str:
    """A number as Prometheus writes it: no exponent, `NaN`, `+Inf`."""
    if value != value or value in {float("inf"), float("-inf")}:  # NaN is not itself
        return {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}[str(value)]
    plain = format(Decimal(repr(float(value))), "f")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")


def _alert(one: Active) -> Any:
    return {
        "labels": one.labels,
        "annotations": one.annotations,
        "state": one.state,
        "activeAt": _stamp(one.active_at),
        "value": f"{one.value:e}",
    }


def _rule(rule: Rule, rules: Rules) -> Any:
    alerts = [one for one in rules.alerts("pending", "firing") if one.rule is rule]
    states = {one.state for one in alerts}
    return {
        "type": "alerting",
        "name": rule.name,
        "query": rule.expr,
        "duration": rule.for_s,
        "labels": dict(rule.labels),
        "annotations": dict(rule.annotations),
        "state": "firing" if "firing" in states else "pending" if states else "inactive",
        "alerts": list(map(_alert, alerts)),
        "health": "err" if rule.name in rules.errors else "ok",
        "lastError": rules.errors.get(rule.name, ""),
    }
