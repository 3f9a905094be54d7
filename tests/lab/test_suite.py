import httpx

from lab.suite import asked, summed


async def test_without_a_model_nothing_is_set() -> None:
    """The agent finds none to ask."""
    async with asked("none") as env:
        assert env == {}


async def test_a_model_is_asked_in_every_incident() -> None:
    """The stand-in answers where the settings point, in the mode that always asks."""
    async with asked("well") as env, httpx.AsyncClient() as http:
        body = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
        said = await http.post(f"{env['LLM_BASE_URL']}/chat/completions", json=body)

    assert env["LLM_MODE"] == "always"
    assert said.json()["choices"][0]["message"]["role"] == "assistant"


def test_the_sum_tells_who_was_asked() -> None:
    """A table of results says how they came about."""
    assert summed("nightshift", [], model="hostile").model == "hostile"
