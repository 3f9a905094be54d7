"""doctor's checks of what is optional and elsewhere: Qdrant, Proxmox, model servers, heartbeat.

What is not configured gives no finding. Not here: what every installation has (doctor_peers.py).
"""

import asyncio
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from domain.errors import NightshiftError, Transient
from nightshift.doctor import Finding, unreachable
from nightshift.settings import Settings

TIMEOUT_S = 5.0
REFUSED = (401, 403)


async def qdrant(settings: Settings) -> list[Finding]:
    """Does the server of the memory answer, and take our key?"""
    url, name = settings.qdrant_url.rstrip("/"), "qdrant"
    if not url:
        return []
    key = settings.qdrant_api_key
    headers = {"api-key": key.get_secret_value()} if key else {}
    mend = "see that the server of QDRANT_URL runs; until then nothing is remembered in incidents"
    answer = await _asked(f"{url}/collections", headers)
    if not isinstance(answer, httpx.Response):
        return [unreachable(name, answer, mend)]
    if answer.status_code in REFUSED:
        return [_refused(name, answer, "set QDRANT_API_KEY to the server's key")]
    if answer.is_error:
        return [unreachable(name, f"it answers with status {answer.status_code}", mend)]
    return [Finding(name=name, state="ok", detail="answers")]


async def proxmox(settings: Settings) -> list[Finding]:
    """Does the cluster answer, and may we do what we need? Raises BadConfiguration."""
    if not settings.proxmox_host:
        return []
    from nightshift.wiring import open_guests

    name = "proxmox"
    quick = min(settings.proxmox_timeout_s, TIMEOUT_S)
    async with AsyncExitStack() as stack:
        bounded = settings.model_copy(update={"proxmox_timeout_s": quick})
        cluster = await open_guests(bounded, stack)
        try:
            lacking = await cluster.lacking() if cluster else []
        except Transient as error:
            return [unreachable(name, error, "see that PROXMOX_HOST answers, and PROXMOX_CA")]
        except NightshiftError as error:
            mend = "see PROXMOX_USER and its token or password"
            return [Finding(name=name, state="misconfigured", detail=str(error), mend=mend)]
    if lacking:
        mend = "give the user and its token a role with these privileges"
        detail = f"it may not: {', '.join(lacking)}"
        return [Finding(name=name, state="warning", detail=detail, mend=mend)]
    return [Finding(name=name, state="ok", detail="answers, and has all privileges")]


async def model(settings: Settings) -> list[Finding]:
    """Does the server of the model answer, take our key and know the model?"""
    from tools.llm_client import OPENAI

    key, url = settings.openai_api_key, settings.llm_base_url
    if settings.llm_mode == "never" or not (key or url):
        return []
    return [await _models("model", url or OPENAI, key, "LLM_BASE_URL", settings.llm_model)]


async def embeddings(settings: Settings) -> list[Finding]:
    """The same for a server of embeddings of one's own."""
    url, key = settings.embeddings_base_url, settings.openai_api_key
    if not url or settings.nightshift_embeddings == "lexical":
        return []
    name, wanted = "embeddings", settings.embeddings_model
    return [await _models(name, url, key, "EMBEDDINGS_BASE_URL", wanted)]


async def heartbeat(settings: Settings) -> list[Finding]:
    """Can its host be reached? It is not called: that would count as a sign of life."""
    if settings.heartbeat_url is None:
        return []
    name, parts = "heartbeat", urlsplit(settings.heartbeat_url.get_secret_value())
    mend = "see the network, or HEARTBEAT_URL: its watch will report us dead"
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        async with asyncio.timeout(TIMEOUT_S):
            _, writer = await asyncio.open_connection(parts.hostname or "", port)
            writer.close()
            await writer.wait_closed()
    except TimeoutError:
        return [unreachable(name, f"no answer in {TIMEOUT_S:g} s", mend)]
    except (OSError, ValueError) as error:
        return [unreachable(name, error, mend)]
    detail = f"{parts.hostname} can be reached; it was not called"
    return [Finding(name=name, state="ok", detail=detail)]


async def _models(name: str, url: str, key: SecretStr | None, setting: str, wanted: str) -> Finding:
    """OpenAI's list of models, which Ollama, vLLM and most others give as well, at no cost."""
    headers = {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}
    answer = await _asked(f"{url.rstrip('/')}/models", headers)
    mend = f"see that the server of {setting} runs; until then incidents go without it"
    if not isinstance(answer, httpx.Response):
        return unreachable(name, answer, mend)
    if answer.status_code in REFUSED:
        return _refused(name, answer, "set OPENAI_API_KEY to a key that this server takes")
    if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        return unreachable(name, f"it answers with status {answer.status_code}", mend)
    known = _ids(answer)
    if known and not any(one == wanted or one.startswith(f"{wanted}:") for one in known):
        mend = f"choose one that it has: {', '.join(known[:5])}"
        detail = f"answers, but does not list {wanted!r}"
        return Finding(name=name, state="warning", detail=detail, mend=mend)
    return Finding(name=name, state="ok", detail=f"answers; {wanted} is asked")


def _ids(answer: httpx.Response) -> list[str]:
    """Nothing where the server gives no such list."""
    try:
        return [str(one["id"]) for one in answer.json()["data"]]
    except (ValueError, LookupError, TypeError):
        return []


def _refused(name: str, answer: httpx.Response, mend: str) -> Finding:
    detail = f"it refuses the key (status {answer.status_code})"
    return Finding(name=name, state="misconfigured", detail=detail, mend=mend)


async def _asked(url: str, headers: dict[str, str]) -> httpx.Response | Exception:
    """The answer, or why there is none."""
    try:
        async with asyncio.timeout(TIMEOUT_S), httpx.AsyncClient(timeout=TIMEOUT_S) as client:
            return await client.get(url, headers=headers)
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError) as error:
        return error
