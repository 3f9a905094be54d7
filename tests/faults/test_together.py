"""Everything at once."""

from tests.faults.houses import House, down, handed_over


async def test_everything_down(house: House) -> None:
    """No Docker, no Prometheus, no chat: it ends, and is told when the chat is back."""
    async with house.at_work() as nightshift:
        for faults in (house.docker.faults, house.prometheus.faults, house.telegram.faults):
            down(faults)
        row = await nightshift.end(await house.crash(nightshift))
        degraded = [await house.degraded(nightshift, one) for one in ("docker", "prometheus")]
        ready = (await nightshift.http.get("/ready")).status_code
        house.telegram.faults.clear()
        told = await house.chat(lambda words: "Needs you" in words)

    assert handed_over(row)
    assert house.verbs() == []
    assert "Degraded:" in told
    assert (all(degraded), ready) == (True, 200)
