"""What an incident had to do without, from its events. Not here: the rest of the message."""

from collections.abc import Sequence

from domain.incident import Event


def degraded_words(timeline: Sequence[Event]) -> str:
    """One line: what the latest look found silent, and what memory lacked; empty when nothing."""
    look = next((event for event in reversed(timeline) if event.kind == "evidence"), None)
    recall = next((event for event in reversed(timeline) if event.kind == "history"), None)
    told = look.data.get("degraded") if look else None
    silent = told if isinstance(told, dict) else {}
    words = [_word(name, str(why)) for name, why in silent.items()]
    lacking = recall.data.get("degraded") if recall else None
    return "; ".join([*words, *([str(lacking)] if lacking else [])])


def _word(name: str, why: str) -> str:
    return why if why.startswith(name) else f"{name}: {why}"
