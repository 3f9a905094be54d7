"""Keeping one observation's data within bounds. Not here: what was observed."""

import json

from domain.evidence import Evidence
from domain.plain import JsonValue, Plain

LIMIT = 128 * 1024
"""Bytes of JSON that one observation's data may have in the ledger."""
INVENTORY_LIMIT = 8 * 1024**2
SHORT = 200
NOTE = "cut"


def bounded(item: Evidence, *, limit: int | None = None) -> Evidence:
    """The observation with its data cut to `limit` bytes of JSON, and a note where it was cut.

    By default the inventory, half of which would hide the patient from policy, may be large.
    """
    size = _size(item.data)
    limit = limit or (INVENTORY_LIMIT if item.kind == "inventory" else LIMIT)
    if size <= limit:
        return item
    return item.model_copy(update={"data": _cut(item.data, size, limit)})


def _cut(data: Plain, size: int, limit: int) -> Plain:
    """Halve the largest value, keeping its end (the newest), until the whole fits."""
    note = f"{size} bytes were cut to fit {limit}"
    kept: Plain = {**data, NOTE: note}
    while _size(kept) > limit:
        name = max((key for key in kept if key != NOTE), key=lambda key: _size(kept[key]))
        shorter = _half(kept[name])
        if shorter == kept[name]:
            return {NOTE: f"{size} bytes in {len(data)} fields were too many to keep"}
        kept[name] = shorter
    return kept


def _half(value: JsonValue) -> JsonValue:
    if isinstance(value, str) and len(value) > SHORT:
        return value[len(value) // 2 :]
    if isinstance(value, list) and len(value) > 1:
        return value[len(value) // 2 :]
    if isinstance(value, list) and value:
        return [_half(value[0])] if _half(value[0]) != value[0] else []
    if isinstance(value, dict) and value:
        return dict(list(value.items())[len(value) // 2 + 1 :])
    return None if _size(value) > SHORT else value


def _size(value: object) -> int:
    return len(json.dumps(value, ensure_ascii=True))
