"""What the SDK, requests and urllib3 raise, told apart. Not here: what to do about it.

ServerError is a Transient for which the daemon did answer, with a 5xx: its state can be looked at.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import requests
import urllib3.exceptions
from docker import errors as sdk

from domain.errors import Conflict, NightshiftError, NotFound, Permanent, Transient
from tools.docker_facts import brief

_RETRIABLE = {408, 425, 429}
_NOT_OFFERED = 501


class ServerError(Transient):
    """The daemon answered that it failed; whether it had begun is for its state to tell."""


@contextmanager
def told_apart(host: str, what: str) -> Iterator[None]:
    """Raise Transient, ServerError, NotFound, Conflict or Permanent for what is raised inside.

    `what` completes the sentence `host 'nas': could not …`.
    """
    prefix = f"Docker host {host!r}: could not {what}"
    try:
        yield
    except sdk.APIError as error:
        raise _answered(error, prefix) from error
    except (sdk.DockerException, requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise _unanswered(error, prefix) from error
    except OSError as error:
        raise Transient(f"{prefix}: {_reason(error)}") from error
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        kind = type(error).__name__
        raise Permanent(f"{prefix}: its answer is not what Docker's API gives ({kind})") from error


def _answered(error: sdk.APIError, prefix: str) -> NightshiftError:
    status = error.status_code or 0
    message = f"{prefix}: {status} {brief(error.explanation or '')}"
    if status >= 500 and status != _NOT_OFFERED:
        return ServerError(message)
    if status in _RETRIABLE:
        return Transient(message)
    return {404: NotFound, 409: Conflict}.get(status, Permanent)(message)


def _unanswered(error: Exception, prefix: str) -> NightshiftError:
    """No usable answer: it may come later, unless the address or the set-up is wrong."""
    cause = error.__cause__ or error
    message = f"{prefix}: {_reason(error)}"
    if isinstance(cause, (ValueError, KeyError)) and not isinstance(
        cause, requests.JSONDecodeError
    ):
        return Permanent(message)
    lasting = isinstance(cause, sdk.DockerException)
    return Permanent(message) if lasting else Transient(message)


def _reason(error: Exception) -> str:
    """The innermost reason in few words, such as `Connection refused`."""
    words = {
        requests.ConnectTimeout: "it cannot be reached in time",
        requests.ReadTimeout: "it did not answer in time",
        requests.JSONDecodeError: "its answer is not JSON",
    }
    known = next((text for kind, text in words.items() if isinstance(error, kind)), None)
    return known or brief(str(error))[:300] or type(error).__name__
