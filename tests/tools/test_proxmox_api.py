"""Signing in, trusting, waiting; and no secret in anything that is written."""

import asyncio
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from domain.errors import BadConfiguration, NightshiftError, Permanent, Transient
from lab.standins.proxmox_access import EVERYTHING, SECRET, TOKEN, Account
from tests.proxmox_rig import rig
from tools.proxmox import ProxmoxCluster
from tools.proxmox_api import Api

PASSWORD = "correct horse battery staple"
PERSON = Account(user="agent@pve", secret=PASSWORD, privileges={"/": EVERYTHING})
BY_PASSWORD: dict[str, Any] = {"user": "agent@pve", "token_value": None, "password": PASSWORD}


def everything_about(error: BaseException | None) -> Iterator[str]:
    """All texts that a log or a debugger could show of an error and what is behind it."""
    while error is not None:
        yield repr(error)
        yield repr(vars(error))
        request = getattr(error, "request", None)
        yield repr(vars(request)) if request is not None else ""
        error = error.__cause__ or error.__context__


async def test_a_wrong_token_is_told_without_it() -> None:
    """The operator learns which setting, and nobody learns the secret."""
    async with rig(token_value="not-the-secret") as made:
        with pytest.raises(Permanent, match="check PROXMOX_USER") as caught:
            await made.proxmox.guest(made.target("web"))

    assert "not-the-secret" not in "".join(everything_about(caught.value))


async def test_a_password_signs_in_and_writes() -> None:
    """A ticket, and the CSRF token with every change."""
    async with rig(accounts=[PERSON], **BY_PASSWORD) as made:
        await made.do("web", "reboot_guest")

        assert made.sent() == ["reboot_guest web"]
        assert made.proxmox.user == "agent@pve"


async def test_a_wrong_password_is_permanent_and_secret() -> None:
    """Proxmoxer's request with the password in its body is not behind our error."""
    wrong = BY_PASSWORD | {"password": "not-the-password"}
    async with rig(accounts=[PERSON], **wrong) as made:
        with pytest.raises(Permanent, match="PROXMOX_PASSWORD are not accepted") as caught:
            await made.proxmox.guest(made.target("web"))

    assert "not-the-password" not in "".join(everything_about(caught.value))


async def test_a_ticket_that_expired_is_renewed_and_the_deed_done_once() -> None:
    """401 means that nothing was done, so signing in and asking again is safe."""
    async with rig(accounts=[PERSON], **BY_PASSWORD) as made:
        made.cluster.break_("web", "stopped")
        await made.proxmox.guest(made.target("web"))
        made.standin.access.expire_tickets()

        assert (await made.do("web", "start_guest")).result == "done"
        assert made.sent() == ["start_guest web"]
        assert len(list(made.standin.faults.seen("access/ticket"))) == 2


async def test_many_calls_sign_in_once() -> None:
    """Eight threads share one ticket."""
    async with rig(accounts=[PERSON], **BY_PASSWORD) as made:
        await asyncio.gather(*(made.proxmox.guest(made.target("web")) for _ in range(5)))

        assert len(list(made.standin.faults.seen("access/ticket"))) == 1


async def test_a_certificate_of_strangers_is_refused() -> None:
    """Without the CA file nothing is sent, and the message says what to set."""
    async with rig(verify=True) as made:
        with pytest.raises(Permanent, match="not trusted; set PROXMOX_CA"):
            await made.proxmox.guest(made.target("web"))

        assert made.standin.faults.requests == []


async def test_a_slow_proxmox_holds_nobody_longer_than_the_limit() -> None:
    """Every call has its end."""
    async with rig(timeout_s=0.3) as made:
        made.standin.faults.add("status/current", delay_s=30)
        began = time.monotonic()

        with pytest.raises(Transient, match=r"did not answer in time|no answer in"):
            await made.proxmox.guest(made.target("web"))

        assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("body", "status"), [(b"<html>", 200), (b"[]", 200), (b'{"data":null}', 200), (b"", 200)]
)
async def test_an_answer_that_is_not_proxmox(body: bytes, status: int) -> None:
    """A 200 that is not what the API gives is an error, not an empty guest."""
    async with rig() as made:
        made.standin.faults.add("status/current", status=status, body=body)

        with pytest.raises(Permanent, match="not what Proxmox' API gives"):
            await made.proxmox.guest(made.target("web"))


async def test_nothing_is_logged_even_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    """Proxmoxer writes answers down at debug, tickets included; it is silenced."""
    caplog.set_level(logging.DEBUG)
    async with rig(accounts=[PERSON], **BY_PASSWORD) as made:
        await made.do("web", "reboot_guest")

    told = [record.name for record in caplog.records if record.name.split(".")[0] != "asyncio"]
    assert not {name for name in told if name.startswith(("proxmoxer", "urllib3"))}
    assert PASSWORD not in caplog.text


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"host": ""}, "PROXMOX_HOST"),
        ({"user": "agent"}, "no realm"),
        ({"token_value": None}, "belong together"),
        ({"user": "agent@pve"}, "belong together"),
        ({"user": "agent@pve", "token_value": None}, "neither a token nor a PROXMOX_PASSWORD"),
        ({"verify": "/nowhere/ca.pem"}, "/nowhere/ca.pem"),
    ],
)
def test_a_set_up_that_cannot_work_is_refused_at_start(changed: dict[str, Any], named: str) -> None:
    """The message names the setting, never the secret."""
    given: dict[str, Any] = {"host": "pve", "user": TOKEN, "token_value": SECRET} | changed

    with pytest.raises(BadConfiguration, match=named) as caught:
        ProxmoxCluster(**given)

    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "host"),
    [
        ("pve", "pve"),
        ("pve:8443", "pve:8443"),
        ("https://pve:8006/", "pve:8006"),
        ("https://pve/api2/json", "pve"),
        (" 10.0.0.2 ", "10.0.0.2"),
    ],
)
def test_a_host_may_be_a_url(given: str, host: str, tmp_path: Path) -> None:
    """As people paste it from the browser."""
    api = Api(given, TOKEN, token_value=SECRET)
    api.close()

    assert api.host == host


@pytest.mark.parametrize("named", [{"token_name": "nightshift"}, {}])
def test_the_token_is_part_of_who_we_are(named: dict[str, Any]) -> None:
    """Given apart or within the user."""
    user = "agent@pve" if named else TOKEN
    api = Api("pve", user, token_value=SECRET, **named)
    api.close()

    assert api.user == TOKEN


async def test_errors_are_our_own() -> None:
    """Nothing of requests or proxmoxer reaches a caller, not even as a cause."""
    async with rig() as made:
        made.standin.faults.add("status/current", disconnect="before")

        with pytest.raises(NightshiftError) as caught:
            await made.proxmox.guest(made.target("web"))

    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
