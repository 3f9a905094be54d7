"""The limits that policy keeps to: the settings', and what only this machine knows.

Not here: reading the settings (settings.py), or who is given them (wiring.py).
"""

import socket
from urllib.parse import urlsplit

from domain.limits import Limits
from nightshift.settings import Settings
from nightshift.wiring_store import database_needed
from policy.locate import LOOPBACK


def bounded(settings: Settings, *, own_id: str) -> Limits:
    """The settings' limits, with what only this machine knows."""
    return settings.limits().model_copy(
        update={
            "addresses": addresses(settings.docker_hosts, settings.docker_addresses),
            "own_id": own_id,
            "needs": needs(settings),
        }
    )


def needs(settings: Settings) -> list[str]:
    """The addresses of all that Nightshift itself asks or tells, without what may be secret.

    A Docker socket is no address; a proxy before it is one.
    """
    heartbeat, proxmox = settings.heartbeat_url, settings.proxmox_host
    urls = [
        settings.prometheus_url,
        settings.alertmanager_url,
        settings.telegram_base_url,
        settings.llm_base_url,
        settings.qdrant_url,
        settings.embeddings_base_url,
        heartbeat.get_secret_value() if heartbeat else "",
        f"https://{proxmox}" if proxmox else "",
        *settings.docker_hosts.values(),
        database_needed(settings),
    ]
    parts = (urlsplit(url) for url in urls)
    return [f"{one.scheme}://{one.netloc.rpartition('@')[2]}" for one in parts if one.hostname]


def addresses(docker_hosts: dict[str, str], more: dict[str, str]) -> dict[str, list[str]]:
    """By Docker host, the names and addresses under which its published ports are reached."""
    here = [*LOOPBACK, socket.gethostname()]
    found: dict[str, list[str]] = {}
    for name, url in (docker_hosts or {"local": ""}).items():
        remote = urlsplit(url).hostname if "://" in url and not url.startswith("unix") else None
        known = [remote] if remote and remote not in LOOPBACK else here
        found[name] = [name, *known, *more.get(name, "").split()]
    return found
