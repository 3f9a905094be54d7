"""Which sources of an incident's evidence are silent or broken. Not here: what follows from it."""

from collections.abc import Iterable, Sequence

from domain.evidence import Evidence, Source
from domain.facts import Inventory
from domain.guests import GuestInventory

_NAMES: dict[Source, str] = {
    "docker": "Docker",
    "prometheus": "Prometheus",
    "proxmox": "Proxmox",
    "memory": "memory",
    "ledger": "ledger",
    "alert": "alert",
}


def silent_sources(evidence: Sequence[Evidence], *, unset: Iterable[Source]) -> dict[str, str]:
    """By source the reason and what could not be seen; what nobody configured is not degraded."""
    left_out = set(unset)
    found: dict[str, dict[str, list[str]]] = {}
    for item in evidence:
        if item.status == "error" and item.source not in left_out:
            name = _NAMES.get(item.source, item.kind)
            found.setdefault(name, {}).setdefault(item.summary, []).append(item.kind)
    return {
        name: "; ".join(f"{why} ({', '.join(kinds)})" for why, kinds in reasons.items())
        for name, reasons in found.items()
    }


def silent_hosts(inventory: Inventory, cluster: GuestInventory) -> dict[str, str]:
    """By system the hosts that could not be asked where the target is, and why."""
    systems = {"Docker": inventory.unreachable, "Proxmox": cluster.unreachable}
    return {
        system: f"out of reach on {', '.join(f'{host}: {why}' for host, why in hosts.items())}"
        for system, hosts in systems.items()
        if hosts
    }
