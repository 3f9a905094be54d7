"""What a condition reads and where it is wrong, from its syntax alone.

The table of mistakes, with line and column, is in test_conditions.py: it goes through compiling.
"""

from typing import cast

import celpy
import pytest

from tools.condition_text import BadCondition, Node, checked, conjuncts, read_by

ENVIRONMENT = celpy.Environment()


def parsed(text: str) -> Node:
    """Its tree."""
    return cast(Node, ENVIRONMENT.compile(text))


def test_terms_are_what_and_joins_on_the_top_level() -> None:
    """In the order written; what stands in brackets or behind `||` is one term."""
    text = "container.exists && (stop.oom && stop.crash) && (logs.a || logs.b)"
    found = [text[one.meta.start_pos : one.meta.end_pos] for one in conjuncts(parsed(text))]

    assert found == ["container.exists", "(stop.oom && stop.crash)", "(logs.a || logs.b)"]


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("container.status == container.name", [("container", "name"), ("container", "status")]),
        ('container["status"] == "exited"', [("container",)]),
        ("dependencies.items.all(d, d.well)", [("dependencies", "items")]),
        ("[1, 2].exists(x, x == probe.value)", [("probe", "value")]),
    ],
)
def test_a_term_reads_fields_where_it_names_them(text: str, reads: list[tuple[str, ...]]) -> None:
    """Each once and sorted; a macro's variable is nothing observed."""
    assert list(read_by(parsed(text))) == reads


def test_kinds_of_the_operators_tools_are_known_when_told() -> None:
    """Their fields are nobody's to check."""
    tree = parsed("ping.loss > 3 && container.exists")

    assert checked(tree, frozenset({"ping"})) == {"ping", "container"}
    with pytest.raises(BadCondition, match="'ping'"):
        checked(tree, frozenset())
