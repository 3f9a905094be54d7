"""Who may talk to us: bearer or basic credentials, compared in constant time. Not here: TLS."""

import base64
import binascii
import hmac
import ipaddress
import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from domain.errors import BadConfiguration
from domain.plain import Record
from nightshift.settings import Settings

OPEN = frozenset({"/health", "/ready"})
PROXIED = frozenset({"forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip"})
TOKEN_FILE = "token"  # noqa: S105  # the name of a file


class Credentials(Record):
    """What opens the door: a bearer token, a `user:password`, either, or nothing at all."""

    token: SecretStr | None = None
    basic: SecretStr | None = None

    @property
    def required(self) -> bool:
        """Whether any is set."""
        return self.token is not None or self.basic is not None

    def accept(self, authorization: str) -> bool:
        """Whether this Authorization header opens the door."""
        scheme, _, value = authorization.partition(" ")
        if scheme.lower() == "bearer":
            return _same(self.token, value.strip().encode())
        return scheme.lower() == "basic" and _same(self.basic, _decoded(value))


class Guard:
    """Middleware: refuses what shows no credentials, and what a foreign web page sends.

    With no credentials set, only what reaches a loopback address under a loopback name, and not
    through a proxy, is served: a web page may bind a name of its own to 127.0.0.1.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on, or answer 401 or 403."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        refusal = _foreign(connection) or _unauthorised(connection)
        await (refusal or self.app)(scope, receive, send)


def is_loopback(host: str) -> bool:
    """Whether an address or `localhost` is this machine's own; other names are not."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def secured(settings: Settings) -> tuple[Settings, bool]:
    """Settings with a token wherever we listen beyond loopback, and whether it is a new one.

    A new token is kept in the data directory, readable by its owner only. Raises
    BadConfiguration when it cannot be written.
    """
    has_one = settings.nightshift_token or settings.nightshift_basic_auth
    if has_one or is_loopback(settings.nightshift_host):
        return settings, False
    token, new = _kept_token(settings.nightshift_data_dir / TOKEN_FILE)
    return settings.model_copy(update={"nightshift_token": SecretStr(token)}), new


def _kept_token(path: Path) -> tuple[str, bool]:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists() and (kept := path.read_text().strip()):
            return kept, False
        token = secrets.token_urlsafe(32)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(token + "\n")
    except OSError as error:
        raise BadConfiguration(
            f"no token can be kept in {str(path)!r} ({error.strerror}): set NIGHTSHIFT_TOKEN"
        ) from error
    return token, True


def credentials_of(settings: Settings) -> Credentials:
    """The credentials that these settings ask for."""
    return Credentials(
        token=settings.nightshift_token or None, basic=settings.nightshift_basic_auth or None
    )


def _same(expected: SecretStr | None, given: bytes) -> bool:
    wanted = expected.get_secret_value().encode() if expected else b""
    return hmac.compare_digest(wanted, given) and bool(wanted)


def _decoded(value: str) -> bytes:
    try:
        return base64.b64decode(value.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _unauthorised(connection: HTTPConnection) -> JSONResponse | None:
    credentials: Credentials = connection.state.credentials
    path = connection.scope["path"]  # not of `url`, which the Host header has a part in
    if path in OPEN or (path == "/metrics" and _from_here(connection)):
        return None
    if not credentials.required:
        return None if _reached_locally(connection) else _no("set NIGHTSHIFT_TOKEN first")
    if credentials.accept(connection.headers.get("authorization", "")):
        return None
    return _no("send the token as 'Authorization: Bearer …', or basic credentials")


def _no(advice: str) -> JSONResponse:
    return JSONResponse(
        {"error": f"not authorised: {advice}"},
        status_code=401,
        headers={"WWW-Authenticate": 'Bearer, Basic realm="nightshift"'},
    )


def _foreign(connection: HTTPConnection) -> JSONResponse | None:
    """Browsers send Origin with every cross-site request; programs send none."""
    origin = connection.headers.get("origin")
    if origin is None or origin.partition("://")[2] == connection.headers.get("host"):
        return None
    return JSONResponse(
        {"error": f"requests from web pages of {origin[:100]!r} are refused"}, status_code=403
    )


def _from_here(connection: HTTPConnection) -> bool:
    """The client is on this machine and nobody stands between."""
    return bool(connection.client and is_loopback(connection.client.host) and _direct(connection))


def _direct(connection: HTTPConnection) -> bool:
    """No proxy handed it on, and it names this machine; browsers always send a Host."""
    if PROXIED & set(connection.headers.keys()):
        return False
    return is_loopback(_name(connection.headers.get("host", "localhost")))


def _name(host: str) -> str:
    """The name in a Host header, without its port; empty where it cannot be read."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _reached_locally(connection: HTTPConnection) -> bool:
    """It came in at a loopback address or a socket file (which has no IP), and directly."""
    host = (connection.scope.get("server") or ("", None))[0]
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = True
    return local and _direct(connection)
