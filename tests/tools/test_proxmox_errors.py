"""Everything that can be raised below us becomes one of our words, and holds no secret."""

import pytest
import requests
from proxmoxer import AuthenticationError, ResourceException

from domain.errors import Conflict, NightshiftError, NotFound, Permanent, Transient
from tools.proxmox_errors import Offline, ServerError, SignedOut, explained, parsing


def answer(status: int, reason: str, errors: object = None) -> ResourceException:
    """What proxmoxer raises for this status line."""
    return ResourceException(status, "", reason, errors=errors)


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (answer(401, "Authentication failed!"), SignedOut),
        (answer(403, "Permission check failed (/vms/104, VM.PowerMgmt)"), Permanent),
        (answer(400, "Parameter verification failed."), Permanent),
        (answer(404, "not found"), NotFound),
        (answer(501, "Method 'POST /x' not implemented"), Permanent),
        (answer(500, "CT 104 already running"), Conflict),
        (answer(500, "CT 104 not running"), Conflict),
        (answer(500, "VM 104 not running"), Conflict),
        (answer(500, "VM is paused - cannot shutdown"), Conflict),
        (answer(500, "CT is locked (backup)"), Conflict),
        (answer(500, "Configuration file 'nodes/pve/lxc/104.conf' does not exist"), NotFound),
        (answer(500, "hostname lookup 'x' failed - failed to get address info"), NotFound),
        (answer(500, "cluster not ready - no quorum?"), Transient),
        (answer(500, "got timeout"), ServerError),
        (answer(503, "Service Unavailable"), Transient),
        (answer(595, "No route to host"), Offline),
        (answer(596, "Connection timed out"), Offline),
        (answer(599, "Too many redirections"), Offline),
        (AuthenticationError("Couldn't authenticate user: a to b code: 401"), SignedOut),
        (AuthenticationError("Couldn't authenticate user: a to b code: 595"), Transient),
        (requests.ConnectTimeout("far"), Transient),
        (requests.ReadTimeout("slow"), Transient),
        (requests.ConnectionError("refused"), Transient),
        (requests.exceptions.ChunkedEncodingError("cut"), Transient),
        (requests.exceptions.SSLError("certificate verify failed"), Permanent),
        (requests.exceptions.SSLError("EOF occurred in violation of protocol"), Transient),
        (requests.exceptions.InvalidURL("nonsense"), Permanent),
        (ConnectionResetError("gone"), Transient),
        (TypeError("'NoneType' object is not subscriptable"), Permanent),
    ],
)
def test_each_is_told_apart(raised: Exception, told: type[NightshiftError]) -> None:
    """The class says whether asking again may help."""
    assert type(explained(raised, "Proxmox 'pve'")) is told


def test_the_reason_is_printed() -> None:
    """403 names path and privilege; 400 names the parameter."""
    denied = explained(answer(403, "Permission check failed (/vms/104, VM.PowerMgmt)"), "P")
    wrong = explained(answer(400, "Parameter verification failed.", {"memory": "too small"}), "P")

    assert "(/vms/104, VM.PowerMgmt)" in str(denied)
    assert "(memory: too small)" in str(wrong)


def test_what_requests_quotes_is_left_out() -> None:
    """Its texts hold URLs, and may hold what was sent."""
    told = explained(requests.ConnectionError("https://x/?password=hunter2"), "Proxmox 'pve'")

    assert "hunter2" not in str(told)


def test_an_unreadable_body_is_not_printed() -> None:
    """The bytes of an error page are no reason."""
    told = explained(answer(502, "Bad Gateway", {"errors": b"<html>"}), "Proxmox 'pve'")

    assert str(told) == "Proxmox 'pve': 502 Bad Gateway"


def test_control_characters_do_not_reach_a_terminal() -> None:
    """The reason comes over the network."""
    told = explained(answer(500, "bad\x1b[31m\nthing" + "x" * 1000), "P")

    assert str(told).isprintable()
    assert len(str(told)) < 600


def test_a_missing_field_is_permanent() -> None:
    """An answer that is not Proxmox' will not become so."""
    with pytest.raises(Permanent, match="not what Proxmox' API gives"), parsing("P"):
        int("not a number")
