"""Evidence as a model may see it: the fields that matter, without secrets, bounded. Not here: why.

Everything here is data from outside. What is left out is left out by code, so that neither the
size of a log nor what is written in it decides what a question costs.
"""

import re
import unicodedata
from collections.abc import Callable
from datetime import datetime
from itertools import islice

from domain.evidence import Evidence
from domain.incident import Recall
from domain.plain import JsonValue
from domain.reasoning import Item
from policy.money import tokens_in
from policy.redact import Redactor, is_secret_name

HIDDEN_KINDS = frozenset({"scene", "stops", "silences", "inventory", "guest_scene", "cluster"})
"""What code alone needs: whole inspections."""
FIELDS: dict[str, tuple[str, ...]] = {
    "alert": ("name", "severity", "annotations", "labels"),
    "container": (
        "name", "image", "status", "exit_code", "oom_killed", "health", "health_output", "error",
        "restart_count", "restart_policy", "up_s", "down_s", "memory_limit", "missing_networks",
        "one_shot",
    ),
    "stop": ("by", "action", "exit_code", "detail"),
    "logs": ("repeated", "no_space", "mentions", "lines"),
    "stats": ("memory_usage", "memory_limit", "memory_ratio"),
    "dependencies": ("down", "unwell", "items"),
    "dependents": ("unwell",),
    "expression": ("state", "detail", "range_s"),
    "attempts": ("tried",),
}  # fmt: skip
"""The fields shown of known kinds, in this order; of others, the first that fit."""
TOLD_ALREADY = frozenset({"alertname", "severity"})
"""Labels of which an alert's name and severity are made."""
FIRST = ("container", "guest", "host", "attempts", "stop", "dependencies", "alert", "probe", "logs")
"""What is kept longest when a question has to be cut."""
RAW_CHARS, VALUE_CHARS, LINE_CHARS, ITEM_CHARS = 2000, 160, 150, 900
FIELDS_AT_MOST, LIST_AT_MOST, LOG_LINES, PAST_LINES = 14, 6, 8, 3
_MIB = 1024**2
_STAMP = re.compile(r"^\W*\d{4}-\d\d-\d\d[T ][\d:.,]+(?:Z|[+-]\d\d:?\d\d)?\W*")


def items(evidence: list[Evidence], *, now: datetime, redact: Redactor) -> list[Item]:
    """One item an observation that is usable and says something, what matters most first."""
    shown = [one for one in evidence if one.status == "ok" and one.kind not in HIDDEN_KINDS]
    found = [
        Item(
            id=one.id,
            kind=one.kind,
            source=one.source,
            age_s=max(0.0, round((now - one.at).total_seconds())),
            text=_text(one, redact),
        )
        for one in sorted(shown, key=lambda one: _rank(one.kind))
    ]
    return [item for item in found if item.text]


def past_lines(recall: Recall, *, redact: Redactor) -> list[str]:
    """What similar incidents teach, a line each: cause, what worked, what did not."""
    seen = {one.incident: (1.0, one) for one in recall.exact}
    for one in recall.similar:
        seen.setdefault(one.episode.incident, (one.score, one.episode))
    best = sorted(seen.values(), key=lambda pair: -pair[0])
    lines = [
        f"{clean(past.alert_name, 60)}: {past.cause}; worked: {past.healed_by or 'nothing'}; "
        f"did not: {', '.join(past.failed) or 'nothing'} (likeness {score:.2f})"
        for score, past in best
    ]
    return [redact(line) for line in list(dict.fromkeys(lines))[:PAST_LINES]]


def fit(found: list[Item], tokens: int) -> list[Item]:
    """At most so many tokens of them: longest texts are halved, then the last items left out."""
    kept = list(found)
    while kept and size(kept) > tokens:
        longest = max(kept, key=lambda item: len(item.text))
        if len(longest.text) > 2 * VALUE_CHARS:
            kept[kept.index(longest)] = longest.model_copy(update={"text": _half(longest.text)})
        else:
            kept.pop()
    return kept


def _half(text: str) -> str:
    """The end of a log, the beginning of anything else."""
    middle = len(text) // 2
    return f"log: … {text[-middle:]}" if "log: " in text else f"{text[:middle]}…"


def size(found: list[Item]) -> int:
    """About how many tokens these items are."""
    return sum(tokens_in(line_of(item)) + 1 for item in found)


def line_of(item: Item) -> str:
    """An item as it stands in the prompt."""
    return f"{item.id} ({item.source}, {item.age_s:.0f}s ago) {item.text}"


def clean(text: str, limit: int = VALUE_CHARS) -> str:
    """One line without control, bidi and invisible characters; what is too long is cut."""
    spaced = "".join(" " if char.isspace() else char for char in text[:RAW_CHARS])
    shown = "".join(char for char in spaced if unicodedata.category(char)[0] != "C")
    line = " ".join(shown.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _rank(kind: str) -> int:
    return FIRST.index(kind) if kind in FIRST else len(FIRST)


def _text(one: Evidence, redact: Redactor) -> str:
    names = FIELDS.get(one.kind) or tuple(name for name in one.data if name != "query")
    given = [(name, one.data.get(name)) for name in names]
    told = (_field(name, value, redact) for name, value in given if value not in (None, "", [], {}))
    text = "; ".join(islice((words for words in told if words), FIELDS_AT_MOST))
    return text if len(text) <= ITEM_CHARS else text[: ITEM_CHARS - 1] + "…"


def _field(name: str, value: JsonValue, redact: Redactor) -> str:
    """`name=value`; what is false or zero says nothing and is left out."""
    if is_secret_name(name):
        return ""
    if name == "lines" and isinstance(value, list):
        return "log: " + " | ".join(log_lines([str(line) for line in value], redact))
    words = _words(name, value, redact)
    return f"{name}={words}" if words else ""


def _words(name: str, value: JsonValue, redact: Redactor) -> str:
    show: dict[type, Callable[[], str]] = {
        bool: lambda: "true" if value else "",
        int: lambda: _number(name, value),
        float: lambda: _number(name, value),
        list: lambda: _list(value, redact),
        dict: lambda: _mapping(value, redact),
    }
    return show.get(type(value), lambda: clean(redact(str(value)[:RAW_CHARS])))()


def _number(name: str, value: JsonValue) -> str:
    if not isinstance(value, int | float) or not value:
        return "0" if name == "exit_code" else ""
    if name.startswith("memory") and abs(value) >= _MIB:
        return f"{value / _MIB:.0f}MiB"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _list(value: JsonValue, redact: Redactor) -> str:
    entries = value if isinstance(value, list) else []
    told = [_words("", entry, redact) for entry in entries[:LIST_AT_MOST]]
    more = f" +{len(entries) - LIST_AT_MOST}" if len(entries) > LIST_AT_MOST else ""
    return ",".join(one for one in told if one) + more


def _mapping(value: JsonValue, redact: Redactor) -> str:
    whole = value if isinstance(value, dict) else {}
    pairs = [(key, one) for key, one in whole.items() if key not in TOLD_ALREADY]
    told = [_field(clean(key, 40), one, redact) for key, one in pairs[:FIELDS_AT_MOST]]
    return "{" + ", ".join(one for one in told if one) + "}"


def log_lines(lines: list[str], redact: Redactor) -> list[str]:
    """The last different lines, without their times; a repeated one says how often it came."""
    bare = [_STAMP.sub("", line[:RAW_CHARS]) for line in lines if line.strip()]
    counts: dict[str, int] = {}
    last: dict[str, str] = {}
    for line in bare:
        shape = re.sub(r"\d+", "#", line)
        counts[shape] = counts.get(shape, 0) + 1
        last.pop(shape, None)
        last[shape] = line
    return [
        clean(redact(line), LINE_CHARS) + (f" (x{counts[shape]})" if counts[shape] > 1 else "")
        for shape, line in list(last.items())[-LOG_LINES:]
    ]
