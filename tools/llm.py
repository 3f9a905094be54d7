"""The model: one question, within its budget. The adapter of `domain.reasoning.Reasoner`.

Not here: whether it is asked (policy/asking.py), or whether its answer is believed
(policy/grounding.py).
"""

from datetime import datetime, timedelta
from functools import partial

from domain.errors import NightshiftError, NoAnswer, Permanent, Transient
from domain.incident import Usage
from domain.ports import Clock
from domain.reasoning import Answer, ModelCall, Purse, Question
from policy import money
from policy.money import Ceilings, Prices
from tools.llm_client import AskAgain, Client, Failed, Reply, Server
from tools.llm_prompt import Prompt, Prompts, write
from tools.llm_shape import Shape

FIRST_SHARE, FINAL_SHARE = 0.40, 0.48
"""Of an incident's prompt tokens, what one call may take; the rest is for a guess that was low."""
FORMS_AT_MOST = 5
"""Forms of a question that a server may refuse before it counts as of no use."""
PATIENCE = 3
"""Failures in a row after which the model is left alone for a while."""
PAUSE_S = 60.0


class ModelReasoner:
    """A model behind a budget. What it cost is on record also where nothing came of it."""

    def __init__(
        self,
        server: Server,
        *,
        prompts: Prompts,
        purse: Purse,
        clock: Clock,
        prices: Prices,
        ceilings: Ceilings,
    ) -> None:
        self._client = Client(server)
        self._prompts, self._purse, self._clock = prompts, purse, clock
        self._prices, self._ceilings = prices, ceilings
        self._failures = 0
        self._quiet_until: datetime | None = None
        self._trouble = ""

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.close()

    @property
    def trouble(self) -> str:
        """Why the last call failed; empty when it did not."""
        return self._trouble

    async def diagnose(self, question: Question) -> Answer:
        """One call. Raises OverBudget (nothing was asked), NoAnswer, Transient, Permanent."""
        self._heed_quiet()
        shape = Shape(question)
        most = self._server.max_tokens
        prompt = self._written(question, shape)
        dearest = money.cost(prompt.tokens, most, self._prices)
        afford = partial(
            money.refusal, prompt_tokens=prompt.tokens, dearest=dearest, ceilings=self._ceilings
        )
        call = ModelCall(
            incident=question.incident,
            model=self._server.model,
            prompt_tokens=prompt.tokens,
            completion_tokens=most,
            cost=dearest,
        )
        key = await self._purse.reserve_call(call, afford)
        reply = await self._asked(key, question, shape, prompt)
        if reply.complaint:
            raise NoAnswer(reply.complaint)
        try:
            return shape.read(reply.words, model=self._server.model)
        except NoAnswer:
            self._client.distrust_form()
            raise

    @property
    def _server(self) -> Server:
        return self._client.server

    def _written(self, question: Question, shape: Shape) -> Prompt:
        share = FINAL_SHARE if question.final else FIRST_SHARE
        return write(
            question,
            self._prompts,
            schema=shape.text,
            tokens=int(self._ceilings.prompt_tokens * share),
            in_words=self._client.method == "json_mode",
        )

    async def _asked(self, key: str, question: Question, shape: Shape, prompt: Prompt) -> Reply:
        """Ask, and settle what it cost; a call that may have been billed stays reserved."""
        try:
            prompt, reply = await self._in_form(question, shape, prompt)
        except Failed as failed:
            if not failed.billed:
                await self._purse.settle_call(key, Usage(), 0)
            self._failed(failed.error)
            raise failed.error from None
        await self._settle(key, reply, prompt)
        self._worked()
        return reply

    async def _in_form(
        self, question: Question, shape: Shape, prompt: Prompt
    ) -> tuple[Prompt, Reply]:
        """Ask in one form after the other until the server takes one. Raises Failed."""
        for _ in range(FORMS_AT_MOST):
            try:
                return prompt, await self._client.ask(prompt.system, prompt.user, shape.schema)
            except AskAgain:
                prompt = self._written(question, shape)
        raise Failed(Permanent("the model's server takes no question in form"), billed=False)

    async def _settle(self, key: str, reply: Reply, prompt: Prompt) -> None:
        """With the server's own count, or with ours where it does not count.

        Of what was cut off or refused we do not know the length: it counts as all that it may be.
        """
        prompts = reply.prompt_tokens or prompt.tokens
        most = self._server.max_tokens
        words = most if reply.complaint else money.tokens_in(reply.words)
        written = reply.completion_tokens or words
        used = Usage(prompt_tokens=prompts, completion_tokens=written)
        await self._purse.settle_call(key, used, money.cost(prompts, written, self._prices))

    def _heed_quiet(self) -> None:
        """While the model is known to be out of order nobody waits for it."""
        if self._quiet_until is not None and self._clock.now() < self._quiet_until:
            until = f"{self._quiet_until:%H:%M:%S}"
            raise Transient(f"the model is left alone until {until}: {self._trouble}")

    def _worked(self) -> None:
        self._failures, self._quiet_until, self._trouble = 0, None, ""

    def _failed(self, error: NightshiftError) -> None:
        self._failures += 1
        self._trouble = str(error)
        pause = getattr(error, "retry_after", None)
        if pause is None and self._failures >= PATIENCE:
            pause = PAUSE_S
        if pause:
            self._quiet_until = self._clock.now() + timedelta(seconds=min(pause, 3600.0))
