"""What carries a container's Docker host, and what it answers over HTTP. Not here: conclusions."""

from domain.evidence import Evidence
from domain.facts import ContainerFacts
from domain.plain import Plain
from nodes.view import View, metrics_of
from policy.ground import Footing, under_docker, words
from policy.reading_guest import booted_data, host_data
from policy.samples import about_container, about_host

UPTIME = "time() - node_boot_time_seconds"
STATUS = "probe_http_status_code"


async def host_below(view: View) -> Evidence:
    """The guest or node below Docker; without Proxmox, what the node exporter knows."""
    name = view.target.host
    foot = under_docker(name, view.cluster, view.deps.limits.docker_guests)
    if foot is None:
        return await _by_metrics(view)
    node = view.cluster.node(foot.bearer.target.host)
    data = host_data(name, foot.bearer, node)
    if _contradicted(foot, up=bool(data["up"])):
        summary = f"{words(foot.bearer)}, but Docker on {name} answers: only their names agree"
        return view.note("host", "proxmox", "inventory", summary, status="no_data")
    return view.note("host", "proxmox", "inventory", words(foot.bearer), data)


def _contradicted(foot: Footing, *, up: bool) -> bool:
    return not up and not foot.told


async def _by_metrics(view: View) -> Evidence:
    if view.deps.metrics is None:
        return view.note("host", "prometheus", UPTIME, "nobody tells", status="no_data")
    name = view.target.host
    answer = await view.deps.metrics.instant(UPTIME)
    own = {name, *view.deps.limits.addresses.get(name, [])}
    alone = {facts.target.host for facts in view.everyone} == {name} and len(answer.samples) == 1
    found = answer.samples if alone else about_host(answer.samples, own)
    if len(found) != 1:
        return view.note("host", "prometheus", UPTIME, "no data", status="no_data")
    data = booted_data(name, found[0].value)
    summary = f"{name} has been up for {found[0].value:.0f} s"
    return view.note("host", "prometheus", UPTIME, summary, data)


async def http_answer(view: View) -> Evidence:
    """The worst status code that probes from outside got from this container."""
    facts = _container(view)
    answer = await metrics_of(view).instant(STATUS)
    found = about_container(answer.samples, facts, view.deps.limits.addresses)
    if not found:
        return view.note("http", "prometheus", STATUS, "no data", status="no_data")
    worst = max(found, key=lambda one: one.value)
    target = worst.labels.get("target") or worst.labels.get("instance", "")
    data: Plain = {"status": int(worst.value), "target": target}
    return view.note("http", "prometheus", STATUS, f"{target} answers {worst.value:.0f}", data)


def _container(view: View) -> ContainerFacts:
    return next(one for one in view.everyone if one.target == view.target)
