"""How much later Nightshift acts than a reflex that starts the container without a thought.

Both get the same webhook for the same kind of crash, in turns, in the same lab; both are timed
from the moment the request is sent to Docker's `start` event. Not here: the command line.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from statistics import median, quantiles

from pydantic import BaseModel

from lab.agent import AGENTS, Client
from lab.alerting import payload
from lab.monitoring import until
from lab.processes import NotReady, environment, free_port
from lab.rules import CATALOGUE
from lab.scenario import PostedAlert, Service
from lab.stack import Stack, new_id

_RULE = CATALOGUE["ContainerDown"]
_SERVED_S, _DONE_S = 20.0, 30.0
_SETTINGS = {
    "NIGHTSHIFT_MAX_ACTIONS_PER_HOUR": "100000",
    "NIGHTSHIFT_MAX_ACTIONS_PER_TARGET_HOUR": "100000",
    "NIGHTSHIFT_COOLDOWN_S": "0",
    "NIGHTSHIFT_LATCH_AFTER": "100000",
    "NIGHTSHIFT_STABLE_FOR_S": "0.2",
}


class Spread(BaseModel):
    """Milliseconds."""

    median: float
    p95: float


class ReflexReport(BaseModel):
    """What `nightshift bench reflex --json` prints; `difference_ms` is of the medians."""

    n: int
    reflex_ms: Spread
    nightshift_ms: Spread
    difference_ms: float


async def measure(n: int, tell: Callable[[str], None] = lambda _: None) -> ReflexReport:
    """Crash one container and let each side start it again `n` times, in turns.

    Raises NotReady, docker.errors.DockerException, TimeoutError when nobody starts it.
    """
    times: dict[str, list[float]] = {"nightshift": [], "reflex": []}
    async with Stack(new_id(), env=_SETTINGS) as stack:
        reflex = await _start_reflex(stack)
        async with reflex:
            await stack.up([Service(name="web"), Service(name="neighbour")])
            for turn in range(n):
                for name in _order(turn):
                    side = stack.agent if name == "nightshift" else reflex
                    times[name].append(await _once(stack, side, name))
                tell(f"{turn + 1} of {n}")
    return report(times["reflex"], times["nightshift"])


def report(reflex: Sequence[float], nightshift: Sequence[float]) -> ReflexReport:
    """The spreads of two lists of seconds."""
    one, other = spread(reflex), spread(nightshift)
    return ReflexReport(
        n=len(nightshift),
        reflex_ms=one,
        nightshift_ms=other,
        difference_ms=round(other.median - one.median, 1),
    )


def spread(seconds: Sequence[float]) -> Spread:
    """Median and 95th percentile; of a single value, that value."""
    high = quantiles(seconds, n=20, method="inclusive")[-1] if len(seconds) > 1 else seconds[0]
    return Spread(median=round(median(seconds) * 1000, 1), p95=round(high * 1000, 1))


def _order(turn: int) -> tuple[str, str]:
    """Who goes first changes, so that neither always meets a warm daemon."""
    return ("reflex", "nightshift") if turn % 2 else ("nightshift", "reflex")


async def _start_reflex(stack: Stack) -> Client:
    port = free_port()
    agent = AGENTS["reflex"]
    command = agent.command(port=port, data=stack.directory / "reflex")
    await stack.processes.start(agent.name, command, env=environment())
    client = Client(f"http://127.0.0.1:{port}", stack.token)
    await until(client.ready, "the reflex did not start", stack.monitoring, agent.name)
    return client


async def _once(stack: Stack, side: Client, name: str) -> float:
    """Seconds from the post of the alert to the start of the crashed container."""
    web = stack.fleet.placed["web"]
    await _crash(stack)
    alert = PostedAlert(
        labels=_labels(stack), annotations={"summary": "web is down"}, expr=_RULE.expr
    )
    body = payload(alert, prometheus=stack.monitoring.prometheus_url)
    begun = time.time()
    post = asyncio.create_task(side.post(body))
    started = await stack.recorder.wait_for(
        lambda seen: seen.action == "start" and seen.container == web.id and seen.at >= begun,
        seconds=_SERVED_S,
    )
    await post
    await stack.fleet.wait_until("web", "well")
    await _until_done(side, name)
    return started.at - begun


async def _crash(stack: Stack) -> None:
    """Crash it, and wait until Prometheus has seen it."""
    web = stack.fleet.placed["web"]
    run = stack.client.api.exec_create(web.id, ["/service/fault", "crash"])
    await asyncio.to_thread(stack.client.api.exec_start, run["Id"])
    await stack.fleet.wait_until("web", "exited")
    end = time.monotonic() + _SERVED_S
    while web.container not in await stack.monitoring.names(_RULE.expr):
        if time.monotonic() > end:
            raise NotReady("Prometheus did not see the crash")
        await asyncio.sleep(0.1)


def _labels(stack: Stack) -> dict[str, str]:
    """The labels that the rule's series has."""
    web = stack.fleet.placed["web"]
    image = stack.client.api.inspect_container(web.id)["Config"]["Image"]
    return {
        "alertname": _RULE.name,
        "id": f"/docker/{web.id}",
        "image": image,
        "instance": f"127.0.0.1:{stack.monitoring.ports.containers}",
        "job": "cadvisor",
        "name": web.container,
        "severity": _RULE.severity,
        "status": "exited",
    }


async def _until_done(side: Client, name: str) -> None:
    """Let the side finish what it does after the start, so that turns do not overlap."""
    end = time.monotonic() + _DONE_S
    while any(report.status != "done" for report in await side.incidents()):
        if time.monotonic() > end:
            raise NotReady(f"{name} did not finish an incident in {_DONE_S:g} s")
        await asyncio.sleep(0.2)
