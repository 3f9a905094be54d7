"""Why a guest is not to be touched now, whoever might say so. Not here: who stopped it."""

from domain.guests import GuestFacts
from domain.remedy import Verb


def hands_off(facts: GuestFacts, verb: Verb) -> str:
    """The reason, or an empty string. No approval lifts it: somebody is at work already."""
    reasons = {
        "it is a template": facts.template,
        f"it is locked ({facts.lock}): somebody or a job is at work on it": bool(facts.lock),
        f"task {facts.task} runs on it": bool(facts.task),
        "its node does not tell how it is": facts.status == "unknown",
        f"the HA manager starts and stops it (state {facts.ha_state})": bool(facts.ha_state)
        and verb != "raise_guest_memory",
    }
    return next((words for words, holds in reasons.items() if holds), "")
