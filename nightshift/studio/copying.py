"""Bringing an incident of the service into a running `langgraph dev`. Not here: collecting it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import httpx
from langgraph_sdk import get_client

from domain.errors import NotFound, Permanent, Transient
from domain.plain import Record
from nightshift.recording import Recording
from nightshift.settings import Settings
from nightshift.studio.runs import GRAPH, described

STUDIO = "https://smith.langchain.com/studio/thread"
RECORDED = "recorded"
"""In a thread's metadata, the incident whose recording its runs go over."""
INPUT, START = "__input__", "__start__"
"""Whom LangGraph lets a thread's first state come from, and who hands it to the first node."""
TIMEOUT_S = 30.0
GONE = "there are none yet, or they are older than NIGHTSHIFT_KEEP_CHECKPOINTS_DAYS"


class Copied(Record):
    """A thread in Studio, and the page that shows it."""

    incident: str
    thread: str
    checkpoints: int
    page: str


async def copy_in(recording: Recording, url: str, settings: Settings) -> Copied:
    """Send the recording, then make a thread of its checkpoints; every call makes a new one.

    Raises NotFound (nothing to show), Transient (nothing answers there), Permanent.
    """
    incident = recording.incident
    if not recording.steps:
        raise NotFound(f"incident {incident.id} has no checkpoints: {GONE}")
    with _told(url):
        async with _ours(url, settings) as client:
            body = recording.model_dump_json()
            (await client.post("/studio/recordings", content=body)).raise_for_status()
        async with get_client(url=url, api_key=None, timeout=TIMEOUT_S) as studio:
            thread: dict[str, Any] = dict(
                await studio.threads.create(
                    graph_id=GRAPH,
                    metadata={**described(incident), RECORDED: incident.id},
                    supersteps=supersteps(recording),
                )
            )
    if "thread_id" not in thread:
        raise Permanent(f"{url} did not take the checkpoints: {thread.get('detail', 'no reason')}")
    return Copied(
        incident=incident.id,
        thread=str(thread["thread_id"]),
        checkpoints=len(recording.steps),
        page=page_of(str(thread["thread_id"]), url),
    )


def supersteps(recording: Recording) -> list[dict[str, Any]]:
    """The checkpoints as updates, each by the node that made it; no channel adds up."""
    first = {"updates": [{"values": recording.steps[0].values, "as_node": INPUT}]}
    rest = [{"updates": [{"values": one.values, "as_node": one.by}]} for one in recording.steps]
    return [first, *rest]


def page_of(thread: str, url: str) -> str:
    """Studio's page of a thread: a web page that talks to the server at `url` from the browser."""
    return f"{STUDIO}/{thread}?baseUrl={quote(url.rstrip('/'), safe=':/')}"


def _ours(url: str, settings: Settings) -> httpx.AsyncClient:
    """A client for our own routes there, with our own credentials."""
    token, basic = settings.nightshift_token, settings.nightshift_basic_auth
    headers = {"authorization": f"Bearer {token.get_secret_value()}"} if token else {}
    user, _, password = (basic.get_secret_value() if basic else "").partition(":")
    auth = httpx.BasicAuth(user, password) if basic and not token else None
    return httpx.AsyncClient(base_url=url, headers=headers, auth=auth, timeout=TIMEOUT_S)


@contextmanager
def _told(url: str) -> Iterator[None]:
    """HTTP's errors as ours."""
    try:
        yield
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        if status == httpx.codes.NOT_FOUND:
            said = "it is not Nightshift's: start `langgraph dev` where langgraph.json is"
        elif status == httpx.codes.UNAUTHORIZED:
            said = "it wants the NIGHTSHIFT_TOKEN that it was started with"
        else:
            said = f"it answered {status}"
        raise Permanent(f"{url} did not take the incident: {said}") from error
    except httpx.TransportError as error:
        raise Transient(f"nothing answers at {url}: start `langgraph dev` first") from error
    except httpx.InvalidURL as error:
        raise Permanent(f"{url!r} is no address: {error}") from error
