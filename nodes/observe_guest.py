"""Gathering evidence about a guest or a node. Not here: containers (observe.py), conclusions."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from domain.errors import NightshiftError, Transient
from domain.evidence import Evidence, Source, Status
from domain.guests import GuestFacts, GuestInventory
from domain.journal import Intent
from domain.plain import Plain
from domain.target import Target
from nodes.host_probe import probe_host
from nodes.observe_custom import custom_looks
from nodes.silenced import silences_read
from nodes.view import (
    View,
    alert_told,
    attempts_made,
    containers_listed,
    expression_read,
    in_time,
    metrics_of,
)
from policy import reading_guest
from policy.desired_guest import explain_guest
from policy.ladder import GuestScene

NEIGHBOURS = 16
"""Guests of the node that are down and of which the listing does not tell all: looked at too."""
PEAK_S = 300.0
OURS_SINCE = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class GuestView(View):
    """A guest; `facts` is None, and `blind` says why, where it could not be looked at.

    `ours` is what we ourselves did to it lately.
    """

    facts: GuestFacts | None
    ours: list[Intent]
    blind: str = ""

    @property
    def guest(self) -> GuestFacts:
        """Its facts. Raises Transient where there are none."""
        if self.facts is None:
            raise Transient(self.blind)
        return self.facts


Look = Callable[[GuestView], Awaitable[Evidence]]


async def observe_guest(frame: View) -> list[Evidence]:
    """All observations of one round about the frame's target, a guest or a node."""
    guest, blind = None, ""
    ours = await _ours(frame)
    if frame.target.kind != "node":
        guest, blind = await _inspect(frame, frame.target)
    cluster = await _completed(frame, guest)
    view = GuestView(facts=guest, blind=blind, ours=ours, **vars(replace(frame, cluster=cluster)))
    looks = NODE_LOOKS if frame.target.kind == "node" else GUEST_LOOKS
    looks = tuple(one for one in looks if one[0] != "silences" or frame.deps.silences)
    own = (in_time(view, *one) for one in custom_looks(view))
    return list(await asyncio.gather(*(in_time(view, *one) for one in looks), *own))


async def _inspect(frame: View, target: Target) -> tuple[GuestFacts | None, str]:
    if frame.deps.guests is None:
        return None, "no PROXMOX_HOST is set"
    try:
        async with asyncio.timeout(frame.deps.limits.evidence_deadline_s):
            return await frame.deps.guests.guest(target), ""
    except TimeoutError:
        return None, f"{target.name}: no answer from Proxmox in time"
    except NightshiftError as error:
        return None, str(error)


async def _completed(frame: View, guest: GuestFacts | None) -> GuestInventory:
    """The cluster with all there is to know of the target, and of its neighbours that are down.

    The target comes last: of a list that is too long to keep, the ledger keeps the end.
    """
    dim = [one.target for one in frame.cluster.guests if _dim(one, frame.target)]
    looks = await asyncio.gather(*(_inspect(frame, target) for target in dim[:NEIGHBOURS]))
    known = {one.target: one for one, _ in looks if one}
    others = [known.get(one.target, one) for one in frame.cluster.guests]
    own = [guest] if guest else [one for one in others if one.target == frame.target]
    guests = [one for one in others if one.target != frame.target]
    return frame.cluster.model_copy(update={"guests": [*guests, *own]})


def _dim(facts: GuestFacts, target: Target) -> bool:
    near = facts.target.host == target.host and facts.target != target
    return near and facts.status == "stopped" and not facts.template and not facts.config_digest


async def _scene(view: GuestView) -> Evidence:
    data = GuestScene(facts=view.guest).plain()
    return view.note("guest_scene", "proxmox", view.target.path, view.guest.status, data)


async def _cluster(view: GuestView) -> Evidence:
    kept = [one.model_copy(update={"tasks": []}) for one in view.cluster.guests]
    data = view.cluster.model_copy(update={"guests": kept}).plain()
    summary = f"{len(view.cluster.nodes)} nodes, {len(kept)} guests"
    return view.note("cluster", "proxmox", "cluster/resources", summary, data)


async def _guest(view: GuestView) -> Evidence:
    facts = view.guest
    busy = f", locked ({facts.lock})" if facts.lock else ""
    summary = f"{facts.status}{busy}" + (f", task {facts.task} runs" if facts.task else "")
    data = reading_guest.guest_data(facts)
    return view.note("guest", "proxmox", view.target.path, summary, data)


async def _node(view: GuestView) -> Evidence:
    facts = view.cluster.node(view.target.host)
    if facts is None:
        why = "; ".join(view.cluster.unreachable.values()) or "the cluster does not list it"
        return view.note("node", "proxmox", "nodes", why, status="error")
    summary = f"{facts.target.name} is {'online' if facts.online else 'offline'}"
    return view.note("node", "proxmox", "nodes", summary, reading_guest.node_data(facts))


async def _stop(view: GuestView) -> Evidence:
    reboots = _our_times(view, "reboot_guest")
    stop = explain_guest(view.guest, reboots=reboots, now=view.now)
    return view.note("stop", "proxmox", f"tasks of {view.target.path}", stop.detail, stop.plain())


async def _events(view: GuestView) -> Evidence:
    data = reading_guest.tasks_data(view.guest, ours=_our_times(view), now=view.now)
    summary = f"{data['starts']} starts, {data['dies']} stops by task in 10 min"
    return view.note("events", "proxmox", f"tasks of {view.target.path}", summary, data)


async def _ours(frame: View) -> list[Intent]:
    entries = await frame.deps.ledger.ours(frame.target.key, since=frame.now - OURS_SINCE)
    return [one.intent for one in entries]


def _our_times(view: GuestView, verb: str = "") -> list[datetime]:
    return [one.at for one in view.ours if verb in ("", one.effect.verb)]


async def _probe(view: GuestView) -> Evidence:
    found = await probe_host(view.deps, metrics_of(view), view.target, view.cluster)
    data: Plain = {"state": found.state, "detail": found.detail}
    status: Status = "no_data" if found.state == "absent" else "ok"
    return view.note("probe", "prometheus", found.query, found.detail, data, status)


async def _peak(view: GuestView) -> Evidence:
    """How full a container was lately: it stays known when the container is gone."""
    path, limit = view.target.path, view.guest.memory_limit
    query = f'max_over_time(pve_memory_usage_bytes{{id="{path}"}}[{PEAK_S:.0f}s])'
    answer = await metrics_of(view).instant(query)
    if len(answer.samples) != 1 or not limit or view.target.kind != "lxc":
        return view.note("memory_peak", "prometheus", query, "no data", status="no_data")
    data: Plain = {"ratio": answer.samples[0].value / limit, "window_s": PEAK_S}
    return view.note("memory_peak", "prometheus", query, f"{data['ratio']:.0%} of its limit", data)


SHARED: tuple[tuple[str, Source, Look], ...] = (
    ("alert", "alert", alert_told),
    ("cluster", "proxmox", _cluster),
    ("inventory", "docker", containers_listed),
    ("node", "proxmox", _node),
    ("attempts", "ledger", attempts_made),
    ("silences", "alertmanager", silences_read),
    ("probe", "prometheus", _probe),
    ("expression", "prometheus", expression_read),
)
NODE_LOOKS = SHARED
GUEST_LOOKS: tuple[tuple[str, Source, Look], ...] = (
    *SHARED,
    ("guest_scene", "proxmox", _scene),
    ("guest", "proxmox", _guest),
    ("stop", "proxmox", _stop),
    ("events", "proxmox", _events),
    ("memory_peak", "prometheus", _peak),
)
