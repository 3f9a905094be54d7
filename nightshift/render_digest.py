"""Many incidents as one short message. Not here: one incident (render.py), or sending it."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.incident import Incident
from domain.notice import Message
from domain.store import Digest, Gathered
from nightshift.render import clean, template

LIMIT = 10
"""Incidents of a kind that are named; all others are in the list that it points to."""
SHORT_ID, REASON = 8, 80
_WORDS = {
    "escalated": "need you",
    "failed": "Nightshift failed",
    "waiting": "wait",
    "open": "in work",
    "resolved": "fixed",
    "self_resolved": "recovered by themselves",
    "denied": "left alone as you said",
    "observed": "only watched",
    "folded": "part of others",
}


@dataclass(frozen=True, kw_only=True)
class Asking:
    """One question, and the two commands that answer it."""

    what: str
    yes: str
    no: str


@dataclass(frozen=True, kw_only=True)
class DigestNote:
    """Every line of a digest as clean text."""

    title: str
    counts: str
    belonging: str
    asking: Sequence[Asking]
    needing: Sequence[str]
    more: str


def render_digest(digest: Digest, gathered: Gathered) -> Message:
    """The message as it should stand now, in both forms."""
    said = digest_note(digest, gathered)
    return Message(
        incident=digest.id,
        html=template("digest.html.j2").render(note=said).strip(),
        text=template("digest.txt.j2").render(note=said).strip(),
        loud=digest.loud,
    )


def digest_note(digest: Digest, gathered: Gathered) -> DigestNote:
    """What is said: how many, how they stand, whom they need."""
    counts, total = gathered.counts, sum(gathered.counts.values())
    shown = len(gathered.asking) + len(gathered.needing)
    urgent = counts.get("escalated", 0) + counts.get("failed", 0) + len(gathered.asking)
    left = f"{urgent - shown} more: " if urgent > shown else ""
    return DigestNote(
        title=f"{total} incidents at once, since {digest.opened_at:%H:%M} UTC",
        counts=", ".join(f"{counts[key]} {word}" for key, word in _WORDS.items() if key in counts),
        belonging=f"{gathered.belonging} more alerts belong to these" if gathered.belonging else "",
        asking=[_asking(one) for one in gathered.asking],
        needing=[_needing(one) for one in gathered.needing],
        more=f"{left}nightshift incidents list --limit 1000",
    )


def _asking(incident: Incident) -> Asking:
    diagnosis = incident.diagnosis
    why = clean(diagnosis.summary, REASON) if diagnosis else clean(incident.alert.summary, REASON)
    return Asking(
        what=f"{_name(incident)}: {why}",
        yes=f"nightshift incidents approve {incident.id}",
        no=f"nightshift incidents deny {incident.id}",
    )


def _needing(incident: Incident) -> str:
    return f"{_name(incident)}: {clean(incident.reason, REASON)} ({incident.id[:SHORT_ID]})"


def _name(incident: Incident) -> str:
    return clean(incident.target.name if incident.target else incident.alert.name, REASON)
