"""Which silences cover an alert. Not here: what follows (guard.py)."""

import re
from collections.abc import Mapping

from domain.silence import Matcher, Silence


def covering(silences: list[Silence], labels: Mapping[str, str]) -> str:
    """Who silenced an alert with these labels and why, in words; empty where nobody did."""
    found = [one for one in silences if all(_holds(matcher, labels) for matcher in one.matchers)]
    return "; ".join(_words(one) for one in found)


def _holds(matcher: Matcher, labels: Mapping[str, str]) -> bool:
    value = labels.get(matcher.name, "")
    if not matcher.pattern:
        return (value == matcher.value) is matcher.equal
    try:
        return bool(re.fullmatch(matcher.value, value)) is matcher.equal
    except re.error:
        return True  # Alertmanager reads it and we cannot: it may well be meant


def _words(silence: Silence) -> str:
    why = f" ({silence.comment[:120]})" if silence.comment else ""
    return f"{silence.by or 'somebody'} silenced it until {silence.until:%Y-%m-%d %H:%M} UTC{why}"
