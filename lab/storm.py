"""A storm: a fleet in which a few things break, and the very many alerts of it.

Here: who stands on whom, what breaks, and the deliveries as Alertmanager groups them. Not here:
sending them, or what is measured (storm_bench.py).
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lab.world import Fault, Service, World
from nightshift.alertmanager import fingerprint

SCOPE = {"nightshift.enable": "true"}
GROUP = 100
"""Alertmanager's usual `max_alerts`."""
BROKEN: tuple[tuple[str, Fault], ...] = (
    ("db-0", "crash"),
    ("db-1", "hung"),
    ("db-2", "unstartable"),
    ("db-3", "paused"),
)
"""What a start heals, what a restart heals, what nothing heals, what a person did."""
VICTIMS, BYSTANDERS = 10, 30
SEEN, SILENT = "alpha", "cellar"
"""The Docker host that answers, and one that does not: one more root. Alerts name theirs."""
OF_HOST, OF_NOBODY, OF_ROOTS, AGAIN = 0.25, 0.03, 0.02, 0.10
"""Shares of the alerts: about the silent host, about nothing we know, about roots; repeats."""


def fleet(world: World) -> None:
    """Databases, what stands on each of them, and others that are well throughout."""
    for name, _ in BROKEN:
        world.add(Service(name=name, labels=SCOPE))
        for number in range(VICTIMS):
            world.add(Service(name=f"{name}-app-{number}", labels=SCOPE, depends_on=[name]))
    for number in range(BYSTANDERS):
        world.add(Service(name=f"calm-{number}", labels=SCOPE))


@dataclass(frozen=True, kw_only=True)
class Storm:
    """`deliveries` in the order of posting, and `whole` groups for who asks for the rest."""

    deliveries: list[bytes]
    whole: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    alerts: int
    episodes: int
    unknown: int

    @property
    def roots(self) -> int:
        """How many things are wrong: what needs one investigation each."""
        return len(BROKEN) + 1 + self.unknown


def storm(alerts: int, *, seed: int) -> Storm:
    """So many alerts, the same for the same seed; a tenth of them are repeats of others."""
    dice = random.Random(seed)  # noqa: S311  # a reproducible storm, no secret
    began = datetime.now(UTC)
    distinct = max(1, round(alerts * (1 - AGAIN)))
    made = [_alert(number, distinct, began) for number in range(distinct)]
    dice.shuffle(made)
    posted = made + [dice.choice(made) for _ in range(alerts - distinct)]
    groups = [posted[start : start + GROUP] for start in range(0, alerts, GROUP)]
    unknown = sum(1 for one in made if one["labels"]["name"].startswith("nobody-"))
    return Storm(
        deliveries=[_delivery(f"g{n}", group, cut=n % 10 == 9) for n, group in enumerate(groups)],
        whole={f"g{n}": group for n, group in enumerate(groups)},
        alerts=alerts,
        episodes=distinct,
        unknown=unknown,
    )


def _alert(number: int, of: int, began: datetime) -> dict[str, Any]:
    place = number / of
    root = BROKEN[number % len(BROKEN)][0]
    labels = {"alertname": f"Storm{number}", "severity": "critical"}
    if place < OF_HOST:
        labels |= {"name": f"lost-{number % 50}", "docker_host": SILENT}
    elif place < OF_HOST + OF_NOBODY:
        labels |= {"name": f"nobody-{number}"}
    elif place < OF_HOST + OF_NOBODY + OF_ROOTS:
        labels |= {"name": root, "docker_host": SEEN}
    else:
        name = f"{root}-app-{number // len(BROKEN) % VICTIMS}"
        labels |= {"name": name, "docker_host": SEEN}
    return {
        "status": "firing",
        "labels": labels,
        "annotations": {"summary": f"{labels['name']} is in trouble"},
        "startsAt": began.isoformat(),
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "",
        "fingerprint": fingerprint(labels),
    }


def _delivery(group: str, alerts: Sequence[dict[str, Any]], *, cut: bool) -> bytes:
    """One webhook; a `cut` one leaves out a third and says how many."""
    kept = (
        alerts[: -(len(alerts) // 3)] if cut and len(alerts) > 2 else alerts
    )  # a third of two is none
    return json.dumps(
        {
            "version": "4",
            "groupKey": f'{{}}:{{group="{group}"}}',
            "status": "firing",
            "receiver": "nightshift",
            "groupLabels": {"group": group},
            "commonLabels": {},
            "commonAnnotations": {},
            "externalURL": "",
            "truncatedAlerts": len(alerts) - len(kept),
            "alerts": list(kept),
        }
    ).encode()
