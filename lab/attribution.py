"""From Docker's events to who did what: pure functions. Not here: the subscription, the verdict.

Measured on dockerd 20.10 (and allowed to come in another order by later ones):
API restart = kill, die, disconnect, stop, connect, start, restart; API stop ends with `stop`;
`rm -f` = kill, die, disconnect, destroy; a crash has only `die`, and a restart by the daemon's
own policy only `connect`, `start` after it. A disconnect through the API shows up twice.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lab.recorder import OwnCall, Seen

_ENDS_WITH = {
    "restart": ("start", "stop", "die", "kill"),
    "stop": ("die", "kill"),
    "destroy": ("stop", "die", "kill"),
}
_LIFECYCLE = {"kill", "die", "stop", "start", "restart", "destroy"}
_PLAIN = {"pause", "unpause", "update", "rename"}
_TOGETHER_S = 0.7
_NETWORK_S = 2.0
_CLOCK_S = 0.25


@dataclass(frozen=True, kw_only=True)
class Action:
    """One change that somebody made through the API."""

    at: float
    verb: str
    container: str


def actions(events: Iterable[Seen], restart_policies: Mapping[str, str]) -> list[Action]:
    """Every API change in these events, oldest first.

    `restart_policies` maps container ids to `no`, `always`, `unless-stopped` or `on-failure[:n]`;
    only containers in it are looked at.
    """
    found: list[Action] = []
    ordered = sorted(events, key=lambda event: event.at)
    for container, policy in restart_policies.items():
        own = [event for event in ordered if event.container == container]
        found += [
            Action(at=at, verb=verb, container=container)
            for at, verb in [*_lifecycle(own, policy), *_networks(own), *_others(own)]
        ]
    return sorted(found, key=lambda action: action.at)


def foreign(actions: Iterable[Action], calls: Sequence[OwnCall]) -> list[Action]:
    """What is left when the lab's own calls are taken out, each of them once."""
    left = sorted(actions, key=lambda action: action.at)
    for call in calls:
        ours = next((action for action in left if _is(action, call)), None)
        if ours is not None:
            left.remove(ours)
    return left


def _is(action: Action, call: OwnCall) -> bool:
    same = (action.verb, action.container) == (call.verb, call.container)
    return same and call.begun - _CLOCK_S <= action.at <= call.ended + _CLOCK_S


def _lifecycle(events: list[Seen], policy: str) -> list[tuple[float, str]]:
    """Restarts, stops, kills, starts and removals, without the daemon's own restarts."""
    life = [event for event in events if event.action in _LIFECYCLE]
    found: list[tuple[float, str]] = []
    used: set[int] = set()
    by_api: set[int] = set()
    for end in sorted(range(len(life)), key=lambda i: (life[i].action != "restart", i)):
        if life[end].action in _ENDS_WITH and end not in used:
            group = _group(life, events, end, used)
            found.append((life[min(group)].at, life[end].action))
            used |= group
            by_api |= group
    for index, event in enumerate(life):
        if event.action == "kill" and index not in used:
            found.append((event.at, "kill"))
            by_api |= {index, index + 1}
    starts = [i for i, event in enumerate(life) if event.action == "start" and i not in used]
    found += [(life[i].at, "start") for i in starts if not _by_daemon(life, i, by_api, policy)]
    return found


def _group(life: list[Seen], events: list[Seen], end: int, used: set[int]) -> set[int]:
    """The indexes of the events that one API call, ending with `life[end]`, brought about.

    A death with neither kill nor stop beside it was the process' own and belongs to no call.
    """
    group, at = {end}, end - 1
    for wanted in _ENDS_WITH[life[end].action]:
        while at >= 0 and at not in used and life[at].action == wanted:
            if wanted == "stop" and not _runs_on(life[at], events):
                return group
            group.add(at)
            at -= 1
    if any(life[index].action in {"kill", "stop"} for index in group):
        return group
    return {end, *(index for index in group if life[index].action == "start")}


def _runs_on(stop: Seen, events: list[Seen]) -> bool:
    """Whether something followed a stop at once, as it does inside a restart."""
    later = [event.at for event in events if event.at > stop.at]
    return bool(later) and later[0] - stop.at < _TOGETHER_S


def _by_daemon(life: list[Seen], index: int, by_api: set[int], policy: str) -> bool:
    """Whether this start is the restart policy's: the death before it was the process' own."""
    before = life[index - 1] if index else None
    if before is None or before.action != "die" or index - 1 in by_api:
        return False
    name, _, most = policy.partition(":")
    if name == "on-failure":
        return before.exit_code != 0 and (not most or _streak(life, index) <= int(most))
    return name in {"always", "unless-stopped"}


def _streak(life: list[Seen], index: int) -> int:
    """How many deaths and starts in a row, without any call between them, end at `index`."""
    streak = 0
    while index >= 1 and (life[index - 1].action, life[index].action) == ("die", "start"):
        streak, index = streak + 1, index - 2
    return streak


def _networks(events: list[Seen]) -> list[tuple[float, str]]:
    """Connects and disconnects that no start or death explains; doubled events count once."""
    found: list[tuple[float, str]] = []
    last: dict[tuple[str, str], float] = {}
    for index, event in enumerate(events):
        if event.action not in {"connect", "disconnect"}:
            continue
        key = (event.action, event.network)
        doubled = event.at - last.get(key, 0.0) < _TOGETHER_S
        last[key] = event.at
        if not doubled and not _explained(events, index):
            found.append((event.at, event.action))
    return found


def _explained(events: list[Seen], index: int) -> bool:
    event = events[index]
    if event.action == "disconnect":
        deaths = [other.at for other in events if other.action == "die"]
        return any(abs(event.at - at) < _NETWORK_S for at in deaths)
    later = (other.action for other in events[index + 1 :] if other.action in _LIFECYCLE)
    earlier = [other.action for other in events[:index] if other.action in _LIFECYCLE]
    down = not earlier or earlier[-1] in {"die", "stop"}
    return down and next(later, "") == "start"


def _others(events: list[Seen]) -> list[tuple[float, str]]:
    """Pauses, updates, renames, and commands run inside that are not the health check."""
    found = [(event.at, event.action) for event in events if event.action in _PLAIN]
    runs = [event for event in events if event.action == "exec_create"]
    return found + [(run.at, "exec") for run in runs if run.detail.strip() != "/service/health"]
