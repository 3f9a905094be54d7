"""What outside probes say about a guest or node as a whole. Not here: containers' probes."""

from collections.abc import Mapping
from datetime import UTC, datetime

from domain.deps import Deps
from domain.guests import GuestInventory
from domain.metrics import Metrics, Probe, Sample
from domain.target import Target
from policy.ground import docker_hosts_on
from policy.guard import AHEAD
from policy.locate import LOOPBACK
from policy.samples import about_host

QUERY = "probe_success"
FRESH_S = 120.0


async def probe_host(
    deps: Deps, metrics: Metrics, target: Target, cluster: GuestInventory
) -> Probe:
    """Does anything at its name or at the addresses of its Docker host answer?

    One good probe proves that the host answers; it is bad only where all of them fail.
    """
    names = {target.name, *_addresses(deps, target, cluster)}
    # Times first: a scrape in between makes a value younger than its time, never older.
    times = await metrics.instant(f"timestamp({QUERY})")
    found = about_host((await metrics.instant(QUERY)).samples, names)
    if not found:
        return Probe(state="absent", query=QUERY, detail=f"no {QUERY} names it")
    taken = {_identity(one.labels): one.value for one in times.samples}
    now = deps.clock.now().timestamp()
    ages = [(one, now - taken.get(_identity(one.labels), 0.0)) for one in found]
    fresh = [one for one, age in ages if -AHEAD.total_seconds() <= age <= FRESH_S]
    return _judge(fresh, taken, asked=len(found))


def _addresses(deps: Deps, target: Target, cluster: GuestInventory) -> set[str]:
    known = deps.limits.addresses
    inside = docker_hosts_on(target, cluster, deps.limits.docker_guests, set(known))
    return {address for host in inside for address in known[host]} - set(LOOPBACK)


def _identity(labels: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset((key, value) for key, value in labels.items() if key != "__name__")


def _judge(
    fresh: list[Sample], taken: Mapping[frozenset[tuple[str, str]], float], *, asked: int
) -> Probe:
    if not fresh:
        return Probe(state="unknown", query=QUERY, detail=f"{asked} probes, none of them fresh")
    good = [one for one in fresh if one.value == 1]
    newest = max(good or fresh, key=lambda one: taken[_identity(one.labels)])
    at = datetime.fromtimestamp(taken[_identity(newest.labels)], UTC)
    state = "good" if good else "bad"
    detail = f"{len(good)} of {len(fresh)} probes get an answer"
    return Probe.model_validate({"state": state, "query": QUERY, "detail": detail, "at": at})
