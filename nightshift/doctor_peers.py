"""doctor's checks of the systems around us: Docker, Prometheus, Alertmanager, Telegram.

Not here: the adapters that the service itself uses, except Docker's.
"""

import re
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from domain.errors import NightshiftError
from nightshift.doctor import MAX_CLOCK_SKEW_S, Finding, State, unreachable
from nightshift.settings import Settings

TIMEOUT_S = 5.0
EVENTS_BACK_S = 300
_URL = re.compile(r"""^[ -]*url:\s*["']?([^\s"']+)""", re.MULTILINE)
TELEGRAM = "https://api.telegram.org/bot"
CONTAINER_METRICS = "count({__name__=~'container_last_seen|container_start_time_seconds'})"


async def docker_hosts(settings: Settings) -> list[Finding]:
    """Each host: does it answer, is its event stream readable, how many containers are ours?"""
    from tools.docker import LOCAL

    hosts = settings.docker_hosts or LOCAL
    return [one for name, url in hosts.items() for one in await _docker(settings, name, url)]


async def _docker(settings: Settings, name: str, url: str) -> list[Finding]:
    from tools.docker_host import Host

    label = f"docker {name}"
    host = Host(name, url, timeout_s=settings.docker_timeout_s, stop_grace_s=0)
    mend = f"see that the daemon runs and that this user may use {url}; else set DOCKER_HOSTS"
    try:
        await host.reach()
        version = await host.call("ask its version", lambda client: client.version())
        now = int(time.time())
        await host.call(
            "read its events",
            lambda client: list(client.events(since=now - EVENTS_BACK_S, until=now, decode=True)),
        )
        listed = await host.call("list containers", lambda client: client.containers(all=True))
    except NightshiftError as error:
        return [unreachable(label, error, mend)]
    finally:
        host.close()
    detail = f"{version.get('Version')} (API {version.get('ApiVersion')}), events readable"
    return [Finding(name=label, state="ok", detail=detail), _scope(settings, label, listed)]


def _scope(settings: Settings, label: str, listed: list[dict[str, Any]]) -> Finding:
    """How many of these containers DOCKER_SCOPE hands over to us."""
    wanted, name = settings.docker_scope, f"{label} scope"
    if not wanted:
        detail = f"no DOCKER_SCOPE: all {len(listed)} containers, every action by approval"
        mend = "set DOCKER_SCOPE, e.g. nightshift.enable=true, and label what may be healed"
        return Finding(name=name, state="warning", detail=detail, mend=mend)
    ours = sum(_carries(entry.get("Labels") or {}, wanted) for entry in listed)
    said = ",".join(f"{key}={value}" if value else key for key, value in wanted.items())
    detail = f"{said} matches {ours} of {len(listed)} containers"
    mend = "" if ours else "no container carries these labels: nothing will be acted on"
    return Finding(name=name, state="ok" if ours else "warning", detail=detail, mend=mend)


def _carries(labels: dict[str, str], wanted: dict[str, str]) -> bool:
    return all(key in labels and value in {"", labels[key]} for key, value in wanted.items())


async def prometheus(settings: Settings) -> list[Finding]:
    """Does it answer, does it know containers and `up`, and agree with our clock?"""
    url = settings.prometheus_url.rstrip("/")
    if not url:
        mend = "set PROMETHEUS_URL: without it no probe and no expression can prove a fix"
        return [Finding(name="prometheus", state="warning", detail="not configured", mend=mend)]
    try:
        async with httpx.AsyncClient(timeout=settings.prometheus_timeout_s) as client:
            up = await _count(client, url, "count(up)")
            containers = await _count(client, url, CONTAINER_METRICS)
            date = (await client.get(f"{url}/-/ready")).headers.get("date")
    except (httpx.HTTPError, ValueError, LookupError) as error:
        return [unreachable("prometheus", error, f"see that {url} answers; else PROMETHEUS_URL")]
    return [_metrics(up, containers), _clock(date, "prometheus")]


async def _count(client: httpx.AsyncClient, url: str, query: str) -> int:
    answer = await client.get(f"{url}/api/v1/query", params={"query": query})
    answer.raise_for_status()
    result = answer.json()["data"]["result"]
    return int(float(result[0]["value"][1])) if result else 0


def _metrics(up: int, containers: int) -> Finding:
    detail = f"{up} scrape targets, {containers} container series"
    mend = ""
    if not containers:
        mend = "add cAdvisor: without it alerts on containers and their expressions stay silent"
    if not up:
        mend = "it scrapes nothing: see its targets page"
    return Finding(name="prometheus", state="warning" if mend else "ok", detail=detail, mend=mend)


def _clock(date: str | None, whose: str) -> Finding:
    """Alert times and our own must agree, or 'after the act' means nothing."""
    theirs = _moment(date or "")
    if theirs is None:
        return Finding(name="clock", state="warning", detail=f"{whose} tells no time")
    skew = abs((datetime.now(UTC) - theirs).total_seconds())
    state: State = "ok" if skew <= MAX_CLOCK_SKEW_S else "warning"
    mend = "" if state == "ok" else "run an NTP client on both machines"
    detail = f"{max(0.0, skew - 1):.0f} s apart from {whose}"
    return Finding(name="clock", state=state, detail=detail, mend=mend)


def _moment(date: str) -> datetime | None:
    """An HTTP date, which is always in UTC; None where it cannot be read."""
    try:
        return parsedate_to_datetime(date).replace(tzinfo=UTC)
    except ValueError:
        return None


async def alertmanager(settings: Settings) -> list[Finding]:
    """Does it answer, and does its configuration send to `/alert`?"""
    url, name = settings.alertmanager_url.rstrip("/"), "alertmanager"
    if not url:
        mend = "set ALERTMANAGER_URL: silences are not seen, truncated groups not completed"
        return [Finding(name=name, state="warning", detail="not configured", mend=mend)]
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:
            answer = await client.get(f"{url}/api/v2/status")
            answer.raise_for_status()
            written = str(answer.json()["config"]["original"])
    except (httpx.HTTPError, ValueError, LookupError) as error:
        return [unreachable(name, error, f"see that {url} answers; else ALERTMANAGER_URL")]
    return [_route(written)]


def _route(written: str) -> Finding:
    """Newer versions hide webhook addresses; then it cannot be told."""
    name, mend = "alertmanager", "add a webhook_config with url http://<this host>:5000/alert"
    if "webhook_configs" not in written:
        return Finding(name=name, state="warning", detail="no webhook at all", mend=mend)
    urls = _URL.findall(written)
    if any(url.endswith("/alert") for url in urls):
        return Finding(name=name, state="ok", detail="answers, and posts to /alert")
    if "<secret>" in urls:
        return Finding(name=name, state="ok", detail="answers; it hides where it posts to")
    return Finding(name=name, state="warning", detail="no webhook posts to /alert", mend=mend)


async def telegram(settings: Settings) -> list[Finding]:
    """Is the bot's token good, and is there somebody to write to?"""
    token, name = settings.telegram_bot_token, "telegram"
    if token is None:
        mend = "set TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID to be told and asked"
        return [Finding(name=name, state="warning", detail="not configured", mend=mend)]
    if not settings.telegram_chat_id:
        mend = "set TELEGRAM_CHAT_ID: nobody would get the messages"
        return [Finding(name=name, state="misconfigured", detail="no chat", mend=mend)]
    base = settings.telegram_base_url or TELEGRAM
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:
            answer = await client.get(f"{base}{token.get_secret_value()}/getMe")
            said = answer.json()
    except (
        httpx.HTTPError,
        ValueError,
    ) as error:  # the address holds the token: name the kind only
        why = type(error).__name__
        return [unreachable(name, f"no answer ({why})", "see the network, or TELEGRAM_BASE_URL")]
    if not said.get("ok"):
        mend = "ask @BotFather for the token again and set TELEGRAM_BOT_TOKEN"
        detail = f"it refuses the token: {said.get('description')}"
        return [Finding(name=name, state="misconfigured", detail=detail, mend=mend)]
    return [Finding(name=name, state="ok", detail=f"@{said['result'].get('username')} is ready")]
