"""Opening everything, in order, and closing it again.

Adapters are named here and, for memory, in wiring_memory.py; nowhere else.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from importlib.resources import files
from typing import Any

import structlog
from langgraph.checkpoint.base import BaseCheckpointSaver

from domain.deps import Deps
from domain.errors import NightshiftError
from domain.limits import Limits
from domain.notice import Notifier
from domain.ports import Clock
from domain.reasoning import Purse
from memory.learned import LearnedMemory
from memory.store import Store, open_store
from nightshift.anchors import Keeper
from nightshift.bounds import bounded
from nightshift.checkpoints import open_saver
from nightshift.clock import SystemClock
from nightshift.components import components
from nightshift.crew import Crew
from nightshift.heard import HeardNotifier, HeardReasoner
from nightshift.outbox import run_outbox
from nightshift.own_tools import kinds_of, open_tools
from nightshift.retention import keep_checkpoints
from nightshift.runs import Runs
from nightshift.scribe import Scribe
from nightshift.service import Service
from nightshift.settings import Settings
from nightshift.sharing import SharedSurveys
from nightshift.sorter import Sorter
from nightshift.watch import Watch
from nightshift.wiring_cluster import open_crew
from nightshift.wiring_memory import open_memory
from nightshift.wiring_store import place_of, takeover_s
from nodes.reach import look_around
from policy.money import Ceilings, Prices
from tools.alertmanager import AlertmanagerSilences
from tools.console import ConsoleNotifier
from tools.docker import DockerHosts
from tools.docker_own import own_container_id
from tools.llm import ModelReasoner
from tools.llm_client import Server
from tools.llm_prompt import load as load_prompts
from tools.prometheus import PrometheusMetrics
from tools.proxmox import ProxmoxCluster
from tools.runbooks import load as load_runbooks
from tools.telegram import TelegramNotifier

log = structlog.get_logger(__name__)

REFILL_EVERY_S = 60.0
WAKE_EVERY_S = 0.25
"""An incident writes some forty times in a few seconds, and a courier asks the store each time."""


@asynccontextmanager
async def open_service(
    settings: Settings, *, work: bool = True, accept: bool = False
) -> AsyncIterator[Service]:
    """The service of these settings; with `work` it takes jobs until the block ends.

    With `accept` and without `work` other processes take them, and only its health is looked
    after. Raises BadConfiguration where a setting or a file it needs is wrong, Transient where
    the database's server is out of reach.
    """
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        place, data = place_of(settings), settings.nightshift_data_dir
        notifiers = [HeardNotifier(one, clock) for one in await _notifiers(settings, stack)]
        channels = tuple(notifier.name for notifier in notifiers)
        store = await stack.enter_async_context(
            open_store(
                place,
                tenant=settings.nightshift_tenant,
                clock=clock,
                channels=channels,
                window_s=max(3600.0, settings.nightshift_latch_quiet_s),
                takeover_s=takeover_s(settings),
            )
        )
        saver = await stack.enter_async_context(open_saver(place))
        deps = await _deps(settings, stack, store, clock)
        runs, watch = Runs(store, deps, saver), Watch(deps.containers, store, clock)
        crew = await open_crew(settings, stack, store, runs, watch)
        service = Service(
            settings=settings,
            store=store,
            deps=deps,
            runs=runs,
            watch=watch,
            components=components(store, deps, data, notifiers) | crew.components(),
            notifiers=notifiers,
            crew=crew,
        )
        if work or accept:
            sorter = Sorter(store, service.delivery_lost, clock)
            await sorter.begin()
            stack.push_async_callback(service.stop)
        if work:
            await store.recover()
            tasks = _background(store, deps, saver, notifiers, settings, crew)
            service.start({"sorter": sorter.run(), **tasks})
        elif accept:
            service.start_accepting({"sorter": sorter.run()})
        await service.look()  # last: what is unfinished does not wait for a dependency's silence
        yield service


async def _notifiers(settings: Settings, stack: AsyncExitStack) -> list[Notifier]:
    """The console always, Telegram where it is configured."""
    found: list[Notifier] = [ConsoleNotifier()]
    token = settings.telegram_bot_token
    if token and settings.telegram_chat_id:
        telegram = TelegramNotifier(
            token.get_secret_value(), settings.telegram_chat_id, settings.telegram_base_url
        )
        found.append(await stack.enter_async_context(telegram))
    return found


async def _deps(settings: Settings, stack: AsyncExitStack, store: Store, clock: Clock) -> Deps:
    own_id = own_container_id()
    limits = bounded(settings, own_id=own_id or "")
    tools = await open_tools(settings)
    containers = await stack.enter_async_context(
        DockerHosts(
            settings.docker_hosts,
            timeout_s=settings.docker_timeout_s,
            stop_grace_s=settings.docker_stop_grace_s,
            own_id=own_id,
        )
    )
    deps = Deps(
        clock=clock,
        containers=containers,
        metrics=_metrics(settings, limits, stack),
        ledger=store,
        memory=open_memory(settings, stack, store),
        rulebook=load_runbooks(settings.nightshift_runbooks, kinds_of(tools)),
        limits=limits,
        guests=await open_guests(settings, stack),
        silences=await _silences(settings, stack),
        reasoner=_heard(open_reasoner(settings, stack, store, clock), clock),
        tools=tools,
    )
    return replace(deps, surveys=SharedSurveys(partial(look_around, deps), clock))


def _heard(reasoner: ModelReasoner | None, clock: Clock) -> HeardReasoner | None:
    return HeardReasoner(reasoner, clock) if reasoner else None


async def open_guests(settings: Settings, stack: AsyncExitStack) -> ProxmoxCluster | None:
    """Proxmox, where a host is named. Raises BadConfiguration."""
    if not settings.proxmox_host:
        return None
    password, token = settings.proxmox_password, settings.proxmox_token_value
    cluster = ProxmoxCluster(
        settings.proxmox_host,
        settings.proxmox_user,
        password=password.get_secret_value() if password else None,
        token_name=settings.proxmox_token_name or None,
        token_value=token.get_secret_value() if token else None,
        verify=str(settings.proxmox_ca) if settings.proxmox_ca else True,
        timeout_s=settings.proxmox_timeout_s,
        task_timeout_s=settings.proxmox_task_timeout_s,
    )
    return await stack.enter_async_context(cluster)


async def _silences(settings: Settings, stack: AsyncExitStack) -> AlertmanagerSilences | None:
    """Alertmanager's silences, where its address is known."""
    url = settings.alertmanager_url
    return await stack.enter_async_context(AlertmanagerSilences(url)) if url else None


def open_reasoner(
    settings: Settings, stack: AsyncExitStack, purse: Purse, clock: Clock
) -> ModelReasoner | None:
    """The model, where one is configured; nothing is sent before it is asked."""
    key = settings.openai_api_key
    if settings.llm_mode == "never" or not (key or settings.llm_base_url):
        return None
    server = Server(
        model=settings.llm_model,
        base_url=settings.llm_base_url,
        api_key=key.get_secret_value() if key else "",
        timeout_s=settings.llm_timeout_s,
        max_tokens=settings.llm_max_tokens,
    )
    reasoner = ModelReasoner(
        server,
        prompts=load_prompts(files("nodes") / "prompts", settings.nightshift_prompts),
        purse=purse,
        clock=clock,
        prices=Prices(prompt=settings.llm_price_in, completion=settings.llm_price_out),
        ceilings=Ceilings(
            prompt_tokens=settings.llm_budget_incident,
            day=settings.llm_budget_day,
            month=settings.llm_budget_month,
        ),
    )
    stack.push_async_callback(reasoner.close)
    return reasoner


def _metrics(settings: Settings, limits: Limits, stack: AsyncExitStack) -> PrometheusMetrics | None:
    if not settings.prometheus_url:
        return None
    metrics = PrometheusMetrics(
        settings.prometheus_url,
        timeout_s=settings.prometheus_timeout_s,
        addresses=limits.addresses,
    )
    stack.callback(metrics.close)
    return metrics


async def _refill(memory: LearnedMemory, clock: Clock) -> None:
    """Keep the index level with the ledger."""
    while True:
        try:
            await memory.refill()
        except NightshiftError as error:
            log.warning("memory_not_refilled", error=str(error))
        await clock.sleep(REFILL_EVERY_S)


def _background(
    store: Store,
    deps: Deps,
    saver: BaseCheckpointSaver[str],
    notifiers: Sequence[Notifier],
    settings: Settings,
    crew: Crew,
) -> dict[str, Coroutine[Any, Any, None]]:
    """What runs beside the workers: couriers and their wake-up call, audit, retention, refill."""
    clock, scribe = deps.clock, Scribe(store)
    wakeups = {notifier.name: asyncio.Event() for notifier in notifiers}

    def courier(notifier: Notifier) -> Coroutine[Any, Any, None]:
        return run_outbox(
            store,
            scribe,
            crew.held(f"outbox-{notifier.name}", notifier),
            clock,
            digests=store,
            digest_after=settings.nightshift_digest_after,
            wakeup=wakeups[notifier.name],
        )

    tasks: dict[str, Coroutine[Any, Any, None]] = {}
    for notifier in notifiers:
        name = f"outbox-{notifier.name}"
        tasks[name] = crew.alone(name, partial(courier, notifier))
    tasks["outbox-wakeup"] = _wake(store, list(wakeups.values()))
    if isinstance(deps.memory, LearnedMemory):
        refill = partial(_refill, deps.memory, clock)
        tasks["memory"] = crew.alone("memory", refill) if settings.qdrant_url else refill()
    channels = [crew.held("audit", notifier) for notifier in notifiers]
    keeper = Keeper(store, settings.nightshift_data_dir, channels, clock)
    tasks["audit"] = crew.alone("audit", keeper.run)
    if days := settings.nightshift_keep_checkpoints_days:
        sweep = partial(keep_checkpoints, store, saver, clock, days=days)
        tasks["retention"] = crew.alone("retention", sweep)
    return tasks


async def _wake(store: Store, wakeups: list[asyncio.Event]) -> None:
    """Tell the couriers of a change at once, and of all that follow it soon together."""
    seen = store.change_count
    while True:
        seen = await store.wait_change(seen, timeout=60.0)
        for wakeup in wakeups:
            wakeup.set()
        await asyncio.sleep(WAKE_EVERY_S)
