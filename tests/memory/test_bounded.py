"""memory/bounded.py."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.evidence import Evidence
from domain.plain import Plain
from memory.bounded import bounded
from tests.stores import START

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=40,
)


def seen(data: Plain) -> Evidence:
    """An observation with these data."""
    return Evidence(
        id="logs@1",
        kind="logs",
        source="docker",
        status="ok",
        query="logs",
        at=START,
        summary="lines",
        data=data,
    )


def test_small_data_stay_as_they_are() -> None:
    """Nothing is noted where nothing is cut."""
    item = seen({"lines": ["a", "b"]})

    assert bounded(item) is item


def test_the_newest_lines_stay() -> None:
    """Of a long list its end is kept, the small fields are whole, and a note says so."""
    item = bounded(seen({"lines": [f"line {n}" for n in range(50_000)], "last": "x"}))

    assert item.data["lines"][-1] == "line 49999"  # type: ignore[index]  # a list of strings
    assert (item.data["last"], "cut" in item.data) == ("x", True)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(), JSON))
def test_it_always_fits(data: Plain) -> None:
    """Whatever the data are, they fit in the end."""
    kept = bounded(seen(data), limit=300).data

    assert kept == data or len(json.dumps(kept)) <= 300


def test_the_inventory_is_kept_whole() -> None:
    """Half an inventory would hide the patient itself from policy."""
    data: Plain = {"containers": [{"name": f"web-{n}", "image": "x" * 400} for n in range(1000)]}
    item = seen(data).model_copy(update={"kind": "inventory"})

    assert bounded(item).data == data
