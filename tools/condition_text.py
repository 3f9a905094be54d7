"""What can be told of a condition from its syntax: its terms, what it reads, what is wrong with it.

Not here: compiling and asking it (conditions.py).
"""

from collections.abc import Iterator
from typing import cast

from celpy.evaluation import base_functions
from lark import Token, Tree

from tools.vocabulary import KINDS, is_field, unknown

Node = Tree[Token]
Path = tuple[str, ...]
"""A kind of evidence, or a field of one."""
MACROS = frozenset({"all", "exists", "exists_one", "filter", "map"})
FUNCTIONS = MACROS | {"has", "dyn"} | {name for name in base_functions if name.isidentifier()}
TYPES = frozenset({"bool", "bytes", "double", "int", "list", "map", "string", "type", "uint"})


class BadCondition(ValueError):
    """The text is no condition; `line` and `column` count from 1 within it."""

    def __init__(self, message: str, *, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


def checked(tree: Node, own: frozenset[str]) -> frozenset[str]:
    """The kinds that it reads; `own` are kinds nobody knows the fields of.

    Raises BadCondition: an unknown function, kind or field, or too deep a nesting.
    """
    try:
        _check_calls(tree)
        kinds = _known([path[0] for path in _reads(tree, frozenset())], own)
        _check_fields(tree)
    except RecursionError:
        raise BadCondition("it is nested too deeply") from None
    return kinds


def read_by(tree: Node) -> tuple[Path, ...]:
    """The kinds, or single fields of kinds, that it looks at, in order and each once."""
    return tuple(sorted({tuple(map(str, path)) for path in _reads(tree, frozenset())}))


def conjuncts(tree: Node) -> list[Node]:
    """The terms that `&&` joins on the top level, from left to right."""
    while tree.data in ("expr", "conditionalor") and len(tree.children) == 1:
        tree = cast(Node, tree.children[0])
    if tree.data != "conditionaland":
        return [tree]
    *left, last = (cast(Node, child) for child in tree.children)
    return [term for child in left for term in conjuncts(child)] + [last]


def _reads(tree: Node, bound: frozenset[str]) -> Iterator[tuple[Token, ...]]:
    """Each free name, with the field that is asked of it, if one is.

    A macro's variable is bound in its arguments.
    """
    if tree.data == "member_dot":
        owner, asked = _inner(cast(Node, tree.children[0])), cast(Token, tree.children[1])
        if owner.data in ("ident", "dot_ident"):
            yield from ((*path, asked) for path in _reads(owner, bound))
            return
    if tree.data in ("ident", "dot_ident"):
        name = cast(Token, tree.children[0])
        if name not in bound and name not in TYPES:
            yield (name,)
        return
    if tree.data == "member_dot_arg" and str(tree.children[1]) in MACROS:
        yield from _reads(cast(Node, tree.children[0]), bound)
        tree, bound = cast(Node, tree.children[2]), bound | {_variable(tree)}
    for child in tree.children:
        if isinstance(child, Tree):
            yield from _reads(child, bound)


def _inner(tree: Node) -> Node:
    """The node below those that only hold one other."""
    while len(tree.children) == 1 and isinstance(tree.children[0], Tree):
        tree = tree.children[0]
    return tree


def _variable(macro: Node) -> str:
    """The name that a macro's first argument gives to each element."""
    place = cast(Token, macro.children[1])
    names = [str(node.children[0]) for node in _argument(macro).find_data("ident")]
    if len(names) != 1 or names[0] in KINDS:
        raise _at(place, f"the first argument of {str(place)!r} must be a new name")
    return names[0]


def _argument(macro: Node) -> Node:
    return cast(Node, cast(Node, macro.children[2]).children[0])


def _known(names: list[Token], own: frozenset[str]) -> frozenset[str]:
    for name in names:
        if name not in KINDS and name not in own:
            raise _at(name, unknown(str(name), own))
    return frozenset(map(str, names))


def _check_calls(tree: Node) -> None:
    """Complain about unknown functions, and macros without a variable and an expression."""
    for call in tree.find_pred(lambda node: node.data in _CALLS):
        place = _CALLS[str(call.data)]
        word, arguments = cast(Token, call.children[place]), call.children[place + 1 :]
        given = len(cast(Node, arguments[0]).children) if arguments else 0
        if word not in FUNCTIONS:
            raise _at(word, f"unknown function {str(word)!r}")
        if given != _ARGUMENTS.get(str(word), given):
            raise _at(word, f"{str(word)!r} takes {_ARGUMENTS[str(word)]} argument(s)")


_CALLS = {"ident_arg": 0, "dot_ident_arg": 0, "member_dot_arg": 1}
_ARGUMENTS = {"has": 1, "dyn": 1, **dict.fromkeys(MACROS, 2)}


def _check_fields(tree: Node) -> None:
    """Complain about `container.state`; deeper members are tried over the example."""
    for member in tree.find_data("member_dot"):
        owner, asked = _inner(cast(Node, member.children[0])), cast(Token, member.children[1])
        kind = str(owner.children[0])
        known = kind not in KINDS or is_field(kind, str(asked))
        if owner.data in ("ident", "dot_ident") and not known:
            raise _at(asked, f"evidence kind {kind!r} has no field {str(asked)!r}")


def _at(token: Token, message: str) -> BadCondition:
    return BadCondition(message, line=token.line or 1, column=token.column or 1)
