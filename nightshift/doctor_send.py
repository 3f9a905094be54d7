"""doctor's test of the whole chain: a message to people, and an alert on nothing.

The alert names a container that does not exist: Nightshift must look, find none, touch nothing
and hand over to people. Not here: the read-only checks (nightshift/doctor.py).
"""

import asyncio
import secrets
import time
from datetime import UTC, datetime, timedelta

import httpx

from domain.plain import Plain
from nightshift.doctor import Finding, State, unreachable
from nightshift.doctor_peers import TELEGRAM
from nightshift.settings import Settings
from nightshift.web.auth import TOKEN_FILE

TIMEOUT_S = 10.0
WAIT_S = 90.0
"""How long the test incident may take to its end."""
LOOK_EVERY_S = 0.5
ENDS_AFTER = timedelta(minutes=5)
"""When Alertmanager is to forget the alert that it was given."""
TEST = "NightshiftTest"
TEXT = "Nightshift: this is a test message. Nothing is wrong."


async def send_test(
    settings: Settings, *, wait_s: float = WAIT_S, look_every_s: float = LOOK_EVERY_S
) -> list[Finding]:
    """Send both, follow the alert to its end; one finding a hop, with how long it took.

    With ALERTMANAGER_URL a second alert goes in there, and has to come out here.
    """
    told, followed, routed = await asyncio.gather(
        _message(settings),
        _alert(settings, wait_s=wait_s, look_every_s=look_every_s),
        _route(settings, wait_s=wait_s, look_every_s=look_every_s),
    )
    return [told, *followed, *routed]


async def _message(settings: Settings) -> Finding:
    name, token = "test message", settings.telegram_bot_token
    if token is None or not settings.telegram_chat_id:
        mend = "set TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID"
        return Finding(name=name, state="warning", detail="Telegram is not configured", mend=mend)
    url = f"{settings.telegram_base_url or TELEGRAM}{token.get_secret_value()}/sendMessage"
    body, begun = {"chat_id": settings.telegram_chat_id, "text": TEXT}, time.monotonic()
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:
            said = (await client.post(url, json=body)).json()
    except (httpx.HTTPError, ValueError) as error:  # the address holds the token: name the kind
        why = type(error).__name__
        return unreachable(name, f"no answer ({why})", "see the network, or TELEGRAM_BASE_URL")
    if not isinstance(said, dict) or not said.get("ok"):
        words = said.get("description") if isinstance(said, dict) else "an answer of another kind"
        mend = "see the token, and write to the bot first: it may not begin a chat"
        return Finding(name=name, state="misconfigured", detail=f"refused: {words}", mend=mend)
    return Finding(name=name, state="ok", detail=f"taken by Telegram{_after(begun)}")


async def _alert(settings: Settings, *, wait_s: float, look_every_s: float) -> list[Finding]:
    """Post the alert, then look at its incident until that is done."""
    url, begun = _address(settings), time.monotonic()
    name, one = "test alert", nobodys_alert()
    try:
        async with _client(settings) as client:
            answer = await client.post("/alert", json=delivery(one))
            if answer.status_code != httpx.codes.ACCEPTED:
                return [_refused(answer)]
            async with asyncio.timeout(wait_s):
                incident = await _incident(client, one, look_every_s)
            detail = f"accepted as incident {incident}{_after(begun)}"
            taken = Finding(name=name, state="ok", detail=detail)
            name = "test incident"
            return [taken, await _followed(client, incident, wait_s, look_every_s)]
    except TimeoutError:
        detail = f"it was accepted and is no incident after {wait_s:g} s"
        mend = "see the service's log, and unsorted in nightshift's /stats"
        return [Finding(name=name, state="failed", detail=detail, mend=mend)]
    except (httpx.HTTPError, ValueError, LookupError) as error:
        return [unreachable(name, error, f"see that the service runs at {url}: nightshift serve")]


async def _followed(
    client: httpx.AsyncClient, incident: str, wait_s: float, look_every_s: float
) -> Finding:
    name, begun, story = "test incident", time.monotonic(), dict[str, object]()
    try:
        async with asyncio.timeout(wait_s):
            while story.get("status") != "done":
                answer = await client.get(f"/incidents/{incident}")
                answer.raise_for_status()
                story = answer.json()
                if story.get("status") != "done":
                    await asyncio.sleep(look_every_s)
    except TimeoutError:
        detail = f"{incident} is {story.get('status', 'unseen')} after {wait_s:g} s"
        mend = f"see nightshift incidents show {incident}, and whether anything is paused"
        return Finding(name=name, state="failed", detail=detail, mend=mend)
    detail = f"{story.get('outcome')}: {story.get('reason') or 'no reason'}{_after(begun)}"
    state: State = "failed" if story.get("attempts") else "ok"
    mend = (
        "it acted on a container that does not exist: please report this" if state != "ok" else ""
    )
    return Finding(name=name, state=state, detail=detail, mend=mend)


async def _route(settings: Settings, *, wait_s: float, look_every_s: float) -> list[Finding]:
    """Give an alert to Alertmanager, and look whether it comes to the service."""
    url, name, begun = settings.alertmanager_url, "test route", time.monotonic()
    if not url:
        return []
    one = nobodys_alert()
    one["endsAt"] = (datetime.now(UTC) + ENDS_AFTER).isoformat()
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:
            answer = await client.post(f"{url.rstrip('/')}/api/v2/alerts", json=[one])
            answer.raise_for_status()
    except httpx.HTTPError as error:
        return [unreachable(name, error, f"see that Alertmanager runs at {url}")]
    try:
        async with asyncio.timeout(wait_s), _client(settings) as client:
            incident = await _incident(client, one, look_every_s)
    except (httpx.HTTPError, ValueError, LookupError) as error:
        return [unreachable(name, error, f"see that the service runs at {_address(settings)}")]
    except TimeoutError:
        detail = f"Alertmanager took an alert and did not deliver it within {wait_s:g} s"
        mend = "see its receiver and route (deploy/alertmanager.yml), its log, and group_wait"
        return [Finding(name=name, state="failed", detail=detail, mend=mend)]
    detail = f"Alertmanager delivered it as incident {incident}{_after(begun)}"
    return [Finding(name=name, state="ok", detail=detail)]


async def _incident(client: httpx.AsyncClient, one: Plain, look_every_s: float) -> str:
    """The incident of this alert, when there is one."""
    while True:
        if incident := await _came(client, one):
            return incident
        await asyncio.sleep(look_every_s)


async def _came(client: httpx.AsyncClient, one: Plain) -> str:
    """The incident of this alert; empty while there is none."""
    answer = await client.get("/incidents", params={"limit": 50})
    answer.raise_for_status()
    tests = [row["id"] for row in answer.json()["incidents"] if row["alert_name"] == TEST]
    for incident in tests:
        story = await client.get(f"/incidents/{incident}")
        if story.raise_for_status().json()["alert"]["labels"] == one["labels"]:
            return str(incident)
    return ""


def nobodys_alert() -> Plain:
    """An alert on a container of a name that nobody has."""
    labels: Plain = {
        "alertname": TEST,
        "name": f"nightshift-test-{secrets.token_hex(4)}",
        "severity": "info",
    }
    texts: Plain = {"summary": "A test by nightshift doctor --send-test: nothing is wrong"}
    return {"labels": labels, "annotations": texts, "startsAt": datetime.now(UTC).isoformat()}


def delivery(one: Plain) -> Plain:
    """What Alertmanager would post for this alert."""
    firing: Plain = {"status": "firing", **one}
    return {"version": "4", "status": "firing", "receiver": "doctor", "alerts": [firing]}


def _client(settings: Settings) -> httpx.AsyncClient:
    """A client of the service, with its credentials."""
    return httpx.AsyncClient(
        base_url=_address(settings),
        timeout=TIMEOUT_S,
        headers=_bearer(settings),
        auth=_basic(settings),
    )


def _refused(answer: httpx.Response) -> Finding:
    detail = f"refused with status {answer.status_code}"
    if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        mend = (
            "the service has another token: set NIGHTSHIFT_TOKEN, or NIGHTSHIFT_DATA_DIR as it has"
        )
        return Finding(name="test alert", state="misconfigured", detail=detail, mend=mend)
    mend = "see the service's log"
    return Finding(name="test alert", state="failed", detail=detail, mend=mend)


def _address(settings: Settings) -> str:
    """Where the service answers from this machine; it may listen everywhere."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104  # replaced, not listened on
    host = everywhere.get(settings.nightshift_host, settings.nightshift_host)
    return f"http://{host}:{settings.nightshift_port}"


def _bearer(settings: Settings) -> dict[str, str]:
    """The token of the settings, else the one that the first start left in the data directory."""
    if settings.nightshift_token:
        return {"Authorization": f"Bearer {settings.nightshift_token.get_secret_value()}"}
    kept = settings.nightshift_data_dir / TOKEN_FILE
    if settings.nightshift_basic_auth or not kept.exists():
        return {}
    return {"Authorization": f"Bearer {kept.read_text().strip()}"}


def _basic(settings: Settings) -> httpx.BasicAuth | None:
    if settings.nightshift_token or not settings.nightshift_basic_auth:
        return None
    user, _, password = settings.nightshift_basic_auth.get_secret_value().partition(":")
    return httpx.BasicAuth(user, password)


def _after(begun: float) -> str:
    return f", {time.monotonic() - begun:.1f} s"
