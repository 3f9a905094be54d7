"""The proactive check: raises incidents of its own, without a model. Not here: what follows."""

import hashlib
import json
from datetime import datetime, timedelta

from domain.alert import Alert
from domain.deps import Deps
from domain.errors import NightshiftError
from domain.facts import ContainerFacts
from domain.incident import Incident
from domain.plain import Plain
from memory.store import Store
from nightshift.check_guests import Missing, missing_guests
from policy.desired import explain
from policy.guard import in_scope
from policy.reading import one_shot
from policy.relations import dependents

KNOWN = 500
"""How many of the latest incidents are looked through for one that is raised already."""
ASKED_TO_END = (0, 137, 143)
"""Exit codes of a process that was told to end: without an event of it, somebody's doing."""
AGAIN_WITHIN = timedelta(hours=1)
DOWN_TARGETS = "max_over_time(up[2m]) == 0"


class Check:
    """Looks at containers, guests, Prometheus' targets, and at fresh verdicts again."""

    def __init__(self, store: Store, deps: Deps) -> None:
        self._store, self._deps = store, deps

    async def run(self) -> Plain:
        """One round: `{"raised": incident ids, "looked_at": n, "problems": {source: reason}}`."""
        problems: dict[str, str] = {}
        alerts, looked_at = await self._containers(problems)
        guests, looked_at_too = await missing_guests(self._deps, problems)
        alerts += [_guest_alert(one) for one in guests]
        looked_at += looked_at_too
        alerts += await self._targets(problems)
        raised = await self.raise_once(alerts)
        known = await self._store.incidents(limit=KNOWN)
        raised += await self._store.accept(await self._second_looks(known, problems))
        return {"raised": list(raised), "looked_at": looked_at, "problems": dict(problems)}

    async def raise_once(self, alerts: list[Alert]) -> list[str]:
        """Accept those that no incident stands for yet, finished ones included."""
        known = await self._store.incidents(limit=KNOWN)
        return await self._store.accept([one for one in alerts if not _known(one, known)])

    async def _containers(self, problems: dict[str, str]) -> tuple[list[Alert], int]:
        inventory = await self._deps.containers.inventory()
        problems.update(inventory.unreachable)
        scoped = [one for one in inventory.containers if in_scope(one, self._deps.limits)]
        found = [await self._trouble(facts, inventory.containers) for facts in scoped]
        return [alert for alert in found if alert], len(scoped)

    async def _trouble(self, facts: ContainerFacts, everyone: list[ContainerFacts]) -> Alert | None:
        if facts.running and facts.health == "unhealthy":
            return _alert("ContainerUnhealthy", facts, facts.started_at, "its health check fails")
        ended = facts.status in ("exited", "dead")
        if not ended or await self._store.holder(facts.target.key):
            return None
        events = await self._store.stop_story(facts.target.key)
        ours = [
            entry.intent.at
            for entry in await self._store.ours(
                facts.target.key, since=self._deps.clock.now() - AGAIN_WITHIN
            )
        ]
        stop = explain(facts, events, ours=ours, cut=[])
        job = facts.exit_code == 0 and one_shot(facts, needed=bool(dependents(facts, everyone)))
        unseen = stop.by == "unexplained" and facts.exit_code not in ASKED_TO_END
        if job or not (unseen or stop.by in ("crash", "oom")):
            return None
        return _alert("ContainerDown", facts, facts.finished_at, stop.detail)

    async def _targets(self, problems: dict[str, str]) -> list[Alert]:
        if self._deps.metrics is None:
            return []
        try:
            answer = await self._deps.metrics.instant(DOWN_TARGETS)
        except NightshiftError as error:
            problems["prometheus"] = str(error)
            return []
        day = self._deps.clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
        return [
            own_alert(
                {"alertname": "TargetDown", "severity": "warning", **_address(one.labels)},
                f"Prometheus cannot scrape {one.labels.get('instance', 'a target')}",
                day,
            )
            for one in answer.samples
        ]

    async def _second_looks(self, known: list[Incident], problems: dict[str, str]) -> list[Alert]:
        """Incidents that healed while the alert's expression was blind: does it fire now?"""
        since = self._deps.clock.now() - AGAIN_WITHIN
        doubtful = [one for one in known if _doubtful(one, since) and _newest(one, known)]
        firing: list[Alert] = []
        for incident in doubtful if self._deps.metrics else []:
            try:
                found = await self._deps.metrics.expression(incident.alert)  # type: ignore[union-attr]  # the loop is empty without metrics
            except NightshiftError as error:
                problems["prometheus"] = str(error)
                break
            if found.state == "firing":
                firing.append(incident.alert)
        return firing


def _doubtful(incident: Incident, since: datetime) -> bool:
    closed = incident.closed_at is not None and incident.closed_at >= since
    return closed and bool(incident.verdict and incident.verdict.recheck)


def _newest(incident: Incident, known: list[Incident]) -> bool:
    twins = [one for one in known if one.alert.fingerprint == incident.alert.fingerprint]
    return all(one.occurrence <= incident.occurrence for one in twins)


def _known(alert: Alert, known: list[Incident]) -> bool:
    """Raised before, or already under way for the same container by an alert from outside."""
    return any(
        (one.alert.fingerprint, one.alert.starts_at) == (alert.fingerprint, alert.starts_at)
        or _same_fault(one, alert)
        for one in known
    )


def _same_fault(incident: Incident, alert: Alert) -> bool:
    """The same container's or guest's, and under way or opened after this fault began."""
    labels, target = alert.labels, incident.target
    if target is None:
        return False
    if target.kind == "container":
        same, over = target.id == labels.get("container_id"), False
    else:
        same = (target.path, target.host) == (labels.get("id"), labels.get("node"))
        over = incident.outcome in ("resolved", "self_resolved")
    begun = incident.opened_at >= alert.starts_at and not over
    return same and (incident.status != "done" or begun)


def _address(labels: dict[str, str]) -> dict[str, str]:
    return {key: labels[key] for key in ("job", "instance") if key in labels}


def _alert(name: str, facts: ContainerFacts, since: datetime | None, why: str) -> Alert | None:
    if since is None:
        return None
    target = facts.target
    labels = {
        "alertname": name,
        "severity": "critical",
        "name": target.name,
        "container_id": target.id,
        "docker_host": target.host,
    }
    return own_alert(labels, f"{target.name}: {why}", since)


def _guest_alert(missing: Missing) -> Alert:
    target = missing.target
    labels = {
        "alertname": "GuestDown",
        "severity": "critical",
        "id": target.path,
        "name": target.name,
        "node": target.host,
    }
    return own_alert(labels, f"{target.name}: {missing.why}", missing.since)


def own_alert(labels: dict[str, str], summary: str, since: datetime) -> Alert:
    """An alert that Nightshift raises itself; the same labels and `since` are the same episode."""
    body = json.dumps({"source": "check", **labels}, sort_keys=True)
    return Alert(
        fingerprint=hashlib.sha256(body.encode()).hexdigest()[:16],
        status="firing",
        labels=labels,
        annotations={"summary": summary},
        starts_at=since,
        source="check",
    )
