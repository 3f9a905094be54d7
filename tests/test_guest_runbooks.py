"""The shipped runbooks for guests and nodes, asked over situations as Proxmox shows them."""

from collections.abc import Mapping

import pytest

from domain.evidence import Situation
from domain.plain import JsonValue, Plain
from tools.runbooks import MarkdownRulebook, load

WELL: Situation = {
    "alert": {
        "name": "GuestDown",
        "severity": "critical",
        "labels": {"id": "lxc/101"},
        "annotations": {},
        "status": "firing",
        "source": "alertmanager",
    },
    "guest": {
        "exists": True,
        "name": "nas",
        "vmid": "101",
        "type": "lxc",
        "node": "pve1",
        "status": "running",
        "lock": "",
        "task": "",
        "ha_state": "",
        "onboot": True,
        "template": False,
        "memory_limit": 536870912,
        "memory_usage": 134217728,
        "memory_ratio": 0.25,
        "uptime_s": 86400.0,
        "oom_events": 0,
    },
    "node": {"name": "pve1", "online": True, "memory_ratio": 0.4, "uptime_s": 864000.0},
    "stop": {"by": "none", "action": "", "exit_code": 0, "detail": "status running"},
    "events": {"starts": 0, "dies": 0, "ooms": 0, "window_s": 600.0},
    "expression": {"state": "firing", "query": "pve_up == 0", "detail": "1", "range_s": 0.0},
    "attempts": {"tried": [], "count": 0},
}
Changes = Mapping[str, Mapping[str, JsonValue] | None]
NODE: Changes = {"guest": None, "stop": None, "events": None}

DOWN: Plain = {"status": "stopped", "uptime_s": 0.0, "memory_usage": 0, "memory_ratio": 0.0}
VM: Plain = {**DOWN, "type": "vm", "vmid": "100"}
CRASH: Plain = {"by": "crash", "detail": "it ended, and no task of Proxmox stopped it"}
PERSON: Plain = {"by": "person", "action": "shutdown", "detail": "vzshutdown by root@pam"}
OOM: Plain = {"by": "oom", "detail": "it ran out of memory"}
BACKUP: Plain = {"by": "backup", "detail": "a backup was made and did not bring it back"}
WAITED: Plain = {"tried": ["wait"], "count": 1}
YOUNG: Plain = {"uptime_s": 90.0}
FULL: Plain = {"memory_ratio": 0.98}
SILENT: Plain = {"state": "bad", "detail": "0 of 2 probes get an answer"}


def situation(changes: Changes) -> Situation:
    """A guest that is well, but for these changes; None takes a kind away."""
    kept = {kind: data for kind, data in WELL.items() if changes.get(kind, {}) is not None}
    merged = {kind: {**kept.get(kind, {}), **change} for kind, change in changes.items() if change}
    return {**kept, **merged}


CASES: list[tuple[str, str | None, Changes]] = [
    ("a container stopped", "lxc-stopped", {"guest": DOWN, "stop": CRASH}),
    ("its backup left it down", "lxc-stopped", {"guest": DOWN, "stop": BACKUP}),
    ("our reboot left it down", "lxc-stopped", {"guest": DOWN, "stop": {"by": "ours"}}),
    (
        "a container stopped, and little else is known",
        "lxc-stopped",
        {"guest": DOWN, "stop": CRASH, "node": None, "events": None, "attempts": None},
    ),
    ("a machine stopped", "vm-stopped", {"guest": VM, "stop": CRASH}),
    ("a machine after its backup", "vm-stopped", {"guest": VM, "stop": BACKUP}),
    ("stopped by hand", "guest-stopped-by-person", {"guest": DOWN, "stop": PERSON}),
    ("a machine stopped by hand", "guest-stopped-by-person", {"guest": VM, "stop": PERSON}),
    (
        "stopped by hand on a young node",
        "guest-stopped-by-person",
        {"guest": DOWN, "stop": PERSON, "node": YOUNG},
    ),
    ("nobody knows by whom", None, {"guest": DOWN, "stop": None, "expression": None}),
    (
        "suspended",
        "guest-paused",
        {"guest": {**VM, "status": "paused"}, "stop": {**PERSON, "action": "suspend"}},
    ),
    (
        "paused by no task",
        "guest-paused",
        {"guest": {**VM, "status": "paused"}, "stop": {"by": "unexplained"}},
    ),
    ("locked by a backup", "guest-locked", {"guest": {**DOWN, "lock": "backup"}, "stop": CRASH}),
    ("a task runs on it", "guest-locked", {"guest": {"task": "vzdump"}}),
    (
        "locked and of the HA manager",
        "guest-locked",
        {"guest": {**DOWN, "lock": "migrate", "ha_state": "migrate"}, "stop": {"by": "ha"}},
    ),
    (
        "of the HA manager",
        "ha-managed",
        {"guest": {**DOWN, "ha_state": "error"}, "stop": {"by": "ha"}},
    ),
    (
        "of the HA manager, paused",
        "ha-managed",
        {"guest": {**VM, "status": "paused", "ha_state": "started"}, "stop": {"by": "ha"}},
    ),
    ("unknown", "guest-unknown", {"guest": {**DOWN, "status": "unknown"}, "stop": None}),
    (
        "unknown, and the HA manager's",
        "guest-unknown",
        {"guest": {**DOWN, "status": "unknown", "ha_state": "started"}},
    ),
    (
        "its node has just booted",
        "guest-awaits-boot",
        {"guest": DOWN, "stop": CRASH, "node": YOUNG},
    ),
    (
        "a machine on a young node",
        "guest-awaits-boot",
        {"guest": VM, "stop": CRASH, "node": YOUNG},
    ),
    (
        "still down after the wait",
        "lxc-stopped",
        {"guest": DOWN, "stop": CRASH, "node": YOUNG, "attempts": WAITED},
    ),
    (
        "not set to start on boot, on a young node",
        "lxc-stopped",
        {"guest": {**DOWN, "onboot": False}, "stop": CRASH, "node": YOUNG},
    ),
    (
        "started over and over",
        "guest-flapping",
        {"guest": DOWN, "stop": CRASH, "events": {"starts": 3}},
    ),
    (
        "over and over, for want of memory",
        "guest-flapping",
        {"guest": DOWN, "stop": OOM, "events": {"starts": 4}},
    ),
    ("full", "lxc-out-of-memory", {"guest": FULL}),
    ("ended for memory", "lxc-out-of-memory", {"guest": DOWN, "stop": OOM}),
    (
        "ended, and was full before",
        "lxc-out-of-memory",
        {"guest": DOWN, "stop": CRASH, "memory_peak": {"ratio": 0.97}},
    ),
    (
        "ended, and the alert says why",
        "lxc-out-of-memory",
        {"guest": DOWN, "stop": CRASH, "alert": {"name": "LxcOutOfMemory"}},
    ),
    (
        "ended, and had room",
        "lxc-stopped",
        {"guest": DOWN, "stop": CRASH, "memory_peak": {"ratio": 0.6}},
    ),
    (
        "stopped by hand, and was full before",
        "guest-stopped-by-person",
        {"guest": DOWN, "stop": PERSON, "memory_peak": {"ratio": 0.97}},
    ),
    ("a machine ended, and was full before", "vm-stopped", {
        "guest": VM, "stop": CRASH, "memory_peak": {"ratio": 0.97},
    }),
    ("a machine's cache", "guest-still-firing", {"guest": {**FULL, "type": "vm"}}),
    ("nearly full", "guest-still-firing", {"guest": {"memory_ratio": 0.9}}),
    ("full on a full node", "node-out-of-memory", {"guest": FULL, "node": FULL}),
    ("ended for memory on a full node", "node-out-of-memory", {
        "guest": DOWN, "stop": OOM, "node": FULL,
    }),
    ("stopped on a full node", "lxc-stopped", {"guest": DOWN, "stop": CRASH, "node": FULL}),
    ("nothing answers", "guest-unresponsive", {"probe": SILENT}),
    ("a machine in which nothing answers", "guest-unresponsive", {
        "guest": {"type": "vm"}, "probe": SILENT,
    }),
    ("nothing answers yet", "guest-still-firing", {
        "guest": {"uptime_s": 60.0}, "probe": SILENT,
    }),
    ("something answers", "guest-still-firing", {"probe": {"state": "good"}}),
    ("well, but for the alert", "guest-still-firing", {}),
    ("well, and no Prometheus to ask", None, {"expression": None}),
    ("a node offline", "node-offline", {**NODE, "node": {"online": False}}),
    (
        "a node offline, and no Prometheus",
        "node-offline",
        {**NODE, "node": {"online": False}, "expression": None},
    ),
    ("a node online", "node-still-firing", NODE),
    ("a node's load", "node-still-firing", {**NODE, "alert": {"name": "HostHighCpuLoad"}}),
    ("a node without memory", "node-out-of-memory", {
        **NODE, "alert": {"name": "HostOutOfMemory"}, "node": FULL,
    }),
    ("a full node, another alert", "node-still-firing", {**NODE, "node": FULL}),
]  # fmt: skip


@pytest.fixture(scope="module")
def rulebook() -> MarkdownRulebook:
    """The shipped runbooks."""
    return load()


@pytest.mark.parametrize(("expected", "changes"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_the_right_runbook(
    rulebook: MarkdownRulebook, expected: str | None, changes: Changes
) -> None:
    """Each fault is met by its own runbook, and what only looks like it is not."""
    match = rulebook.match(situation(changes))

    assert (match.runbook if match else None) == expected


@pytest.mark.parametrize("changes", [c[2] for c in CASES], ids=[c[0] for c in CASES])
def test_what_is_said_is_filled_in(rulebook: MarkdownRulebook, changes: Changes) -> None:
    """Summary and advice are prose, with nothing left unfilled."""
    match = rulebook.match(situation(changes))

    if match:
        assert not set("{}\n") & set(match.summary + match.advice)
        assert match.advice.endswith(".")


def test_every_runbook_of_guests_is_met_twice(rulebook: MarkdownRulebook) -> None:
    """No runbook that reads a guest or a node is without situations that lead to it."""
    met = [expected for _, expected, _ in CASES]
    ours = [one for one in rulebook.runbooks if {"guest", "node"} & one.condition.kinds]

    assert len(ours) >= 12
    assert {one.front.id for one in ours if met.count(one.front.id) < 2} == set()


@pytest.mark.parametrize(
    ("runbook", "remedies"),
    [
        ("lxc-stopped", ["start_guest"]),
        ("vm-stopped", ["start_guest"]),
        ("guest-paused", ["resume_guest"]),
        ("guest-stopped-by-person", ["start_guest"]),
        ("lxc-out-of-memory", ["raise_guest_memory"]),
        ("guest-unresponsive", ["reboot_guest"]),
        ("guest-locked", ["wait"]),
        ("ha-managed", ["wait"]),
        ("node-offline", []),
        ("node-out-of-memory", []),
        ("host-down", []),
        ("host-booted", ["wait"]),
        ("http-5xx", ["restart"]),
        ("http-gateway", []),
        ("certificate-expiring", []),
    ],
)
def test_the_remedies(rulebook: MarkdownRulebook, runbook: str, remedies: list[str]) -> None:
    """What heals the fault, and where nothing safe does, nothing."""
    found = next(book.front for book in rulebook.runbooks if book.front.id == runbook)

    assert found.remedies == remedies


def test_a_certificate_needs_no_target(rulebook: MarkdownRulebook) -> None:
    """Alert and expression are enough: nobody has to know the container behind an address."""
    query = 'probe_ssl_earliest_cert_expiry{job="sites"} - time() < 86400 * 14'
    labels: Plain = {"instance": "https://shop.example"}
    match = rulebook.match(
        {
            "alert": {**WELL["alert"], "labels": labels},
            "expression": {**WELL["expression"], "query": query},
        }
    )

    assert match
    assert match.runbook == "certificate-expiring"
    assert "https://shop.example" in match.summary
