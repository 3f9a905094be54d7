"""The words of alerts: how a text is cut, which words mean the same, which mean little.

Not here: vectors or scores. Every number is fixed: a weight that depended on what is stored
would give the same pair of symptoms another score on another backend or another day.
"""

import re
from collections.abc import Iterator

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[^\W\d_]+|\d+")
_ENDINGS = ("ing", "ed", "es", "s")

_SILENT = """
a an the of for in on to is are was were be been has have had not no by with and or at its it will
this that than from more less any all as out up too very last
"""
_COMMON = """
container node instance service host server minute minutes hour hours day days second seconds
percent above below rate number one two time other same alert detected usage used running
"""
COMMON_WEIGHT = 0.5
CONCEPT_WEIGHT = 0.7

_SAME = """
down: absent dead died disappeared disconnected down exited gone lost missing offline outage silent
down: stopped unavailable unreachable
answer: answer reachable reached reply replies respond response
failing: bad broken error fail failure faulty unsuccessful
crash: backoff crash flapping loop restart
memory: memory oom oomkilled ram swap
cpu: core cpu load processor
disk: disk drive filesystem hdd space ssd storage volume
full: exhausted exhaustion fill full left low shortage
slow: behind delay duration hang lag lagging latency slow stalled stuck timeout
high: elevated excessive heavy high overloaded pressure saturated saturation
hot: heat hot overheating temperature thermal
certificate: cert certificate certificates ssl tls
expiry: expire expired expiry
health: health healthcheck healthy unhealthy
queue: backlog job pending queue queues waiting
network: interface interfaces net network nic packet
dns: dns name nameserver resolution resolve resolves resolver
old: old outdated overdue stale
machine: host hypervisor machine machines node nodes server
backup: backup snapshot
connection: client connect connection session
database: database databases db mariadb mysql postgres postgresql sql
guest: guest lxc virtual vm
replica: replica replicas replication secondary standby
"""


def words(text: str) -> list[str]:
    """The words of a text in lower case: camel case and snake case split, silent ones left out."""
    found = (match.lower() for match in _WORD.findall(_CAMEL.sub(" ", text)))
    return [word for word in found if word not in _SILENT_WORDS]


def stem(word: str) -> str:
    """The word without a common English ending, if enough of it remains."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word.removesuffix(ending)
    return word


def terms(text: str) -> Iterator[tuple[str, float]]:
    """Each word's stem with its weight, and the concept it stands for (`=down`) with its own."""
    for word in words(text):
        root = stem(word)
        yield root, COMMON_WEIGHT if word in _COMMON_WORDS else 1.0
        if root in _CONCEPTS:
            yield _CONCEPTS[root], CONCEPT_WEIGHT


_SILENT_WORDS = frozenset(_SILENT.split())
_COMMON_WORDS = frozenset(_COMMON.split())
_CONCEPTS = {
    stem(word): f"={concept}"
    for concept, same in (line.split(":") for line in _SAME.strip().splitlines())
    for word in same.split()
}
