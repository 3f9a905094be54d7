"""Secrets and addresses out of any text, before it leaves the house. Not here: what else is cut.

Secrets alone go where a text comes in (`without_secrets`), so that neither the ledger nor a
message has them. What a model is asked loses addresses too, and there the same value gets the
same placeholder within one question, so that two lines about one address still look like it.
"""

import ipaddress
import re
from collections.abc import Callable

MASK = "***"

_WORD = (
    r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[-_ ]?key|access[-_ ]?key|private[-_ ]?key|"
    r"credentials?|cookie|session[-_ ]?(?:id|key)|signature)"
)
_AUTH = r"(?<![a-z])(?:auth(?:orization)?|dsn|bearer)"
_NAME = rf"(?:{_WORD}|{_AUTH})(?:[-_]\w{{1,30}}){{0,3}}"
_PROSE = (
    r"(?!(?:already|an?|auth\w*|being|cannot|closed|connection|could|credentials?|denied|down|"
    r"empty|eof|error|exited|expired|fail\w*|false|healthy|host|in|incorrect|invalid|is|lookup|"
    r"mismatch|missing|must|nil|no|none|not|null|ok|permission|ready|refused|rejected|required|"
    r"running|set|should|starting|still|stopped|the|timed|timeout|token|too|true|unable|"
    r"unauthorized|undefined|unexpected|unhealthy|unknown|unreachable|unset|up|verification|"
    r"was|wrong)(?![\w.@$!#%^*+/=-]))"
)
"""What errors say about secrets; none of these words is one."""
_MORE = (
    r"""[^\s"',:;&)}\]]|:(?!\s|\Z)|&(?![\s"',;&\\]|\Z|[\w.-]{1,40}=)|"""
    r"""[,;](?![\s"',;&\\]|\Z|[\w.-]{1,40}[ ]?[=:])"""
)
"""A separator belongs to the value unless a space, the end or the next name follows it."""
_VALUE = rf"""(?:\\"[^"\n]*"|"[^"\n]*"|'[^'\n]*'|["']?(?![=>]){_PROSE}(?:{_MORE})+)"""
_SCHEME = r"(?:(?:bearer|basic|digest)[ \t]+)?"
_UUID = r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b"
_HEX = r"\b(?=[0-9]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{12,}\b"
_PEM = "[A-Z ]{0,30}PRIVATE KEY-----"

_SECRETS: tuple[re.Pattern[str], ...] = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"-----BEGIN {_PEM}(?:(?s:.*?)-----END {_PEM}|[^\n]*(?:\n[a-z0-9+/=]+(?=\n|\Z))*)",
        rf"(?:(?m:^)[a-z0-9+/=]{{1,80}}\r?\n){{1,99}}-----END {_PEM}",
        r"""(?P<keep>[a-z][a-z0-9+.-]{0,20}://)(?P<hide>[^\s/?"'<>]{1,300})(?P<rest>@)""",
        r"""(?P<keep>[a-z][a-z0-9+.-]{0,20}://)"""
        r"""(?P<hide>[^\s/?@:"'<>]{0,100}:(?!\d{1,5}\b)[^\s@"'<>]{1,200})(?P<rest>@)""",
        r"""(?P<hide>[^\s/@:"'<>]{1,100}:[^\s@"'<>]{1,200})(?P<rest>@(?:tcp|unix)\()""",
        r"\b(?-i:eyJ)[a-z0-9_-]{5,}\.[a-z0-9_-]{4,}(?:\.[a-z0-9_-]*)?",
        r"""(?P<keep>\bcookie:[ \t]*)(?P<hide>[\w.-]{1,80}=[^\n"']+)""",
        rf"(?P<keep>\bbearer[ \t]+)(?P<hide>{_PROSE}[a-z0-9._~+/=-]{{6,}})",
        rf"(?P<keep>\b(?:basic|digest)[ \t]+)(?P<hide>{_PROSE}(?!sha\d)"
        r"(?=[a-z+/]*(?-i:[A-Z0-9=]))[a-z0-9._~+/=-]{6,})",
        rf"(?P<keep>{_NAME}\\?[\"']?[ \t]{{0,3}}(?:[:=]{{1,2}}>?|\bis\b)[ \t]{{0,3}}{_SCHEME})"
        rf"(?P<hide>{_VALUE})",
        r"(?P<keep>-[\w-]{0,30}(?:password|secret|token|key)[ \t]{1,3})"
        rf"(?P<hide>{_PROSE}(?!/[\w.-]+/)[^\s-]\S*)",
        r"\b(?:[spr]k[-_](?=[a-z_-]{0,80}\d)|(?:gh[opsu]|github_pat|glpat|xox[abeprs]|tskey)[-_])"
        r"[a-z0-9_-]{14,}",
        r"\b(?:hf|npm|dop_v1|shpat)_[a-z0-9]{20,}",
        r"\b(?-i:(?:AKIA|ASIA)[A-Z0-9]{12,}|AIza[A-Za-z0-9_-]{12,})",
        r"(?<!\d)\d{6,12}:[a-z0-9_-]{30,}",
    )
)
_PLACES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern, re.IGNORECASE))
    for name, pattern in (
        ("email", r"[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64}){1,8}"),
        ("mac", r"\b(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}\b"),
        ("id", rf"{_UUID}|{_HEX}"),
        ("ip", r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)"),
    )
)
_IPV6 = re.compile(r"(?<![\w:.])[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,8}(?![\w:])", re.IGNORECASE)
_MIX = r"(?<![\w/.<+-])(?=[\w+/=-]*[a-z])(?=[\w+/=-]*[A-Z])(?=[\w+/=-]*\d)"
_LONG = re.compile(rf"{_MIX}[A-Za-z0-9+/]{{40,}}={{0,2}}")
"""So long a run of mixed case and digits is no word of any program."""
_MIXED = re.compile(rf"{_MIX}(?:[A-Za-z0-9+/]{{40,}}|[\w+-]{{24,}})={{0,2}}")
"""Keys of makers that nobody listed above, and now and then the name of a thread."""
_SECRET_NAME = re.compile(rf"[\w.-]{{0,60}}?{_NAME}", re.IGNORECASE)
_HOLDER = re.compile(r"<(?:secret|email|mac|id|ip)-\d+>|\*{3}")


def is_secret_name(name: str) -> bool:
    """Does a label or field of this name hold what nobody should read?"""
    return bool(_SECRET_NAME.fullmatch(name))


def without_secrets(text: str) -> str:
    """The text with every secret masked; addresses, names and what went wrong stay.

    Give whole texts, not their lines: a private key has many. Twice is the same as once.
    """
    if not text:
        return text
    for pattern in _SECRETS:
        text = pattern.sub(_masked, text)
    return _LONG.sub(MASK, text)


def _masked(found: re.Match[str]) -> str:
    return _hidden(found, lambda _: MASK)


def _hidden(found: re.Match[str], hide: Callable[[str], str]) -> str:
    """What was found with its secret hidden; quotes around that stay, and JSON stays JSON."""
    groups = found.groupdict()
    secret = groups.get("hide") or found.group()
    inner = secret.strip("\"'\\")
    shown = secret.replace(inner, hide(inner), 1) if inner else secret
    return f"{groups.get('keep') or ''}{shown}{groups.get('rest') or ''}"


class Redactor:
    """Placeholders for one question. `redactor(text)` is the text without what must not leave."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def __call__(self, text: str) -> str:
        """Secrets, e-mail and network addresses, long ids: each by its own placeholder."""
        for pattern in _SECRETS:
            text = pattern.sub(self._replacing("secret"), text)
        for name, pattern in _PLACES:
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
        return lambda found: _hidden(found, lambda value: self.hide(value, name))
