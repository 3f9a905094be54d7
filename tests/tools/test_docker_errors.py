"""Everything that can be raised below us becomes one of four words."""

import docker.errors as sdk
import pytest
import requests
import urllib3.exceptions

from domain.errors import Conflict, NightshiftError, NotFound, Permanent, Transient
from tools.docker_errors import ServerError, told_apart


def answer(status: int, message: str = "no") -> sdk.APIError:
    """What the SDK raises for this status."""
    response = requests.Response()
    response.status_code = status
    kind = sdk.NotFound if status == 404 else sdk.APIError
    return kind("error", response=response, explanation=message)


def no_version(cause: Exception) -> sdk.DockerException:
    """What making a client raises when the daemon does not tell its version."""
    error = sdk.DockerException("Error while fetching server API version")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (requests.ConnectionError("refused"), Transient),
        (requests.ReadTimeout("slow"), Transient),
        (requests.ConnectTimeout("far"), Transient),
        (requests.exceptions.ChunkedEncodingError("cut"), Transient),
        (requests.JSONDecodeError("bad", "<html>", 0), Transient),
        (urllib3.exceptions.ProtocolError("cut"), Transient),
        (TimeoutError("slow"), Transient),
        (BrokenPipeError("gone"), Transient),
        (no_version(requests.ConnectionError("refused")), Transient),
        (no_version(KeyError("ApiVersion")), Permanent),
        (answer(500), ServerError),
        (answer(503), ServerError),
        (answer(429), Transient),
        (answer(404), NotFound),
        (answer(409), Conflict),
        (answer(400), Permanent),
        (answer(403), Permanent),
        (answer(501), Permanent),
        (sdk.InvalidVersion("too old"), Permanent),
        (requests.exceptions.InvalidURL("what"), Permanent),
        (KeyError("State"), Permanent),
    ],
)
def test_each_error_has_its_word(raised: Exception, told: type[NightshiftError]) -> None:
    """Only what may pass by itself is Transient."""
    with pytest.raises(NightshiftError) as caught, told_apart("nas", "start 'web'"):
        raise raised

    assert type(caught.value) is told
    assert str(caught.value).startswith("Docker host 'nas': could not start 'web'")


def test_the_daemons_own_words_are_quoted_but_cleaned() -> None:
    """The explanation is in the message; control characters and length are not."""
    with pytest.raises(Conflict) as caught, told_apart("nas", "start 'web'"):
        raise answer(409, "in\x1b[31m use\x00 " + "x" * 5000)

    assert "409 in use xxx" in str(caught.value)
    assert len(str(caught.value)) < 1100


def test_what_is_no_error_of_docker_passes_through() -> None:
    """Our own bugs are not dressed up as Docker's."""
    with pytest.raises(ZeroDivisionError), told_apart("nas", "start 'web'"):
        raise ZeroDivisionError
