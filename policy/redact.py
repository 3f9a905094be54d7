"""Secrets and addresses out of any text, before it leaves the house. Not here: what else is cut.

The same value gets the same placeholder within one question, so that a reader can still tell
that two lines are about one address.
"""

import ipaddress
import re
from collections.abc import Callable

_WORD = (
    r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[-_ ]?key|access[-_ ]?key|private[-_ ]?key|"
    r"credentials?|cookie|session[-_ ]?(?:id|key)|signature)"
)
_AUTH = r"(?<![a-z])(?:auth(?:orization)?|dsn|bearer)"
_NAME = rf"(?:{_WORD}|{_AUTH})(?:[-_]\w{{1,30}}){{0,3}}"
_VALUE = r"""(?:"[^"]*"|'[^']*'|[^\s"',;&)}\]]+)"""
_UUID = r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b"
_HEX = r"\b(?=[0-9]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{12,}\b"

_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern, re.IGNORECASE | re.DOTALL))
    for name, pattern in (
        ("secret", r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"),
        ("secret", r"(?P<keep>[a-z][a-z0-9+.-]{0,20}://)(?P<hide>[^\s/@]{1,300})(?P<rest>@)"),
        ("secret", r"\bey[a-z0-9_-]{6,}\.[a-z0-9_-]{4,}(?:\.[a-z0-9_-]*)?"),
        ("secret", r"(?P<keep>\b(?:bearer|basic|digest)\s+)(?P<hide>[a-z0-9._~+/=-]{6,})"),
        (
            "secret",
            rf"""(?P<keep>{_NAME}["']?\s{{0,3}}(?:[:=]|=>|\bis\b)\s{{0,3}})"""
            rf"(?P<hide>(?:(?:bearer|basic)\s+)?{_VALUE})",
        ),
        (
            "secret",
            r"(?P<keep>-[\w-]{0,30}(?:password|secret|token|key)\s{1,3})(?P<hide>[^\s-]\S*)",
        ),
        ("secret", r"\b(?:[spr]k|gh[opsu]|github_pat|glpat|xox[abeprs]|tskey)[-_][a-z0-9_-]{14,}"),
        ("secret", r"\b(?:hf|npm|dop_v1|shpat)_[a-z0-9]{20,}|\b(?:AKIA|ASIA|AIza)[a-z0-9_-]{12,}"),
        ("secret", r"\b\d{6,12}:[a-z0-9_-]{30,}"),
        ("email", r"[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64}){1,8}"),
        ("mac", r"\b(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}\b"),
        ("id", rf"{_UUID}|{_HEX}"),
        ("ip", r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)"),
    )
)
_IPV6 = re.compile(r"(?<![\w:.])[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,8}(?![\w:])", re.IGNORECASE)
_MIXED = re.compile(
    r"(?<![\w/.<+-])(?=[\w+/=-]*[a-z])(?=[\w+/=-]*[A-Z])(?=[\w+/=-]*\d)"
    r"(?:[A-Za-z0-9+/]{40,}|[\w+-]{24,})={0,2}"
)
"""Long runs of mixed case and digits: keys of makers that nobody listed above."""
_SECRET_NAME = re.compile(rf"[\w.-]{{0,60}}?{_NAME}", re.IGNORECASE)
_HOLDER = re.compile(r"<(?:secret|email|mac|id|ip)-\d+>")


def is_secret_name(name: str) -> bool:
    """Does a label or field of this name hold what nobody should read?"""
    return bool(_SECRET_NAME.fullmatch(name))


class Redactor:
    """Placeholders for one question. `redactor(text)` is the text without what must not leave."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def __call__(self, text: str) -> str:
        """Secrets, e-mail and network addresses, long ids: each by its own placeholder."""
        for name, pattern in _PATTERNS:
            text = pattern.sub(self._replacing(name), text)
        text = _IPV6.sub(self._ipv6, text)
        return _MIXED.sub(self._replacing("secret"), text)

    def hide(self, value: str, name: str = "secret") -> str:
        """The placeholder of one value, whatever it looks like."""
        if _HOLDER.fullmatch(value):
            return value
        if value not in self._known:
            self._counts[name] = self._counts.get(name, 0) + 1
            self._known[value] = f"<{name}-{self._counts[name]}>"
        return self._known[value]

    def _ipv6(self, found: re.Match[str]) -> str:
        """Times of day look alike; only what is an address is hidden."""
        try:
            ipaddress.IPv6Address(found.group())
        except ValueError:
            return found.group()
        return self.hide(found.group(), "ip")

    def _replacing(self, name: str) -> Callable[[re.Match[str]], str]:
        def replace(found: re.Match[str]) -> str:
            groups = found.groupdict()
            if "hide" not in groups:
                return self.hide(found.group(), name)
            hidden = self.hide(groups["hide"].strip("\"'"), name)
            return f"{groups.get('keep') or ''}{hidden}{groups.get('rest') or ''}"

        return replace
