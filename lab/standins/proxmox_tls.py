"""A certificate authority of the moment, and HTTP with Proxmox' reason phrases.

Proxmox writes the reason of a refusal into the status line, where ASGI has no room for it: it
travels there in a header of ours. Not here: the API.
"""

import asyncio
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h11
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

REASON = b"x-stand-in-reason"
_DAYS = "2"
_CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
_EXTENSIONS = """\
subjectAltName=IP:127.0.0.1,DNS:localhost
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth
authorityKeyIdentifier=keyid
"""
_AUTHORITY = """\
[req]
distinguished_name=name
x509_extensions=authority
[name]
[authority]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
"""
_FAMILIAR = {
    595: "No route to host",
    596: "Connection timed out",
    599: "Too many redirections",
}


class NoCertificate(Exception):
    """The openssl program is missing or failed."""


@dataclass(frozen=True, kw_only=True)
class Certificates:
    """Paths: the authority to trust, the server's certificate and its key."""

    ca: str
    certificate: str
    key: str


async def make_certificates(folder: Path) -> Certificates:
    """A fresh authority and a certificate for 127.0.0.1 by it. Raises NoCertificate."""
    ca, ca_key, leaf, key, request = (
        str(folder / name) for name in ("ca.pem", "ca.key", "pve.pem", "pve.key", "pve.csr")
    )
    made = Certificates(ca=ca, certificate=leaf, key=key)
    extensions, authority = folder / "extensions", folder / "authority"
    extensions.write_text(_EXTENSIONS)
    authority.write_text(_AUTHORITY)
    config = ("-config", str(authority))
    subject = ("-subj", "/CN=Proxmox stand-in CA")
    await _openssl(
        "req", "-x509", *_CURVE, *config, *subject, "-keyout", ca_key, "-out", ca, "-days", _DAYS
    )
    await _openssl("req", *_CURVE, *config, "-subj", "/CN=pve", "-keyout", key, "-out", request)
    signed_by = ("-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-extfile", str(extensions))
    await _openssl("x509", "-req", "-in", request, *signed_by, "-out", leaf, "-days", _DAYS)
    return made


async def _openssl(*words: str) -> None:
    program = shutil.which("openssl")
    if program is None:
        raise NoCertificate("the Proxmox stand-in needs the program openssl; install it")
    pipe = asyncio.subprocess.PIPE
    ran = await asyncio.create_subprocess_exec(program, *words, stdout=pipe, stderr=pipe)
    _, told = await ran.communicate()
    if ran.returncode:
        raise NoCertificate(f"openssl {words[0]} failed: {told.decode(errors='replace')[-300:]}")


class Reasons:
    """ASGI middleware: gives a refusal its reason, from the `message` of its body or by status."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on, and hold a refusal's head back until its body is known."""
        await self._app(scope, receive, _Held(send).send)


class _Held:
    """One answer; `transport` lets a fault hang up through us."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._head: Message | None = None
        self.transport = getattr(getattr(send, "__self__", None), "transport", None)

    async def send(self, message: Message) -> None:
        """Send it, or keep it until the body comes."""
        if message["type"] == "http.response.start" and message["status"] >= 400:
            self._head = message
            return
        if self._head is not None:
            await self._send(_reasoned(self._head, message.get("body", b"")))
            self._head = None
        await self._send(message)


def _reasoned(head: Message, body: bytes) -> Message:
    headers = list(head.get("headers", ()))
    if REASON not in dict(headers):
        headers.append((REASON, _reason(head["status"], body).encode("latin-1", "replace")))
    return {**head, "headers": headers}


def _reason(status: int, body: bytes) -> str:
    try:
        told: Any = json.loads(body)
    except ValueError:
        told = None
    message = told.get("message") if isinstance(told, dict) else None
    return " ".join(str(message or _FAMILIAR.get(status, "")).split())


class _Connection(h11.Connection):
    """Puts the reason where it belongs."""

    def send(self, event: h11.Event) -> bytes | None:  # type: ignore[override]  # for all overloads
        """Write a response's head with its reason."""
        if isinstance(event, h11.Response):
            found = dict(event.headers).get(REASON)
            event = h11.Response(
                status_code=event.status_code,
                headers=[pair for pair in event.headers if pair[0] != REASON],
                reason=event.reason if found is None else found,
            )
        return super().send(event)


class ReasonProtocol(H11Protocol):
    """Uvicorn's HTTP/1.1 with that connection."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.conn = _Connection(h11.SERVER)
