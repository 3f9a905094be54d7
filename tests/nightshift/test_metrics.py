"""Nightshift's own metrics."""

from typing import Any

from domain.incident import Usage
from domain.journal import Sealed
from domain.store import Spending
from nightshift.metrics import Live, Meters


async def test_two_processes_of_a_test_do_not_share_a_registry(books: Any, make_alert: Any) -> None:
    """Meters belong to what made them; there is no global one."""
    one, other = Meters(), Meters()
    one.accepted([make_alert(), make_alert(status="resolved")])
    stats = await books.stats()

    assert b'alerts_accepted_total{status="firing"} 1.0' in one.exposition(stats)
    assert b'alerts_accepted_total{status="firing"} 0.0' in other.exposition(stats)


async def test_the_audit_trail_is_sealed_outside_too(books: Any) -> None:
    """Its length and its head can be read from Prometheus; an empty one has no head."""
    stats = await books.stats()
    sealed = stats.model_copy(update={"audit": Sealed(lines=7, head="c0ffee")})
    text = Meters().exposition(sealed).decode()

    assert "nightshift_audit_lines 7.0" in text
    assert 'nightshift_audit_head_info{head="c0ffee"} 1.0' in text
    assert "head=" not in Meters().exposition(stats).decode()


async def test_what_the_model_cost(books: Any) -> None:
    """Calls, tokens and dollars in all, and what this day and month have cost."""
    used = Usage(model_calls=3, prompt_tokens=2000, completion_tokens=200, dollars=0.00042)
    spent = Spending(incidents=2, total=used, today=Usage(dollars=0.0001), month=used)
    stats = (await books.stats()).model_copy(update={"model": spent})

    text = Meters().exposition(stats).decode()

    assert "nightshift_model_incidents_total 2.0" in text
    assert "nightshift_model_calls_total 3.0" in text
    assert 'nightshift_model_tokens_total{kind="prompt"} 2000.0' in text
    assert "nightshift_model_dollars_total 0.00042" in text
    assert 'nightshift_model_spent_dollars{window="day"} 0.0001' in text


def test_what_is_degraded_is_a_metric(books: Any) -> None:
    """One series a component, and readiness; also where the ledger is silent."""
    words = {"database": "the store did not do it: disk full", "docker": "ok"}
    live = Live(ready=False, components=words, maybe_doubled={"telegram": 2})

    text = Meters().exposition(None, live).decode()

    assert 'nightshift_degraded{component="database"} 1.0' in text
    assert 'nightshift_degraded{component="docker"} 0.0' in text
    assert "nightshift_ready 0.0" in text
    assert 'nightshift_messages_maybe_doubled_total{channel="telegram"} 2.0' in text
