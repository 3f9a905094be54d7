"""Memory as the graph sees it: an index that follows the ledger. Not here: an engine, a model.

The index may be missing, held by another process or broken: then questions raise Transient, the
incident goes on without memory, and the index is filled again from the ledger in the background.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from domain.errors import Permanent, Transient
from domain.incident import Episode, PastIncident
from domain.recall import Embeddings, EpisodeSource, symptom_of
from memory.edge import IndexLost
from memory.embeddings import document_terms, query_terms
from memory.fusion import ranked
from memory.index import Entry, Index, Question

P = ParamSpec("P")
T = TypeVar("T")

PAGE = 64
"""Episodes embedded and stored at once: some 20 ms of work between two looks at other tasks."""
CANDIDATES = 50


class LearnedMemory:
    """The port `Memory` over an index, its embeddings and the ledger.

    `patience_s` bounds every call; `settle_s` is how long the first question waits for an index
    that is being filled before it is answered from what is there.
    """

    def __init__(
        self,
        index: Index,
        embeddings: Embeddings,
        source: EpisodeSource,
        *,
        patience_s: float = 10.0,
        settle_s: float = 2.0,
    ) -> None:
        self._index = index
        self._embeddings = embeddings
        self._source = source
        self._patience_s = patience_s
        self._settle_s = settle_s
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="memory-index")
        self._filling: asyncio.Task[int] | None = None
        self._complete = False
        self._closed = False
        self._trouble = ""

    async def similar(self, symptom: str, *, limit: int) -> list[PastIncident]:
        """The most similar episodes, best first. Raises Transient."""
        if not self._complete:
            await asyncio.wait({self._start_filling()}, timeout=self._settle_s)
        dense = (await self._embed([symptom]))[0]
        question = Question(dense=dense, sparse=query_terms(symptom))
        found = await self._call(self._index.search, question, limit=max(CANDIDATES, limit))
        return ranked(symptom, found, limit=limit)

    async def store(self, episode: Episode) -> None:
        """Add or replace one episode. Raises Transient; it is then added by the next refill."""
        try:
            await self._put([episode])
        except Transient:
            self._complete = False
            raise

    async def refill(self) -> int:
        """Bring the index up to the ledger and return how many episodes it lacked.

        Call it at start and now and then; when nothing is missing it costs two counts. Of
        concurrent calls one works and all return its answer. Raises Transient.
        """
        return await asyncio.shield(self._start_filling())

    async def rebuild(self) -> int:
        """Forget the index and fill it from the ledger alone. Raises Transient."""
        await self._call(self._index.clear)
        return await self.refill()

    def health(self) -> str:
        """Why memory may be incomplete; empty when it is not."""
        if self._trouble or self._complete:
            return self._trouble
        return "the memory index has not been compared with the ledger yet"

    async def close(self) -> None:
        """Stop filling and let go of the index."""
        if self._filling is not None:
            self._filling.cancel()
            await asyncio.wait({self._filling})
        try:
            await self._call(self._index.close)
        finally:
            self._closed = True
            await asyncio.to_thread(self._thread.shutdown)

    def _start_filling(self) -> asyncio.Task[int]:
        if self._filling is None or self._filling.done():
            self._filling = asyncio.create_task(self._fill(), name="memory-refill")
            self._filling.add_done_callback(_seen)
        return self._filling

    async def _fill(self) -> int:
        try:
            lacking = await self._fill_gaps()
        except (Transient, Permanent) as error:
            self._complete, self._trouble = False, str(error)
            raise
        self._complete, self._trouble = True, ""
        return lacking

    async def _fill_gaps(self) -> int:
        wanted = await self._source.episode_count()
        if await self._call(self._index.count) == wanted:
            return 0
        lacking = after = 0
        while rows := await self._source.episodes(after=after, limit=PAGE):
            after = rows[-1][0]
            episodes = {episode.incident: episode for _, episode in rows}
            missing = await self._call(self._index.missing, list(episodes))
            await self._put([episodes[incident] for incident in episodes if incident in missing])
            lacking += len(missing)
            self._trouble = f"the memory index is being filled: {lacking} of {wanted} so far"
        return lacking

    async def _put(self, episodes: list[Episode]) -> None:
        if not episodes:
            return
        texts = [symptom_of(episode) for episode in episodes]
        entries = [
            Entry(episode=episode, dense=dense, sparse=document_terms(text))
            for episode, text, dense in zip(episodes, texts, await self._embed(texts), strict=True)
        ]
        await self._call(self._index.put, entries)

    async def _embed(self, texts: list[str]) -> list[list[float]]:
        model = self._embeddings
        try:
            async with asyncio.timeout(self._patience_s):
                vectors = await model.embed(texts)
        except TimeoutError as error:
            raise Transient(f"{model.name} took over {self._patience_s:g} s to embed") from error
        except Permanent as error:
            raise Transient(f"{model.name} does not embed: {error}") from error
        if [len(vector) for vector in vectors] != [model.dim] * len(texts):
            raise Transient(f"{model.name} did not return one vector of {model.dim} floats a text")
        return vectors

    async def _call(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run it in the index's own thread: two at once would break the engine's files."""
        if self._closed:
            raise Transient("memory is closed: this process is shutting down")
        done = asyncio.get_running_loop().run_in_executor(
            self._thread, lambda: work(*args, **kwargs)
        )
        try:
            async with asyncio.timeout(self._patience_s):
                return await done
        except TimeoutError as error:
            raise Transient(f"the memory index took over {self._patience_s:g} s") from error
        except IndexLost:
            self._complete = False
            raise


def _seen(task: asyncio.Task[int]) -> None:
    """A failed refill is told by `health`; here it only counts as looked at."""
    if not task.cancelled():
        task.exception()
