"""Reading a person's answer in any of the shapes tools send. Anything unknown is deny."""

from collections.abc import Mapping
from typing import Literal

YES = frozenset({"approve", "approved", "accept", "yes"})


def read_answer(resumed: object) -> Literal["approve", "deny"]:
    """Accept `{decisions: […]}`, a list, one decision or a bare word; one answer, else deny."""
    if isinstance(resumed, Mapping) and "decisions" in resumed:
        resumed = resumed["decisions"]
    if isinstance(resumed, list):
        resumed = resumed[0] if len(resumed) == 1 else None
    if isinstance(resumed, Mapping):
        resumed = resumed.get("type") or resumed.get("answer")
    return "approve" if isinstance(resumed, str) and resumed.strip().lower() in YES else "deny"
