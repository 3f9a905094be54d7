"""Is the audit trail whole? The chain against itself and against heads noted outside it.

Not here: following the chain (memory/journal.py), noting heads (anchors.py).
"""

from collections.abc import Sequence

from domain.plain import Record
from memory.journal import Audit
from memory.store import Store
from nightshift.anchors import Anchor


class Finding(Record):
    """What `nightshift audit verify --json` prints; `broken` is the first line that is wrong."""

    ok: bool
    lines: int
    head: str
    broken: int | None
    why: str
    anchors: int


async def verify(store: Store, anchors: Sequence[Anchor], kept: str = "") -> Finding:
    """Check everything; `kept` is a head that the operator noted."""
    heads = {anchor.head for anchor in anchors} | ({kept} if kept else set())
    found = await store.audit(heads)
    broken, why = found.broken, found.why
    if broken is None and found.missing:
        broken, why = _cut(found, anchors, kept)
    return Finding(
        ok=broken is None,
        lines=found.lines,
        head=found.head,
        broken=broken,
        why=why,
        anchors=len(anchors),
    )


def _cut(found: Audit, anchors: Sequence[Anchor], kept: str) -> tuple[int, str]:
    """The first line that is not what was sealed once, and why."""
    lost = next((one for one in anchors if one.head in found.missing), None)
    if lost is None:
        why = f"the chain has no head {kept}: lines were cut off its end, or it was written anew"
        return found.lines + 1, why
    noted = f"the head noted at {lost.at:%Y-%m-%d %H:%M:%S} UTC after line {lost.lines}"
    if lost.lines > found.lines:
        first = found.lines + 1
        return first, f"{noted} is gone: the lines from {first} on were cut off"
    return lost.lines, f"{noted} is not in the chain: it was written anew"
