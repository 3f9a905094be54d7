"""What each remedy would change about a guest. Not here: the order of rungs, or permission."""

from collections.abc import Callable

from domain.guests import GuestFacts
from domain.limits import Limits
from domain.remedy import Effect, Precondition, RemedyName, Risk, Verb

MIB = 1024**2
MEMORY_STEP = 128 * MIB

Rung = tuple[list[Effect], Risk, str, str, str]
"""Effects, risk, what to expect, how to undo it, advice."""


def _effect(verb: Verb, facts: GuestFacts, **more: object) -> Effect:
    known = {"verb": verb, "target": facts.target, "precondition": Precondition.of(facts)}
    return Effect.model_validate({**known, **more})


def _tool(facts: GuestFacts) -> str:
    return "pct" if facts.target.kind == "lxc" else "qm"


def _start(facts: GuestFacts, limits: Limits) -> Rung:
    able = facts.status == "stopped" and not facts.template
    effects = [_effect("start_guest", facts)] if able else []
    return effects, "low", "running", f"{_tool(facts)} shutdown {facts.target.id}", ""


def _resume(facts: GuestFacts, limits: Limits) -> Rung:
    effects = [_effect("resume_guest", facts)] if facts.status in ("paused", "suspended") else []
    return effects, "low", "running", f"{_tool(facts)} suspend {facts.target.id}", ""


def _raise_memory(facts: GuestFacts, limits: Limits) -> Rung:
    """Of a container, for which it takes effect at once; a VM's would wait for its next start."""
    wanted = max(int(facts.memory_limit * limits.memory_factor), facts.memory_limit + MEMORY_STEP)
    size = min(wanted, limits.guest_memory_cap) // MIB * MIB
    able = facts.target.kind == "lxc" and facts.status in ("running", "stopped")
    if not able or not 0 < facts.memory_limit < size:
        return [], "medium", "", "", ""
    effects = [_effect("raise_guest_memory", facts, memory_bytes=size)]
    if facts.status == "stopped":
        effects.append(_effect("start_guest", facts))
    megabytes, number = size // MIB, facts.target.id
    advice = (
        f"Container {number} now has `memory: {megabytes}` in /etc/pve/lxc/{number}.conf; write "
        "the same into whatever made that file (Terraform, Ansible), or its next run undoes this."
    )
    undo = f"pct set {number} --memory {facts.memory_limit // MIB}"
    return effects, "medium", f"running with a limit of {megabytes} MiB", undo, advice


def _reboot(facts: GuestFacts, limits: Limits) -> Rung:
    effects = [_effect("reboot_guest", facts)] if facts.running else []
    return effects, "high", "running and answering after a reboot", "cannot be undone", ""


GUEST_BUILDERS: dict[RemedyName, Callable[[GuestFacts, Limits], Rung]] = {
    "start_guest": _start,
    "resume_guest": _resume,
    "raise_guest_memory": _raise_memory,
    "reboot_guest": _reboot,
}
