"""Where everything lasts, as the settings want it. Part of wiring."""

from pathlib import Path
from urllib.parse import urlsplit

from domain.errors import BadConfiguration
from nightshift.settings import Settings

LEASE_S = 10.0
"""A worker that has not been heard of for so long may be dead."""


def place_of(settings: Settings) -> Path | str:
    """The data directory, or the address of the database that several processes share."""
    url = settings.database_url
    if url is None:
        return settings.nightshift_data_dir
    return url.get_secret_value().replace("postgres://", "postgresql://", 1)


def shared(settings: Settings) -> bool:
    """Whether other processes may work on the same store."""
    return settings.database_url is not None


def must_be_shared(settings: Settings, what: str) -> None:
    """Refuse what one process alone cannot be. Raises BadConfiguration."""
    if not shared(settings):
        raise BadConfiguration(
            f"{what} needs a database that several processes share: set DATABASE_URL to "
            "postgresql://…; with SQLite, `nightshift serve` does everything in one process"
        )


def keeps_to_one_core(settings: Settings) -> bool:
    """Two that share a database may share a host: on one core they would stay for ever."""
    wanted = settings.nightshift_one_core
    return not shared(settings) if wanted is None else wanted


def takeover_s(settings: Settings) -> float:
    """Seconds without a sign of life after which a worker's incidents are another's.

    The lease, and then the longest that a call it had sent may still be under way.
    """
    longest = settings.docker_timeout_s + settings.docker_stop_grace_s
    if settings.proxmox_host:
        longest = max(longest, settings.proxmox_timeout_s + settings.proxmox_task_timeout_s)
    return LEASE_S + max(longest, settings.nightshift_settle_s)


def database_needed(settings: Settings) -> str:
    """The address of the database's server, which is not to be touched; empty: a file."""
    if settings.database_url is None:
        return ""
    parts = urlsplit(settings.database_url.get_secret_value())
    return f"postgresql://{parts.hostname or '127.0.0.1'}:{parts.port or 5432}"
