"""Facts, alerts and evidence with sensible values, changed where a test cares. Not here: ports."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.alert import Alert
from domain.diagnosis import Match
from domain.evidence import Evidence, Source, Status
from domain.facts import ContainerFacts, Network
from domain.guests import GuestFacts, NodeFacts
from domain.plain import Plain
from domain.remedy import RemedyName
from domain.target import Target

T0 = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
LABELS = {"nightshift.managed": "yes"}
"""What every built container carries, and the scope of `World.limits`."""
TAG = "nightshift"
"""The tag of every built guest, and the scope of guests in `World.limits`."""
MIB = 1024**2


def target(name: str = "web", *, host: str = "local", **changes: Any) -> Target:
    """A container of the project `shop`; its id follows from its host and name."""
    known = {
        "host": host,
        "id": hashlib.sha256(f"{host}/{name}".encode()).hexdigest(),
        "name": name,
        "service": name,
        "project": "shop",
    }
    return Target.model_validate({**known, **changes})


def container(name: str = "web", *, host: str = "local", **changes: Any) -> ContainerFacts:
    """A running container without a health check, up for an hour, with a limit of 64 MiB."""
    known = {
        "target": target(name, host=host),
        "image": "shop/app:1",
        "image_id": "sha256:" + "a" * 64,
        "config_digest": "c" * 16,
        "status": "running",
        "exit_code": 0,
        "oom_killed": False,
        "health": "none",
        "restart_count": 0,
        "restart_policy": "unless-stopped",
        "started_at": T0 - timedelta(hours=1),
        "finished_at": None,
        "memory_limit": 64 * MIB,
        "memswap_limit": 128 * MIB,
        "network_mode": "shop_default",
        "networks": [Network(name="shop_default", aliases=[name], ip="")],
        "ports": [],
        "mounts": [],
        "labels": dict(LABELS),
    }
    return ContainerFacts.model_validate({**known, **changes})


def guest(name: str = "nas", *, node: str = "pve1", **changes: Any) -> GuestFacts:
    """A running LXC container that starts on boot, up for a day; `id` and `kind` may differ."""
    where = {"kind": changes.pop("kind", "lxc"), "id": changes.pop("id", "101")}
    known = {
        "target": Target(host=node, name=name, service=name, **where),
        "status": "running",
        "onboot": True,
        "memory_limit": 512 * MIB,
        "memory_usage": 128 * MIB,
        "uptime_s": 86400.0,
        "config_digest": "d" * 16,
        "tags": [TAG],
    }
    return GuestFacts.model_validate({**known, **changes})


def node(name: str = "pve1", **changes: Any) -> NodeFacts:
    """A node that is online, up for ten days, with a quarter of its 16 GiB in use."""
    known = {
        "target": Target(kind="node", host=name, id=name, name=name, service=name),
        "online": True,
        "uptime_s": 864000.0,
        "memory_limit": 16384 * MIB,
        "memory_usage": 4096 * MIB,
    }
    return NodeFacts.model_validate({**known, **changes})


def firing(alertname: str = "ContainerDown", /, **labels: str) -> Alert:
    """A critical alert about the container `web`, or about what the labels say."""
    named = labels or {"name": "web"}
    told = {"alertname": alertname, "severity": "critical", **named}
    return Alert(
        fingerprint=hashlib.sha256(repr(sorted(told.items())).encode()).hexdigest()[:16],
        status="firing",
        labels=told,
        starts_at=T0 - timedelta(minutes=1),
    )


def evidence(
    kind: str,
    source: Source = "docker",
    *,
    data: Plain | None = None,
    status: Status = "ok",
    at: datetime = T0,
    round_: int = 1,
) -> Evidence:
    """One observation of that kind."""
    return Evidence(
        id=f"{kind}@{round_}",
        kind=kind,
        source=source,
        status=status,
        query=kind,
        at=at,
        summary=kind,
        data=data or {},
    )


def match(*remedies: RemedyName, cause: str = "crashed", needs: tuple[str, ...] = ()) -> Match:
    """A runbook's answer with these candidates."""
    return Match(
        runbook=cause,
        title=cause,
        cause=cause,
        summary=f"it is {cause}",
        needs=list(needs),
        remedies=list(remedies),
        advice="look at its log",
        path=f"runbooks/{cause}.md",
    )
