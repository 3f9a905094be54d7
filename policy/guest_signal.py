"""The runtime signal of a guest after an act. Not here: reading it, the truth table."""

from datetime import datetime, timedelta

from domain.guests import GuestFacts
from domain.incident import Attempt
from domain.remedy import Effect, Remedy
from domain.verdict import Signal
from policy.desired_guest import REBOOTS, STARTS
from policy.reading_guest import ratio, short_of_memory

STATUS_LAG = timedelta(seconds=10)
"""How long after a task's end the status may still tell of before."""
SKEW_S = 2.0


def guest_runtime(
    facts: GuestFacts, remedy: Remedy, attempt: Attempt, *, stable: timedelta, now: datetime
) -> Signal:
    """Is it up, since the act where the act had to start it, and steadily?"""
    if facts.status == "unknown":
        detail = f"{facts.target.name}: its node does not tell how it is"
        return Signal(name="runtime", state="unknown", detail=detail, at=now)
    if _fell_again(facts, remedy, attempt, now):
        detail = f"fell again: {words(facts)} although its start went well"
        return Signal(name="runtime", state="bad", detail=detail, at=now)
    if remedy.name == "start_guest" and short_of_memory(facts):
        detail = f"fell again: it runs, and {ratio(facts):.0%} of its memory is in use already"
        return Signal(name="runtime", state="bad", detail=detail, at=now)
    bad = _faults(facts, remedy, attempt, stable, now)
    state = "bad" if bad else "good"
    detail = "; ".join(bad) or words(facts)
    return Signal.model_validate({"name": "runtime", "state": state, "detail": detail, "at": now})


def words(facts: GuestFacts) -> str:
    """`nas is running`, with what holds it up."""
    busy = f", locked ({facts.lock})" if facts.lock else ""
    return f"{facts.target.name} is {facts.status}{busy}"


def _fell_again(facts: GuestFacts, remedy: Remedy, attempt: Attempt, now: datetime) -> bool:
    """A start that went well, and nothing runs: not where the HA manager starts it later."""
    started = any(effect.verb == "start_guest" for effect in remedy.effects)
    over = attempt.result == "done" and now - attempt.finished_at >= STATUS_LAG
    idle = facts.status == "stopped" and not facts.task and not facts.ha_state
    return started and over and idle


def _faults(
    facts: GuestFacts, remedy: Remedy, attempt: Attempt, stable: timedelta, now: datetime
) -> list[str]:
    rebooted = any(effect.verb == "reboot_guest" for effect in remedy.effects)
    since_act = (now - attempt.started_at).total_seconds()
    up_s = facts.uptime_s or _up_since(facts, attempt, now)
    found = {
        words(facts): not facts.well,
        f"task {facts.task} still runs on it": bool(facts.task),
        f"up for {up_s:.0f} s only": facts.running and up_s < stable.total_seconds(),
        "it has not rebooted yet": rebooted and (facts.uptime_s or 0.0) > since_act + SKEW_S,
        f"{ratio(facts):.0%} of its memory is in use": short_of_memory(facts),
        "its limit is not raised": any(_too_small(facts, effect) for effect in remedy.effects),
    }
    return [text for text, holds in found.items() if holds]


def _up_since(facts: GuestFacts, attempt: Attempt, now: datetime) -> float:
    """Seconds that it has been up, where it does not tell: since the act, or a later start."""
    starts = [one.ended_at or now for one in facts.tasks if one.kind in STARTS | REBOOTS]
    return max(0.0, (now - max([attempt.finished_at, *starts])).total_seconds())


def _too_small(facts: GuestFacts, effect: Effect) -> bool:
    return effect.verb == "raise_guest_memory" and facts.memory_limit < effect.memory_bytes
