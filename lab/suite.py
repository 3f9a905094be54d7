"""Many scenarios side by side, and the sum of them. Not here: one scenario (lab/runner.py)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Literal

import docker
from docker.errors import DockerException
from pydantic import BaseModel

from lab.agent import Agent
from lab.judge import Judgement
from lab.runner import play
from lab.scenario import Scenario
from lab.standins.openai import OpenAI
from lab.standins.openai_turns import hostile, probing
from lab.sweep import sweep

Tell = Callable[[str, Judgement | None], None]
Manners = Literal["none", "well", "hostile"]
"""How the model answers that is asked in every incident; `none` has no model."""


class Summary(BaseModel):
    """The sums; `harm` and `unneeded` count actions, the others scenarios."""

    policy: str
    model: str
    scenarios: int
    right: int
    harm: int
    unneeded: int
    healed: int
    escalated: int
    actions: int
    median_seconds_to_healthy: float | None
    tokens: int
    dollars: float


class Score(BaseModel):
    """What `nightshift score --json` prints."""

    summary: Summary
    scenarios: list[Judgement]


async def run_all(
    scenarios: Sequence[Scenario],
    *,
    agent: Agent,
    jobs: int,
    tell: Tell,
    model: Manners = "none",
    logs: Path | None = None,
) -> Score:
    """Play all of them, `jobs` at once; `tell` hears of each beginning and each end."""
    await asyncio.to_thread(clean)
    turns = asyncio.Semaphore(jobs)

    async def one(scenario: Scenario) -> Judgement:
        async with turns, asked(model) as env:
            tell(scenario.id, None)
            judgement = await play(scenario, agent=agent, env=env, logs=logs)
            tell(scenario.id, judgement)
            return judgement

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(scenario)) for scenario in scenarios]
    found = [task.result() for task in tasks]
    return Score(summary=summed(agent.name, found, model=model), scenarios=found)


@asynccontextmanager
async def asked(model: Manners) -> AsyncIterator[dict[str, str]]:
    """A model stand-in of its own for one scenario; yields the settings that point at it."""
    if model == "none":
        yield {}
        return
    async with OpenAI(probing if model == "well" else hostile()) as standin:
        yield {"LLM_BASE_URL": standin.url, "LLM_MODE": "always"}


def clean() -> None:
    """Remove what killed labs left; a daemon that refuses is met again by the scenarios."""
    with suppress(DockerException):
        client = docker.from_env(timeout=30)
        try:
            sweep(client)
        finally:
            client.close()


def summed(policy: str, found: Sequence[Judgement], *, model: Manners = "none") -> Summary:
    """The sum of these judgements of one agent."""
    seconds = [one.seconds_to_healthy for one in found if one.healed and one.seconds_to_healthy]
    return Summary(
        policy=policy,
        model=model,
        scenarios=len(found),
        right=sum(one.right for one in found),
        harm=sum(one.harm for one in found),
        unneeded=sum(one.unneeded for one in found),
        healed=sum(one.healed for one in found),
        escalated=sum(one.escalated for one in found),
        actions=sum(len(one.actions) for one in found),
        median_seconds_to_healthy=round(median(seconds), 2) if seconds else None,
        tokens=sum(one.tokens for one in found),
        dollars=round(sum(one.dollars for one in found), 6),
    )
