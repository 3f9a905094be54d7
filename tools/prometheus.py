"""Our own Prometheus, by prometheus-api-client.

Not here: the query language (tools/promql.py), which series belong to a container
(tools/outside.py), or what a signal means (policy).
"""

import asyncio
import io
import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any

import requests
from prometheus_api_client.exceptions import PrometheusApiClientException
from prometheus_api_client.prometheus_connect import PrometheusConnect
from urllib3.exceptions import HTTPError as StreamError
from urllib3.util.retry import Retry

from domain.alert import Alert
from domain.errors import Permanent, Transient
from domain.facts import ContainerFacts
from domain.metrics import Answer, Expression, Probe, Sample
from tools import outside, promql
from tools import prometheus_answers as answers
from tools.environment import read_once

MAX_ANSWER = 16 * 1024**2
"""Bytes of one answer that are read; a hostile expression may ask for every series there is."""
_MAX_SELECTORS = 12
_PROBE = "probe_success"
_TIME = "nightshift_time"
_PROBE_AND_TIME = f'{_PROBE} or label_replace(timestamp({_PROBE}), "{_TIME}", "1", "", "")'
"""Each value, and when it was taken, of one moment; the label tells the two apart."""
_VOLUMES = "node_filesystem_avail_bytes / node_filesystem_size_bytes"
_BY_RULE = frozenset({"__name__", "alertname", "severity"})
_GIVE_UP_LATER_S = 0.5
_GATHERED_S = 0.005
"""How long a question waits for others that ask the same: the incidents of a storm do."""


class AnswerTooLong(requests.RequestException):
    """The answer is longer than anything we would ask for."""


class PrometheusMetrics:
    """The `Metrics` port. Blocking calls run in threads of its own, each under a time-out.

    `addresses` names, by Docker host, where its published ports are reached; `fresh_s` is the
    age from which a sample no longer says anything about the present.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = 5.0,
        fresh_s: float = 60.0,
        addresses: Mapping[str, list[str]] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._url = url.rstrip("/")
        self._timeout_s = timeout_s
        self._fresh_s = fresh_s
        self._addresses = addresses or {}
        self._now = now
        self._session = requests.Session()
        self._session.hooks["response"].append(_bounded)
        # Retrying is the caller's decision: the default would add 6 s to every outage.
        self._client = PrometheusConnect(
            url=self._url,
            session=self._session,
            timeout=timeout_s,  # type: ignore[arg-type]  # handed on to requests, which takes floats
            retry=Retry(total=0, read=False),  # else a read time-out looks like a broken connection
        )
        read_once(self._session, self._url)
        self._threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="prometheus")
        self._asking: dict[str, asyncio.Task[Answer]] = {}

    def close(self) -> None:
        """Let go of connections and threads; a call under way ends by its own time-out."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    async def instant(self, query: str) -> Answer:
        """Evaluate now. Raises Transient (another clock than ours), Permanent (bad query).

        Who asks the same at the same time shares one evaluation, begun after all of them asked.
        """
        asking = self._asking.get(query)
        if asking is None:
            asking = asyncio.create_task(self._for_all(query), name="prometheus")
            asking.add_done_callback(_heard)
            self._asking[query] = asking
        return await asyncio.shield(asking)

    async def _for_all(self, query: str) -> Answer:
        await asyncio.sleep(_GATHERED_S)
        del self._asking[query]
        return await self._evaluated(query)

    async def _evaluated(self, query: str) -> Answer:
        params = {"timeout": self._server_timeout}
        found = await self._call(partial(self._client.custom_query, query, params=params))
        heard = answers.samples(found)
        answers.refuse_other_clock(heard, now=self._now())
        return Answer(query=query, samples=heard)

    async def range(self, query: str, *, start: datetime, end: datetime, step_s: float) -> Answer:
        """Evaluate over a window; one sample a step and series. Raises Transient, Permanent."""
        # The client rounds both ends to whole seconds; its params are merged last, so ours win.
        params = {
            "start": f"{start.timestamp():.3f}",
            "end": f"{end.timestamp():.3f}",
            "timeout": self._server_timeout,
        }
        call = partial(
            self._client.custom_query_range, query, start, end, f"{step_s:g}", params=params
        )
        return Answer(query=query, samples=answers.samples(await self._call(call)))

    async def firing(self) -> list[Alert]:
        """Alerts that fire now according to Prometheus itself. Raises Transient, Permanent."""
        body = await self._call(self._get_alerts)
        try:
            return [
                answers.alert(one) for one in body["data"]["alerts"] if one["state"] == "firing"
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise Permanent("what answered at /api/v1/alerts is not Prometheus") from error

    async def expression(self, alert: Alert) -> Expression:
        """Evaluate the alert's `g0.expr` for its labels here, never at the poster's host.

        Firing: a series of the result agrees with the alert's labels. Clear: none does, and
        every selector of the expression still reads a fresh series of this alert. Else blind.
        """
        query = answers.expression_of(alert.generator_url)
        try:
            reading = _readable(query)
            return await self._judge(alert, query, reading)
        except (promql.Unreadable, Transient, Permanent) as error:
            return Expression(state="blind", query=query, detail=str(error))

    async def probe(self, facts: ContainerFacts) -> Probe:
        """What outside checks say about this container. Raises Transient, Permanent.

        Of several fresh samples the worst counts; `at` is a sample's own time: the newest of
        the bad ones, the oldest where all are good.
        """
        answer = await self.instant(_PROBE_AND_TIME)
        values = [one for one in answer.samples if _TIME not in one.labels]
        found = outside.probes_of(values, facts, self._addresses)
        if not found:
            return Probe(state="absent", query=_PROBE, detail="no probe_success names it")
        taken = {_identity(one): one.value for one in answer.samples if _TIME in one.labels}
        stamped = [
            sample.model_copy(update={"at": answers.moment(taken[_identity(sample)])})
            for sample in found
            if 0 <= sample.at.timestamp() - taken.get(_identity(sample), 0.0) <= self._fresh_s
        ]
        return _worst(stamped, known=len(found))

    async def volumes(self, facts: ContainerFacts) -> Answer:
        """Free share (0..1) of the file systems that carry its mounts, by `mountpoint`.

        No samples where nothing is known of them. Raises Transient, Permanent.
        """
        answer = await self.instant(_VOLUMES)
        found = outside.volumes_of(answer.samples, facts, self._addresses)
        return Answer(query=_VOLUMES, samples=found)

    @property
    def _server_timeout(self) -> str:
        """Earlier than ours, so that Prometheus stops working on what nobody waits for."""
        return f"{self._timeout_s * 0.8:.3f}"

    async def _judge(self, alert: Alert, query: str, reading: promql.Reading) -> Expression:
        answer = await self.instant(query)
        agreeing = [one for one in answer.samples if _agree(one.labels, alert.labels)]
        say = partial(Expression, query=query, range_s=reading.range_s)
        if agreeing:
            return say(
                state="firing", detail=f"{len(agreeing)} series, value {agreeing[0].value:g}"
            )
        labels = {key: value for key, value in alert.labels.items() if key not in _BY_RULE}
        ages = await asyncio.gather(*(self._age(one, labels) for one in reading.selectors))
        if (blind := _unseen(reading.selectors, ages, self._fresh_s)) is not None:
            return say(state="blind", detail=blind)
        return say(state="clear", detail="its series are there and do not match")

    async def _age(self, selector: promql.Selector, labels: Mapping[str, str]) -> float | None:
        """Seconds since the newest sample the selector reads for these labels; None: no series."""
        answer = await self.instant(f"max(timestamp({selector.narrowed(labels)}))")
        return next((one.at.timestamp() - one.value for one in answer.samples), None)

    def _get_alerts(self) -> Any:
        answer = self._session.get(f"{self._url}/api/v1/alerts", timeout=self._timeout_s)
        if answer.status_code != requests.codes.ok:
            text = f"HTTP Status Code {answer.status_code} ({answer.content!r})"
            raise PrometheusApiClientException(text)
        return answer.json()

    async def _call(self, call: Callable[[], Any]) -> Any:
        """Run a blocking call; every way it can fail becomes Transient or Permanent."""
        work = asyncio.get_running_loop().run_in_executor(self._threads, call)
        try:
            async with asyncio.timeout(self._timeout_s + _GIVE_UP_LATER_S):
                return await work
        except PrometheusApiClientException as error:
            raise answers.refusal(str(error)) from None
        except (TimeoutError, requests.Timeout):
            raise Transient(f"Prometheus did not answer within {self._timeout_s:g} s") from None
        except (requests.JSONDecodeError, KeyError, TypeError):
            raise Permanent("what answered at PROMETHEUS_URL is not Prometheus") from None
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError, StreamError):
            raise Transient("Prometheus cannot be reached") from None
        except requests.RequestException as error:  # its text may hold the URL's password
            raise Permanent(f"Prometheus cannot be asked: {type(error).__name__}") from None


def _heard(asking: asyncio.Task[Answer]) -> None:
    """An error whose askers have all gone is nobody's."""
    if not asking.cancelled():
        asking.exception()


def _readable(query: str) -> promql.Reading:
    if not query:
        raise promql.Unreadable("the alert carries no expression")
    if len(query.encode()) > answers.MAX_EXPRESSION:
        raise promql.Unreadable(
            f"the alert's expression is longer than {answers.MAX_EXPRESSION} bytes"
        )
    reading = promql.read(query)
    if len(reading.selectors) > _MAX_SELECTORS:
        raise promql.Unreadable("the alert's expression reads too many selectors")
    return reading


def _bounded(response: requests.Response, **_: object) -> requests.Response:
    """Read at most MAX_ANSWER bytes of the body. Raises AnswerTooLong beyond."""
    body = response.raw.read(MAX_ANSWER + 1, decode_content=True)
    if len(body) > MAX_ANSWER:
        response.close()
        raise AnswerTooLong
    response.raw.release_conn()
    response.raw = io.BytesIO(body)
    return response


def _identity(sample: Sample) -> frozenset[tuple[str, str]]:
    own = ("__name__", _TIME)
    return frozenset((key, value) for key, value in sample.labels.items() if key not in own)


def _agree(series: Mapping[str, str], alert: Mapping[str, str]) -> bool:
    """No label that both carry differs; labels that the rule adds are not asked about."""
    return all(
        alert.get(key, value) == value for key, value in series.items() if key not in _BY_RULE
    )


def _unseen(
    selectors: Sequence[promql.Selector], ages: Sequence[float | None], fresh_s: float
) -> str | None:
    """Why an empty result proves nothing; None if it does."""
    if not selectors:
        return "the expression reads no series"
    for selector, age in zip(selectors, ages, strict=True):
        if age is None:
            return f"no series of {selector.name or 'its selector'!r} for this alert's labels"
        if age > fresh_s:
            return f"{selector.name or 'its selector'!r} was last sampled {age:.0f} s ago"
    return None


def _worst(fresh: list[Sample], *, known: int) -> Probe:
    say = partial(Probe, query=_PROBE)
    usable = [sample for sample in fresh if not math.isnan(sample.value)]
    if not usable:
        return say(state="unknown", detail=f"{known} probes, none with a fresh sample")
    bad = [sample for sample in usable if sample.value != 1.0]
    where = ", ".join(sorted({sample.labels.get("instance", "?") for sample in bad or usable}))
    detail = f"probe of {where}"[:300]
    if bad:
        return say(state="bad", detail=detail, at=max(sample.at for sample in bad))
    return say(state="good", detail=detail, at=min(sample.at for sample in usable))
