"""The shipped runbooks, asked over situations as the real systems show them."""

import time
from collections.abc import Mapping

import pytest

from domain.evidence import Situation
from domain.plain import JsonValue, Plain
from tools.runbooks import MarkdownRulebook, load, validate

WELL: Situation = {
    "alert": {
        "name": "ContainerDown",
        "severity": "critical",
        "labels": {"name": "shop-web-1"},
        "annotations": {},
        "status": "firing",
        "source": "alertmanager",
    },
    "container": {
        "exists": True,
        "name": "shop-web-1",
        "service": "web",
        "project": "shop",
        "image": "shop/web:3",
        "status": "running",
        "exit_code": 0,
        "oom_killed": False,
        "health": "healthy",
        "health_output": "",
        "error": "",
        "restart_count": 0,
        "restart_policy": "unless-stopped",
        "up_s": 86400.0,
        "down_s": 0.0,
        "memory_limit": 67108864,
        "memswap_limit": 134217728,
        "network_mode": "shop_default",
        "networks": ["shop_default"],
        "missing_networks": [],
        "one_shot": False,
    },
    "stop": {"by": "none", "action": "", "exit_code": 0, "detail": "status running"},
    "logs": {
        "lines": ["ready"],
        "last": "ready",
        "repeated": False,
        "mentions": [],
        "no_space": False,
    },
    "events": {"starts": 0, "dies": 0, "ooms": 0, "window_s": 600.0},
    "dependencies": {"items": [], "down": [], "unwell": [], "all_well": True},
    "dependents": {"items": [], "down": [], "unwell": [], "all_well": True},
    "expression": {"state": "firing", "query": "up == 0", "detail": "1 series", "range_s": 0.0},
}
Changes = Mapping[str, Mapping[str, JsonValue] | None]


def situation(**changes: Mapping[str, JsonValue] | None) -> Situation:
    """A service that is well, but for these changes; None takes a kind away."""
    kept = {kind: data for kind, data in WELL.items() if changes.get(kind, {}) is not None}
    merged = {kind: {**kept.get(kind, {}), **change} for kind, change in changes.items() if change}
    return {**kept, **merged}


def related(status: str, *, health: str = "none", name: str = "shop-db-1") -> Plain:
    """The evidence that one dependency in this state makes."""
    well = status == "running" and health in ("none", "healthy")
    one: JsonValue = {
        "name": name,
        "status": status,
        "health": health,
        "well": well,
        "exit_code": 1,
    }
    down: list[JsonValue] = [name] if status in ("exited", "dead", "created") else []
    return {"items": [one], "down": down, "unwell": [] if well else [name], "all_well": well}


EXITED: Plain = {"status": "exited", "exit_code": 1, "health": "none", "up_s": 0.0, "down_s": 42.0}
UNHEALTHY_ON_PAPER: Plain = {**EXITED, "health": "unhealthy"}
KILLED: Plain = {**EXITED, "exit_code": 137, "oom_killed": True}
LOOPING: Plain = {**EXITED, "status": "restarting", "restart_count": 6}
SICK: Plain = {"health": "unhealthy", "health_output": "timeout"}
CRASH: Plain = {"by": "crash", "exit_code": 1}
OOM: Plain = {"by": "oom", "exit_code": 137}
PERSON: Plain = {"by": "person", "action": "stop", "detail": "stop through the API"}
MANY: Plain = {"starts": 6, "dies": 6}
SAME_LINE: Plain = {"last": "fatal: no such option: --prot", "repeated": True}
NO_SPACE: Plain = {"last": "write: no space left on device", "no_space": True, "repeated": True}
NAMES_DB: Plain = {"last": "cannot connect to db", "mentions": ["db"], "repeated": True}
FULL: Plain = {"lowest_free": 0.0, "full": ["/var/lib/docker"]}
CLIMBING: Plain = {"climbing": True, "ratio": 0.93, "slope_bytes_per_s": 20480.0}
USAGE: Plain = {"memory_usage": 62000000, "memory_limit": 67108864, "memory_ratio": 0.92}
LITTLE: Plain = {"memory_usage": 9000000, "memory_limit": 67108864, "memory_ratio": 0.13}
BAD_PROBE: Plain = {"state": "bad", "detail": "probe_success is 0"}
BOOTED: Plain = {
    "name": "nas", "docker_host": "local", "type": "lxc", "node": "pve1", "status": "running",
    "up": True, "uptime_s": 95.0, "node_online": True,
}  # fmt: skip
LOST: Plain = {**BOOTED, "status": "stopped", "up": False, "uptime_s": 0.0}
ERRORS: Plain = {"status": 500, "target": "http://127.0.0.1:8080"}
CERTIFICATE: Plain = {"query": "probe_ssl_earliest_cert_expiry - time() < 864000"}

CASES: list[tuple[str, str | None, Changes]] = [
    ("gone", "removed", {"container": {"exists": False}}),
    ("only that it is gone is known", "removed", {"container": {"exists": False}, "stop": None}),
    ("on its way out", "removed", {"container": {"status": "removing"}}),
    ("paused, and unhealthy for it", "paused", {"container": {"status": "paused", **SICK}}),
    (
        "paused with a dependency down",
        "paused",
        {"container": {"status": "paused"}, "dependencies": related("exited")},
    ),
    (
        "a job that ended with 0",
        "finished",
        {"container": {**EXITED, "exit_code": 0, "one_shot": True}, "stop": CRASH},
    ),
    (
        "a job whose end nobody saw",
        "finished",
        {"container": {**EXITED, "exit_code": 0, "one_shot": True}, "stop": {"by": "unexplained"}},
    ),
    ("a job that failed", "crashed", {"container": {**EXITED, "one_shot": True}, "stop": CRASH}),
    (
        "a service that ended with 0",
        "crashed",
        {"container": {**EXITED, "exit_code": 0}, "stop": {**CRASH, "exit_code": 0}},
    ),
    ("stopped by hand", "stopped-by-person", {"container": UNHEALTHY_ON_PAPER, "stop": PERSON}),
    (
        "killed by hand: 137 without OOM",
        "stopped-by-person",
        {
            "container": {**EXITED, "exit_code": 137},
            "stop": {**PERSON, "action": "kill"},
            "events": MANY,
        },
    ),
    (
        "stopped by hand after an OOM of long ago",
        "stopped-by-person",
        {"container": KILLED, "stop": PERSON},
    ),
    ("stopped by us", "stopped-by-nightshift", {"container": EXITED, "stop": {"by": "ours"}}),
    (
        "stopped by us, and Docker refused the start",
        "stopped-by-nightshift",
        {
            "container": {**EXITED, "error": "port is already allocated"},
            "stop": {"by": "ours"},
            "attempts": {"tried": ["restart"], "count": 1},
        },
    ),
    (
        "ended quietly, unseen",
        "stopped-unexplained",
        {"container": {**EXITED, "exit_code": 143}, "stop": {"by": "unexplained"}},
    ),
    (
        "ended with 0, unseen, and is a service",
        "stopped-unexplained",
        {"container": {**EXITED, "exit_code": 0}, "stop": {"by": "unexplained"}},
    ),
    ("dead", "dead", {"container": {"status": "dead"}}),
    ("dead by a crash", "dead", {"container": {"status": "dead", "exit_code": 1}, "stop": CRASH}),
    (
        "created, and Docker said why not",
        "start-refused",
        {"container": {"status": "created", "error": "port is already allocated"}},
    ),
    (
        "a start was tried and refused",
        "start-refused",
        {
            "container": {**EXITED, "error": "mount path does not exist"},
            "stop": CRASH,
            "attempts": {"tried": ["start"], "count": 1},
        },
    ),
    (
        "an error text before any start was tried",
        "crashed",
        {"container": {**EXITED, "error": "mount path does not exist"}, "stop": CRASH},
    ),
    (
        "asleep after its dependency came back by itself",
        "dependency-back",
        {
            "container": LOOPING,
            "events": MANY,
            "logs": NAMES_DB,
            "dependencies": related("running"),
        },
    ),
    (
        "asleep after we started its dependency",
        "dependency-back",
        {
            "container": LOOPING,
            "events": MANY,
            "logs": None,
            "dependencies": related("running", health="healthy"),
            "attempts": {"tried": ["start_dependency"], "count": 1},
        },
    ),
    (
        "still falling over after that restart",
        "flapping",
        {
            "container": LOOPING,
            "events": MANY,
            "logs": NAMES_DB,
            "dependencies": related("running"),
            "attempts": {"tried": ["start_dependency", "restart"], "count": 2},
        },
    ),
    (
        "the same line at every start",
        "bad-config",
        {"container": LOOPING, "events": MANY, "logs": SAME_LINE},
    ),
    (
        "the same line, seen between two deaths: it may be that of the start",
        "flapping",
        {"container": {"up_s": 0.4}, "events": MANY, "logs": SAME_LINE},
    ),
    (
        "it runs, fails its check, and each of its starts was told",
        "flapping",
        {"container": {**SICK, "up_s": 9.0}, "events": MANY, "logs": SAME_LINE},
    ),
    (
        "the same line with well dependencies",
        "bad-config",
        {
            "container": LOOPING,
            "events": MANY,
            "logs": SAME_LINE,
            "dependencies": related("running"),
        },
    ),
    (
        "the same line, but something it needs is sick",
        "dependency-unwell",
        {
            "container": LOOPING,
            "events": MANY,
            "logs": SAME_LINE,
            "dependencies": related("running", health="unhealthy"),
        },
    ),
    (
        "the same line, but a worker ran out of memory each time",
        "oom",
        {
            "container": {**EXITED, "oom_killed": False},
            "stop": OOM,
            "events": {"dies": 3, "ooms": 3},
            "logs": SAME_LINE,
        },
    ),
    (
        "a chatty log is no crash loop",
        "crashed",
        {"container": EXITED, "stop": CRASH, "events": {"dies": 1}, "logs": SAME_LINE},
    ),
    ("flapping, down now", "flapping", {"container": EXITED, "stop": CRASH, "events": MANY}),
    ("flapping, up now", "flapping", {"container": {"up_s": 9.0}, "events": MANY}),
    (
        "three deaths are not yet flapping",
        "crashed",
        {"container": EXITED, "stop": CRASH, "events": {"starts": 3, "dies": 3}},
    ),
    (
        "its own limit",
        "oom",
        {"container": KILLED, "stop": OOM, "events": {"dies": 1, "ooms": 1}},
    ),
    (
        "its own limit, over and over",
        "oom",
        {
            "container": {**KILLED, "status": "restarting"},
            "events": {"dies": 5, "ooms": 5},
            "logs": SAME_LINE,
        },
    ),
    (
        "still asleep after the limit was raised",
        "oom-again",
        {
            "container": {**KILLED, "status": "restarting"},
            "attempts": {"tried": ["raise_memory"], "count": 1},
        },
    ),
    (
        "looping after the limit was raised",
        "oom-again",
        {
            "container": {**KILLED, "status": "restarting"},
            "events": {"dies": 6, "ooms": 6},
            "attempts": {"tried": ["raise_memory"], "count": 1},
        },
    ),
    (
        "down after the limit was raised",
        "oom",
        {
            "container": KILLED,
            "stop": OOM,
            "attempts": {"tried": ["raise_memory"], "count": 1},
        },
    ),
    (
        "killed for a full host",
        "oom-host",
        {"container": {**KILLED, "memory_limit": 0}, "stop": OOM},
    ),
    (
        "killed for a full host, unhealthy on paper",
        "oom-host",
        {"container": {**KILLED, "memory_limit": 0, "health": "unhealthy"}, "stop": OOM},
    ),
    ("a child was killed", "oom-child", {"events": {"ooms": 1}}),
    ("a child was killed, now it is sick", "oom-child", {"container": SICK, "events": {"ooms": 3}}),
    (
        "the mark of an OOM that is over",
        "hung",
        {"container": {"oom_killed": True, **SICK}, "events": {"dies": 1, "ooms": 1, "starts": 1}},
    ),
    (
        "dependency down, victim loops",
        "dependency-down",
        {
            "container": LOOPING,
            "events": MANY,
            "logs": NAMES_DB,
            "dependencies": related("exited"),
        },
    ),
    (
        "dependency down, victim down",
        "dependency-down",
        {"container": EXITED, "stop": CRASH, "dependencies": related("exited")},
    ),
    (
        "dependency down, victim never came to start",
        "dependency-down",
        {"container": {"status": "created"}, "dependencies": related("created")},
    ),
    (
        "a down dependency does not excuse a memory limit",
        "oom",
        {"container": KILLED, "stop": OOM, "dependencies": related("exited")},
    ),
    (
        "dependency paused",
        "dependency-paused",
        {"container": SICK, "dependencies": related("paused", health="unhealthy")},
    ),
    (
        "dependency paused, victim crashed",
        "dependency-paused",
        {"container": EXITED, "stop": CRASH, "dependencies": related("paused")},
    ),
    (
        "dependency sick",
        "dependency-unwell",
        {"container": SICK, "dependencies": related("running", health="unhealthy")},
    ),
    (
        "dependency sick, victim loops",
        "dependency-unwell",
        {
            "container": LOOPING,
            "events": MANY,
            "dependencies": related("running", health="unhealthy"),
        },
    ),
    (
        "dependency only just starting",
        "hung",
        {"container": SICK, "dependencies": related("running", health="starting")},
    ),
    (
        "dependency looping",
        "dependency-looping",
        {"container": SICK, "dependencies": related("restarting")},
    ),
    (
        "both looping",
        "dependency-looping",
        {"container": LOOPING, "events": MANY, "dependencies": related("restarting")},
    ),
    (
        "cut off",
        "network-cut",
        {"container": {"missing_networks": ["shop_back"]}, "stop": {**PERSON, "detail": "cut"}},
    ),
    (
        "cut off and probed",
        "network-cut",
        {"container": {"missing_networks": ["shop_back"], **SICK}, "probe": BAD_PROBE},
    ),
    (
        "crashed, disk full",
        "volume-full",
        {"container": EXITED, "stop": CRASH, "logs": NO_SPACE, "volumes": FULL},
    ),
    (
        "looping, disk full, no Prometheus",
        "volume-full",
        {"container": LOOPING, "events": MANY, "logs": NO_SPACE},
    ),
    ("disk alert on a service that runs", "volume-full", {"volumes": FULL}),
    (
        "disk alert, some room left",
        "volume-full",
        {
            "alert": {"name": "HostOutOfDiskSpace"},
            "volumes": {"lowest_free": 0.03, "full": ["/srv"]},
        },
    ),
    (
        "a media disk that is always at 97 %",
        "crashed",
        {
            "container": EXITED,
            "stop": CRASH,
            "volumes": {"lowest_free": 0.03, "full": ["/srv/media"]},
        },
    ),
    (
        "an old line about space, with room now",
        "crashed",
        {
            "container": EXITED,
            "stop": CRASH,
            "logs": NO_SPACE,
            "volumes": {"lowest_free": 0.6, "full": []},
        },
    ),
    ("a leak", "memory-leak", {"stats": USAGE, "memory_trend": CLIMBING}),
    (
        "a leak at its ceiling",
        "memory-leak",
        {
            "alert": {"name": "ContainerMemoryHigh"},
            "stats": {**USAGE, "memory_ratio": 0.99},
            "memory_trend": {**CLIMBING, "climbing": False},
        },
    ),
    (
        "climbing from low",
        "still-firing",
        {"stats": LITTLE, "memory_trend": {**CLIMBING, "ratio": 0.13}},
    ),
    (
        "high and flat",
        "still-firing",
        {"stats": USAGE, "memory_trend": {**CLIMBING, "climbing": False}},
    ),
    ("crashed", "crashed", {"container": EXITED, "stop": CRASH}),
    ("crashed, unhealthy on paper", "crashed", {"container": UNHEALTHY_ON_PAPER, "stop": CRASH}),
    (
        "crashed, and hardly anything else is known",
        "crashed",
        {
            "container": EXITED,
            "stop": CRASH,
            "logs": None,
            "events": None,
            "dependencies": None,
            "expression": None,
        },
    ),
    ("down, and nobody knows by whom", None, {"container": EXITED, "stop": None}),
    ("the same, unhealthy on paper", None, {"container": UNHEALTHY_ON_PAPER, "stop": None}),
    ("created only", "never-started", {"container": {"status": "created"}}),
    (
        "created only, dependencies well",
        "never-started",
        {"container": {"status": "created"}, "dependencies": related("running")},
    ),
    ("the first turn of a loop", "crash-loop", {"container": {**LOOPING, "restart_count": 1}}),
    (
        "a loop without a log",
        "crash-loop",
        {"container": LOOPING, "logs": None, "events": {"dies": 2}},
    ),
    ("hung", "hung", {"container": SICK}),
    ("hung, on something sound", "hung", {"container": SICK, "dependencies": related("running")}),
    ("still starting", "just-started", {"container": {"health": "starting"}}),
    (
        "a loop in a moment of running",
        "just-started",
        {"container": {"up_s": 2.0, "health": "none"}, "events": {"dies": 2}},
    ),
    ("nobody reaches it", "probe-failing", {"probe": BAD_PROBE}),
    (
        "nobody reaches it, no check",
        "probe-failing",
        {"container": {"health": "none"}, "probe": BAD_PROBE},
    ),
    (
        "probed a moment after its start",
        "still-firing",
        {"container": {"up_s": 3.0}, "probe": BAD_PROBE},
    ),
    ("the probe is blind", "still-firing", {"probe": {"state": "unknown", "detail": "stale"}}),
    ("its host is down", "host-down", {"container": EXITED, "stop": CRASH, "host": LOST}),
    ("its host is down, seen by a probe", "host-down", {"host": LOST, "probe": BAD_PROBE}),
    ("restarting after a boot", "host-booted", {"container": LOOPING, "host": BOOTED}),
    (
        "sick after a boot, with its dependency",
        "host-booted",
        {"container": SICK, "host": BOOTED, "dependencies": related("restarting")},
    ),
    (
        "still sick after the wait",
        "hung",
        {"container": SICK, "host": BOOTED, "attempts": {"tried": ["wait"], "count": 1}},
    ),
    ("sick long after the boot", "hung", {"container": SICK, "host": {**BOOTED, "uptime_s": 999}}),
    (
        "out of memory after a boot",
        "oom",
        {"container": {**KILLED, "status": "restarting"}, "host": BOOTED},
    ),
    (
        "crashed for good after a boot",
        "crashed",
        {
            "container": EXITED,
            "stop": CRASH,
            "host": BOOTED,
        },
    ),
    ("server errors", "http-5xx", {"http": ERRORS, "probe": BAD_PROBE}),
    ("server errors that the prober accepts", "http-5xx", {"http": {**ERRORS, "status": 503}}),
    ("server errors in a sick one", "hung", {"container": SICK, "http": ERRORS}),
    (
        "server errors, database down",
        "dependency-down",
        {"http": ERRORS, "dependencies": related("exited")},
    ),
    ("a client's errors", "still-firing", {"http": {**ERRORS, "status": 404}}),
    (
        "server errors after the start",
        "http-warming-up",
        {
            "container": {"up_s": 40.0},
            "http": ERRORS,
            "probe": BAD_PROBE,
        },
    ),
    (
        "a proxy just started",
        "http-warming-up",
        {
            "container": {"up_s": 40.0},
            "http": {**ERRORS, "status": 502},
        },
    ),
    ("a bad gateway", "http-gateway", {"http": {**ERRORS, "status": 502}, "probe": BAD_PROBE}),
    ("a gateway that waits", "http-gateway", {"http": {**ERRORS, "status": 504}}),
    ("a certificate", "certificate-expiring", {"expression": CERTIFICATE, "probe": BAD_PROBE}),
    ("a certificate, site up", "certificate-expiring", {"expression": CERTIFICATE}),
    (
        "a certificate that was renewed",
        "probe-failing",
        {"expression": {**CERTIFICATE, "state": "clear"}, "probe": BAD_PROBE},
    ),
    (
        "crashed, with a certificate alert",
        "crashed",
        {
            "container": EXITED,
            "stop": CRASH,
            "expression": CERTIFICATE,
        },
    ),
    ("well, but for the alert", "still-firing", {}),
    ("well, and no Prometheus to ask", None, {"expression": None}),
]


@pytest.fixture(scope="module")
def rulebook() -> MarkdownRulebook:
    """The shipped runbooks."""
    return load()


@pytest.mark.parametrize(("expected", "changes"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_the_right_runbook(
    rulebook: MarkdownRulebook, expected: str | None, changes: Changes
) -> None:
    """Each fault is met by its own runbook, and what only looks like it is not."""
    match = rulebook.match(situation(**changes))

    assert (match.runbook if match else None) == expected


def test_every_runbook_is_met_twice(rulebook: MarkdownRulebook) -> None:
    """No shipped runbook is without situations that lead to it."""
    met = [expected for _, expected, _ in CASES]
    ours = [book for book in rulebook.runbooks if not {"guest", "node"} & book.condition.kinds]

    assert {book.front.id for book in ours if met.count(book.front.id) < 2} == set()


def test_the_shipped_runbooks_have_no_problems() -> None:
    """What we ship passes the checks that we ask of others."""
    assert validate() == []


@pytest.mark.parametrize(
    ("runbook", "remedies"),
    [
        ("crashed", ["start"]),
        ("oom", ["raise_memory"]),
        ("hung", ["restart", "restart_dependency"]),
        ("dependency-down", ["start_dependency"]),
        ("bad-config", []),
        ("finished", ["wait"]),
        ("memory-leak", ["restart"]),
        ("volume-full", []),
        ("paused", ["unpause"]),
        ("stopped-by-person", ["start"]),
        ("network-cut", ["reconnect_network"]),
        ("flapping", []),
        ("removed", []),
    ],
)
def test_the_remedies_are_the_measured_ones(
    rulebook: MarkdownRulebook, runbook: str, remedies: list[str]
) -> None:
    """A runbook names what heals its fault and nothing that was measured not to."""
    found = next(book.front for book in rulebook.runbooks if book.front.id == runbook)

    assert found.remedies == remedies


def test_no_two_runbooks_share_a_priority(rulebook: MarkdownRulebook) -> None:
    """Which of two shipped runbooks wins never hangs on the order of files."""
    priorities = [book.front.priority for book in rulebook.runbooks]

    assert len(set(priorities)) == len(priorities)


PROSE = ("What you see.", "Why.", "What Nightshift does.", "What to do.", "How to prevent it.")


def test_every_runbook_answers_the_five_questions(rulebook: MarkdownRulebook) -> None:
    """Whoever is woken finds the same five headings in each of them."""
    missing = {
        (book.path, heading)
        for book in rulebook.runbooks
        for heading in PROSE
        if f"**{heading}**" not in book.body
    }

    assert missing == set()


@pytest.mark.parametrize("changes", [case[2] for case in CASES], ids=[case[0] for case in CASES])
def test_what_is_said_is_a_sentence(rulebook: MarkdownRulebook, changes: Changes) -> None:
    """Summary and advice read as one line of prose, with nothing left unfilled."""
    match = rulebook.match(situation(**changes))

    if match:
        assert not set("{}\n") & set(match.summary + match.advice)
        assert match.advice.endswith(".")


@pytest.mark.parametrize("kind", sorted(WELL))
def test_missing_evidence_is_no_error(rulebook: MarkdownRulebook, kind: str) -> None:
    """A crash without one kind is a crash, or nothing where that kind is its proof."""
    match = rulebook.match(situation(**{"container": EXITED, "stop": CRASH} | {kind: None}))

    expected = None if kind in ("container", "stop") else "crashed"
    assert (match.runbook if match else None) == expected


def test_nothing_observed_matches_nothing(rulebook: MarkdownRulebook) -> None:
    """Without any evidence there is no runbook."""
    assert rulebook.match({}) is None


JUNK: list[JsonValue] = [None, -1, 2**70, "x" * 5000, [], {}, [[]], {"a": {"b": None}}]


@pytest.mark.parametrize("junk", JUNK, ids=repr)
def test_values_of_the_wrong_type_never_raise(rulebook: MarkdownRulebook, junk: JsonValue) -> None:
    """Whatever an adapter puts into a field, the rulebook answers."""
    strange: Situation = {kind: dict.fromkeys(data, junk) for kind, data in WELL.items()}

    assert rulebook.match(strange) is None


HOSTILE = "{{ 7 * 7 }}{% for x in range(9) %}x{% endfor %} || true\n\x1b[31m" + "A" * 900


def test_hostile_log_text_stays_text(rulebook: MarkdownRulebook) -> None:
    """Template and CEL syntax in a log line is shown as it is, on one line, and cut."""
    logs: Plain = {**SAME_LINE, "last": HOSTILE, "lines": [HOSTILE]}
    match = rulebook.match(situation(container=LOOPING, events=MANY, logs=logs))

    assert match
    assert match.runbook == "bad-config"
    assert "{{ 7 * 7 }}{% for x in range(9) %}x{% endfor %} || true [31mAAA" in match.summary
    assert len(match.summary) < 400


def test_the_whole_rulebook_is_quick(rulebook: MarkdownRulebook) -> None:
    """Asking every runbook in vain stays far below what a person or a budget would notice."""
    rulebook.match(situation())
    start = time.process_time()
    rulebook.match(situation())

    assert time.process_time() - start < 0.5
