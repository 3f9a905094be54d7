"""What a person tells of an incident, written into the ledger as one that is done.

Not here: incidents that Nightshift handled. A person's word fills the history, but `healed_by`
stays empty: only a checked outcome can speak for a remedy.
"""

import asyncio
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from domain.alert import Alert, Severity
from domain.incident import Episode, Usage
from domain.recall import symptom_text
from memory.episodes import FILE
from memory.sorting import episode_of, storable

KIND = "container"
REASON = "told by a person"


def told(
    *,
    alert_name: str,
    description: str,
    severity: Severity,
    affected_systems: Iterable[str],
    root_cause: str,
    remediation_taken: str,
    resolution_status: str,
    resolution_time: float,
) -> Episode:
    """An episode in a person's words; any status but `resolved` counts as escalated.

    The first of the affected systems is the service; the others are part of the symptom.
    """
    service, *others = [*_names(affected_systems), ""]
    summary = " ".join([description, *others]).strip()
    return Episode(
        incident=str(uuid4()),
        alert_name=alert_name,
        service=service,
        kind=KIND,
        cause="told",
        severity=severity,
        symptom=symptom_text(alert_name, service=service, kind=KIND, summary=summary),
        root_cause=root_cause,
        remediation_taken=remediation_taken,
        outcome="resolved" if resolution_status == "resolved" else "escalated",
        healed_by=None,
        failed=[],
        resolution_time=resolution_time,
        at=datetime.now(UTC),
    )


def _names(systems: Iterable[str]) -> list[str]:
    return [systems] if isinstance(systems, str) else list(systems)


def keep(episode: Episode, *, place: Path | str, tenant: str) -> None:
    """Write it into the store of that data directory, made here if there is none, or server.

    Works beside a running service and inside a running event loop. Raises Transient, and
    BadConfiguration where the store is of another version or the directory is not ours.
    """
    with ThreadPoolExecutor(1) as apart:
        apart.submit(asyncio.run, _keep(episode, place, tenant)).result()


async def _keep(episode: Episode, place: Path | str, tenant: str) -> None:
    from sqlalchemy import Connection, insert

    from memory import tables
    from memory.opening import is_server, open_database

    def _write(connection: Connection) -> None:
        connection.execute(insert(tables.incidents).values(_incident(episode, tenant)))
        connection.execute(
            insert(tables.episodes).values(
                tenant=tenant,
                incident=episode.incident,
                alert_name=episode.alert_name,
                service=episode.service,
                kind=episode.kind,
                body=episode,
            )
        )

    new = not is_server(place) and not (Path(place) / FILE).exists()
    store = open_database(place, clock=_Now(), owner=new)
    try:
        await store.write_quietly(_write)
    finally:
        await store.close()


def _incident(episode: Episode, tenant: str) -> dict[str, object]:
    began = episode.at - timedelta(seconds=episode.resolution_time)
    labels = {"alertname": episode.alert_name, "severity": episode.severity}
    alert, _ = storable(
        Alert(
            fingerprint=f"told-{episode.incident}",
            status="resolved",
            labels=labels | ({"service": episode.service} if episode.service else {}),
            annotations={"summary": episode.symptom},
            starts_at=began,
            ends_at=episode.at,
        )
    )
    return {
        "id": episode.incident,
        "tenant": tenant,
        "episode": episode_of(alert),
        "occurrence": 1,
        "status": "done",
        "severity": episode.severity,
        "outcome": episode.outcome,
        "reason": REASON,
        "opened_at": began,
        "closed_at": episode.at,
        "alert": alert,
        "attempts": [],
        "usage": Usage(),
    }


class _Now:
    """The clock on the wall: domain.ports.Clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
