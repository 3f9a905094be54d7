"""What proxmoxer and requests raise, told apart. Not here: what to do about it.

Proxmox answers nearly every refusal with status 500 and the reason in words: so the words decide.
Nothing that is raised here carries the failed request, whose body or headers may hold a secret.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import requests
from proxmoxer import AuthenticationError, ResourceException

from domain.errors import Conflict, NightshiftError, NotFound, Permanent, Transient

FAILURES = (
    ResourceException,
    AuthenticationError,
    requests.RequestException,
    OSError,
    NotImplementedError,
    KeyError,
    TypeError,
    ValueError,
)
"""Everything that a call through proxmoxer is known to raise."""

_TEXT_CHARS = 500
_PROXIED = {595, 596, 597, 598, 599}
_LATER = {408, 425, 429, 502, 503, 504}
_ABSENT = ("does not exist", "no such vm", "no such ct", "hostname lookup")
_NOT_NOW = (
    "is locked",
    "already running",
    "not running",
    "is paused",
    "it's a template",
    "detected modified configuration",
)


class ServerError(Transient):
    """Proxmox answered that it failed, for a reason that we do not know by its words."""


class Unnamed(Transient):
    """Proxmox took an order, and its answer names no task to follow."""


class Offline(Transient):
    """Proxmox answers, but not the node that was asked for."""


class SignedOut(Permanent):
    """Proxmox does not take our credentials, or no longer."""


def brief(text: object) -> str:
    """One printable line of at most 500 characters."""
    words = " ".join(str(text or "").split())
    return "".join(letter for letter in words if letter.isprintable())[:_TEXT_CHARS]


def refusal(text: str) -> type[Permanent] | None:
    """What a reason in words means: NotFound, Conflict, or None where the words are not known."""
    lowered = text.lower()
    if any(words in lowered for words in _ABSENT):
        return NotFound
    return Conflict if any(words in lowered for words in _NOT_NOW) else None


def explained(error: Exception, prefix: str) -> NightshiftError:
    """The error to raise for one of `FAILURES`; `prefix` begins the sentence."""
    if isinstance(error, ResourceException):
        return _answered(error, prefix)
    if isinstance(error, AuthenticationError):
        return _not_signed_in(error, prefix)
    if isinstance(error, (requests.RequestException, OSError)):
        return _unanswered(error, prefix)
    return Permanent(f"{prefix}: its answer is not what Proxmox' API gives")


@contextmanager
def parsing(prefix: str) -> Iterator[None]:
    """Raise Permanent where an answer lacks a field or has a wrong type."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        kind = type(error).__name__
        raise Permanent(f"{prefix}: its answer is not what Proxmox' API gives ({kind})") from None


def _answered(error: ResourceException, prefix: str) -> NightshiftError:
    status, reason = int(error.status_code), brief(error.content)
    details = error.errors if isinstance(error.errors, dict) else {}
    wrong = "; ".join(
        f"{name}: {brief(text)}" for name, text in details.items() if isinstance(text, str)
    )
    message = f"{prefix}: {status} {reason}" + (f" ({wrong})" if wrong else "")
    if status == requests.codes.unauthorized:
        return SignedOut(f"{message}; check PROXMOX_USER and its token or password")
    if status in _PROXIED:
        return Offline(f"{message}; the node does not answer")
    if status in _LATER or "no quorum" in reason.lower():
        return Transient(message)
    if status == requests.codes.not_found:
        return NotFound(message)
    return _failed(status, reason, message)


def _failed(status: int, reason: str, message: str) -> NightshiftError:
    if status == requests.codes.server_error:
        return (refusal(reason) or ServerError)(message)
    return Permanent(message)


def _not_signed_in(error: AuthenticationError, prefix: str) -> NightshiftError:
    """The library raises the same for a wrong password and for a server that failed."""
    _, _, code = str(error).rpartition("code: ")
    if code.isdigit() and int(code) >= requests.codes.server_error:
        return Transient(f"{prefix}: signing in was answered with {code}")
    return SignedOut(f"{prefix}: PROXMOX_USER and PROXMOX_PASSWORD are not accepted")


def _unanswered(error: Exception, prefix: str) -> NightshiftError:
    """No usable answer. The texts of requests are left out: they quote what was sent."""
    if isinstance(error, requests.exceptions.SSLError) and "certificate" in str(error).lower():
        return Permanent(
            f"{prefix}: its certificate is not trusted; set PROXMOX_CA to the cluster's CA file "
            "(/etc/pve/pve-root-ca.pem) and PROXMOX_HOST to a name in the certificate"
        )
    if isinstance(error, requests.ConnectTimeout):
        return Transient(f"{prefix}: it cannot be reached in time")
    if isinstance(error, (requests.Timeout, TimeoutError)):
        return Transient(f"{prefix}: it did not answer in time")
    if isinstance(error, requests.RequestException) and isinstance(error, ValueError):
        return Permanent(f"{prefix}: it cannot be asked ({type(error).__name__})")
    return Transient(f"{prefix}: it cannot be reached or hung up ({type(error).__name__})")
