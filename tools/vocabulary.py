"""The words of runbooks: every evidence kind and field that a condition or a sentence may read.

Not here: how evidence is gathered (docs/evidence.md says from where), or any judgement on it.
"""

from collections.abc import Collection

from domain.evidence import Situation
from domain.tooling import PREFIX

EXAMPLE: Situation = {
    "alert": {
        "name": "ContainerDown",
        "severity": "critical",
        "labels": {},
        "annotations": {},
        "status": "firing",
        "source": "alertmanager",
    },
    "container": {
        "name": "shop-web-1",
        "service": "web",
        "project": "shop",
        "image": "shop/web:3",
        "status": "exited",
        "exit_code": 1,
        "oom_killed": False,
        "health": "none",
        "health_output": "",
        "error": "",
        "restart_count": 0,
        "restart_policy": "no",
        "up_s": 0.0,
        "down_s": 41.5,
        "memory_limit": 67108864,
        "memswap_limit": 134217728,
        "network_mode": "shop_default",
        "networks": ["shop_default"],
        "missing_networks": ["shop_back"],
        "one_shot": False,
        "exists": True,
    },
    "stop": {
        "by": "crash",
        "action": "",
        "exit_code": 1,
        "detail": "exited by itself with code 1",
    },
    "logs": {
        "lines": ["starting", "panic: no route to db"],
        "last": "panic: no route to db",
        "repeated": False,
        "mentions": ["db"],
        "no_space": False,
    },
    "stats": {
        "memory_usage": 41943040,
        "memory_limit": 67108864,
        "memory_ratio": 0.625,
    },
    "events": {"starts": 1, "dies": 1, "ooms": 0, "window_s": 600.0},
    "dependencies": {
        "items": [
            {"name": "db", "status": "exited", "health": "none", "well": False, "exit_code": 1}
        ],
        "down": ["db"],
        "unwell": ["db"],
        "all_well": False,
    },
    "dependents": {
        "items": [
            {
                "name": "proxy",
                "status": "exited",
                "health": "none",
                "well": False,
                "exit_code": 1,
            }
        ],
        "down": ["proxy"],
        "unwell": ["proxy"],
        "all_well": False,
    },
    "probe": {"state": "bad", "detail": "probe_success is 0 for 127.0.0.1:8080"},
    "expression": {
        "state": "firing",
        "query": 'up{job="web"} == 0',
        "detail": "1 series matches",
        "range_s": 0.0,
    },
    "volumes": {"lowest_free": 0.03, "full": ["/var/lib/docker"]},
    "memory_trend": {"climbing": True, "ratio": 0.93, "slope_bytes_per_s": 20480.0},
    "attempts": {"tried": ["restart"], "count": 1},
    "http": {"status": 503, "target": "http://127.0.0.1:8080"},
    "host": {
        "name": "nas",
        "docker_host": "local",
        "type": "lxc",
        "node": "pve1",
        "status": "running",
        "up": True,
        "uptime_s": 95.0,
        "node_online": True,
    },
    "guest": {
        "exists": True,
        "name": "nas",
        "vmid": "101",
        "type": "lxc",
        "node": "pve1",
        "status": "stopped",
        "lock": "backup",
        "task": "vzdump",
        "ha_state": "started",
        "onboot": True,
        "template": False,
        "memory_limit": 536870912,
        "memory_usage": 134217728,
        "memory_ratio": 0.25,
        "uptime_s": 0.0,
        "oom_events": 0,
    },
    "memory_peak": {"ratio": 0.97, "window_s": 300.0},
    "node": {"name": "pve1", "online": True, "memory_ratio": 0.61, "uptime_s": 864000.0},
}
"""One situation with every kind and field, each with a value of its type.

Conditions and sentences are tried out over it when a runbook is loaded, so that a misspelt field
or a number compared with a text is reported then and not at night. A map that is empty here
(`labels`, `annotations`) has keys that nobody can know in advance.
"""

KINDS = frozenset(EXAMPLE)


def unknown(kind: str, own: Collection[str] = ()) -> str:
    """What to say of a kind that is neither ours nor one of the operator's own tools."""
    if kind.startswith(PREFIX):
        return f"no tool makes {kind!r}: name it in NIGHTSHIFT_TOOLS or NIGHTSHIFT_MCP"
    return f"unknown evidence kind {kind!r}; there are {', '.join(sorted({*KINDS, *own}))}"


def is_field(kind: str, field: str) -> bool:
    """Whether evidence of this kind has this field."""
    return field in EXAMPLE.get(kind, {})
