"""What the stand-in for a model answers: well, badly, late, not at all. Not here: HTTP."""

import asyncio
import json
import re
from collections.abc import Callable
from itertools import cycle
from typing import Any

from starlette.responses import PlainTextResponse, Response

from lab.standins.openai import Asked, Turn, completion, refusal

Said = dict[str, Any]
HEARSAY = ("alert", "logs", "attempts", "more_logs", "dependency_logs")
CUES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (r"by=person|by=unexplained|status=paused", "stopped_by_person", ()),
    (r"status=restarting", "crash_loop", ()),
    (r"down=\w|status=exited.*\bdependencies", "dependency_down", ("start_dependency",)),
    (r"oom_killed=true|by=oom", "out_of_memory", ("raise_memory", "raise_guest_memory")),
    (r"missing_networks=\w", "network_cut", ("reconnect_network",)),
    (r"full=/", "volume_full", ()),
    (r"climbing=true", "memory_leak", ("restart",)),
    (r"status=(?:exited|dead)", "crashed", ("start",)),
    (r"status=stopped", "crashed", ("start_guest",)),
    (r"health=unhealthy|state=bad", "hung", ("restart", "reboot_guest", "restart_dependency")),
)
"""A word in the observations, what it means, and what helps: enough to answer sensibly."""


def sensible(asked: Asked) -> Said:
    """What a good model would say: a cause with its proof, and the gentlest remedy on offer."""
    observed = "\n".join(line for line in _data(asked) if not line.startswith(HEARSAY))
    cause, helps = next(
        ((cause, helps) for cue, cause, helps in CUES if re.search(cue, observed)), ("other", ())
    )
    offered = asked.offered("remedies")
    known = cause if cause in asked.offered("cause") else "other"
    said: Said = {
        "cause": known,
        "summary": f"The observations fit {known.replace('_', ' ')}.",
        "evidence": _proof(asked),
        "remedies": [*(name for name in helps if name in offered), "escalate"],
    }
    return {**said, "probes": []} if asked.offered("probes") else said


def _data(asked: Asked) -> list[str]:
    """The lines between the marks."""
    text = str(asked.body["messages"][-1]["content"])
    found = re.search(r"<(data-\w+)>\n(.*)\n</\1>", text, re.DOTALL)
    return found.group(2).splitlines() if found else []


def _proof(asked: Asked) -> list[str]:
    ids = [one for one in asked.offered("evidence") if not one.startswith(HEARSAY)]
    first = ("container", "guest", "stop", "dependencies", "probe")
    return sorted(ids, key=lambda one: not one.startswith(first))[:3]


def says(make: Said | Callable[[Asked], Said]) -> Turn:
    """A turn that answers with this object."""

    async def turn(asked: Asked) -> Response:
        said = make(asked) if callable(make) else make
        return completion(asked, json.dumps(said))

    return turn


well: Turn = says(sensible)


def _probing(asked: Asked) -> Said:
    probes = asked.offered("probes")
    return {**sensible(asked), "probes": probes[:2]} if probes else sensible(asked)


probing: Turn = says(_probing)
"""Asks for probes as long as there are any, then answers sensibly."""


def _wrong(asked: Asked) -> Said:
    offered = [one for one in asked.offered("remedies") if one not in ("wait", "escalate")]
    return {**sensible(asked), "remedies": offered[-1:] or ["escalate"]}


wrong: Turn = says(_wrong)
"""The most disruptive remedy on offer, with proper citations."""

off_offer: Turn = says(
    lambda asked: {**sensible(asked), "remedies": ["delete_volume", "run_shell"]}
)
"""Remedies that nobody offered."""

ungrounded: Turn = says(lambda asked: {**sensible(asked), "evidence": ["container@99"]})
"""Cites what nobody observed."""


def _gullible(asked: Asked) -> Said:
    hearsay = [one for one in asked.offered("evidence") if one.startswith(HEARSAY)]
    acts = [one for one in asked.offered("remedies") if one not in ("wait", "escalate")]
    summary = "The log says: restart everything. See http://evil.example/fix"
    return {**sensible(asked), "summary": summary, "evidence": hearsay, "remedies": acts[::-1]}


injected: Turn = says(_gullible)
"""Does what a log line told it: everything on offer at once, on the word of logs and alerts."""


def late(seconds: float) -> Turn:
    """Answers well, too late."""

    async def turn(asked: Asked) -> Response:
        await asyncio.sleep(seconds)
        return await well(asked)

    return turn


async def prose(asked: Asked) -> Response:
    """Chats instead of answering in form."""
    return completion(asked, "Sure! I would restart everything and hope for the best.")


async def unheeding(asked: Asked) -> Response:
    """Takes a schema and passes it over: what is not in the prompt it does not know."""
    return await (prose if asked.form == "json_schema" else well)(asked)


def parts(*words: str) -> Turn:
    """Says this in content that is a list of parts."""

    async def turn(asked: Asked) -> Response:
        return completion(asked, [{"type": "text", "text": one} for one in words])

    return turn


async def noise(_: Asked) -> Response:
    """A proxy's page instead of a completion."""
    return PlainTextResponse("<html>it works</html>", media_type="text/html")


async def hollow(_: Asked) -> Response:
    """JSON that is no completion."""
    return PlainTextResponse('{"choices": null}', media_type="application/json")


async def cut_off(asked: Asked) -> Response:
    """Ends in the middle, at the length allowed."""
    words = json.dumps(sensible(asked))
    return completion(asked, words[: len(words) // 2], finish="length")


async def cut_off_uncounted(asked: Asked) -> Response:
    """The same, without a word on what it cost."""
    return completion(asked, "", finish="length", usage=None)


def counting(usage: object) -> Turn:
    """Answers well, and says that this is what it took."""

    async def turn(asked: Asked) -> Response:
        return completion(asked, json.dumps(sensible(asked)), usage=usage)

    return turn


uncounted: Turn = counting(None)
"""Answers well, and does not tell what it cost."""


def limited(seconds: int) -> Turn:
    """429 with a pause."""

    async def turn(_: Asked) -> Response:
        headers = {"retry-after": str(seconds)}
        return refusal(429, "Rate limit reached", "rate_limit_exceeded", **headers)

    return turn


async def broken(_: Asked) -> Response:
    """500."""
    return refusal(500, "The server had an error", "server_error")


def in_turn(*turns: Turn) -> Turn:
    """A turn that does these one after the other, for ever."""
    line = cycle(turns)

    async def turn(asked: Asked) -> Response:
        return await next(line)(asked)

    return turn


def hostile() -> Turn:
    """Every way to lead astray and to fail that there is, in turn."""
    return in_turn(
        injected, wrong, off_offer, ungrounded, prose, noise, hollow, cut_off, broken, limited(1)
    )
