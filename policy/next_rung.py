"""Whether another rung is judged after one was refused. Not here: the rules (guard.py)."""

from domain.decision import Refused
from domain.remedy import Remedy

OF_THIS_RUNG = frozenset({"cooldown", "protected", "blast"})
"""Refusals that say nothing of the rungs after it."""
OF_THE_PATIENT = frozenset({"protected", "blast"})
"""Refusals, where the rung touches the patient, that its neighbours do not answer for."""

Refusals = list[tuple[Remedy, Refused]]


def barred(remedy: Remedy, refused: Refusals) -> Refused | None:
    """The refusal of a rung that would act on others because the patient may not be touched."""
    patient = remedy.target.key
    others = set(remedy.touches) - {patient}
    for rung, word in refused:
        if others and word.rule in OF_THE_PATIENT and patient in rung.touches:
            reason = f"{word.reason}; nothing else is touched in its stead"
            return Refused(rule=word.rule, reason=reason)
    return None
